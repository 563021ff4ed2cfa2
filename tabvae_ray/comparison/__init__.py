"""Two tables side by side: scores, arrays, plots, and the levels they are read against."""
