"""Refit of a table that does not fit in memory, by Ray Data and Ray Train."""
