"""Formats of numbers, such as ``$1,234.50``: found in texts, read and written."""
