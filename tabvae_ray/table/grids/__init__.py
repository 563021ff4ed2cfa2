"""Grids that values lie on: decimals, steps, local clocks and weekdays."""
