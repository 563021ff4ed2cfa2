"""The search for rules between columns, and the evidence that chance does not explain them."""
