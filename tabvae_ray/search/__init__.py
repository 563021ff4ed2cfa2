"""Hyperparameter search: Ray Tune runs trials, Optuna proposes them, records keep them."""
