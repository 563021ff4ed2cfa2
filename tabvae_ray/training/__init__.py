"""Training: the loop, what is measured during it, when it stops, where results go."""
