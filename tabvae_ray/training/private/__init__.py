"""Differentially private training: clipped gradients of single rows, noise, and accounting."""
