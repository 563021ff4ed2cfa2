"""Training: the loop, its schedules and stopping rules, routines, and trackers."""
