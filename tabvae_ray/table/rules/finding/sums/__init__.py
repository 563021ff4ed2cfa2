"""The search for sums: of any number of columns, rounded, or modulo a period."""
