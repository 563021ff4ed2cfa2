"""Codes of one column: bins of numbers, categories, and what conditions leave of either."""
