"""Scores of a comparison."""
