"""Reading of CSV files, with what a spec declares of their columns."""
