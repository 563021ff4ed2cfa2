"""Columns that an attacker knows, and columns that must stay secret."""
