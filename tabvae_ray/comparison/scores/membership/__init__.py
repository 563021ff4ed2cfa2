"""Membership inference: how well an attacker tells rows of the table from other rows."""
