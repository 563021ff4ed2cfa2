"""What claims to be fast or good is measured here; see README.md."""
