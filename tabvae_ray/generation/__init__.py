"""Rows from a fitted model, and its export."""
