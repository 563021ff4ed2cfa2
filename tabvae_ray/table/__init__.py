"""The table: what its columns are, how it is read and written, and its integer codes."""
