"""Search spaces that many tests share."""

from pathlib import Path

SPACES = Path(__file__).parents[2] / "search_spaces"


TINY = {
    "base": {
        "training": {"max_n_epochs": 9, "batch_size": 256},
        "architecture": {"encoder_layer_sizes": [16], "n_embd": 4},
    },
    "parameters": {
        "architecture.loss_beta": {"type": "float", "low": 0.01, "high": 1.0, "log": True},
        "architecture.latent_dim": {"type": "int", "low": 2, "high": 8},
    },
    "search": {"n_trials": 6, "n_startup_trials": 3, "n_rescores": 2, "seed": 7},
}
