"""The search space: parameters, the space file and its rules."""
