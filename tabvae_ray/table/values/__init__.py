"""Values that pandas holds as Python objects: decimals, times of day and durations."""
