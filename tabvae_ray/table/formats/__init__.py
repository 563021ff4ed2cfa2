"""Formats of dates in text and numbers: finding, reading and writing them."""
