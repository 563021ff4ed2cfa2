"""``python -m benchmarks``: those that take minutes; the others are named in README.md."""

from benchmarks import generation, training

training.main()
generation.main()
