"""Train the chosen parameters of a search again, on all rows."""
