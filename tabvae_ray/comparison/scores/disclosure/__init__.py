"""Attacks on single persons with published rows: singling out, linking, and guessing secrets."""
