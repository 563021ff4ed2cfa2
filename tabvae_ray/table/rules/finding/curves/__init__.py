"""Find numbers that are a smooth function of one or two others."""
