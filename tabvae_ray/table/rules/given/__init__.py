"""Keep rules in rows of which some cells are given."""
