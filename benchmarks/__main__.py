"""``python -m benchmarks``: the benchmarks that take minutes; README.md lists the others."""

from benchmarks import generation, training

training.main()
generation.main()
