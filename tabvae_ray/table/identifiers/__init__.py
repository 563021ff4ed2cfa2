"""Identifier columns: their recognition, the shapes of their values, and new values."""
