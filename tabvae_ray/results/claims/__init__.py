"""Claims on a search: one process at a time runs or refits it."""
