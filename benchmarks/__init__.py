"""Benchmarks of speed, memory and quality; README.md has their results."""
