"""Searches from Python: the function that the command and notebooks call, and its result."""
