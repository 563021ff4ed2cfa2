"""The number of rows that is read of a large table."""

__all__ = ["DEFAULT_ROWS"]

# A share of so many rows is off by at most 0.4 percentage points (Dvoretzky-Kiefer-Wolfowitz, with
# a probability of 99%).
DEFAULT_ROWS = 200_000
