"""The driver of a search: Ray Tune's loop and the books that are kept of it."""
