"""Comparison of two tables: scores, statistics, plots and reference levels."""
