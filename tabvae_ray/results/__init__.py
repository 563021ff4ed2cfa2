"""Results of a search: its manifest, trial records, checkpoints and Pareto front."""
