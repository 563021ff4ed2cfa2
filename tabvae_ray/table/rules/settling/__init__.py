"""Change drawn columns that must follow others."""
