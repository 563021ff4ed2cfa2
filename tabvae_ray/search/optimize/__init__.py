"""Proposals, early stopping, and the choice of the best model."""
