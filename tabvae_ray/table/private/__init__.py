"""The encoding of a table from declared properties and from noisy counts only."""
