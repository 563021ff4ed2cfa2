"""The search for categories that other columns determine: ranges, comparisons, texts."""
