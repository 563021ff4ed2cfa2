"""The search for what is missing or 0 because of other columns."""
