"""Columns of text that is put together from other columns of its row."""
