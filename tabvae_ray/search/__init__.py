"""The hyperparameter search: Ray Tune runs it, Optuna proposes, records keep it."""
