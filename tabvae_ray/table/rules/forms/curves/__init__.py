"""Numbers that are a smooth function of others."""
