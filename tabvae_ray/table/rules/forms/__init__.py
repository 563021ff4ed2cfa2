"""Forms of rules that compute a column from others."""
