"""Rules between columns: found on the real rows, kept in every generated one."""
