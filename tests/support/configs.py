"""The configuration of the demo that this project grew from."""

from typing import Any

# The config.json of the demo that this project grew from, word for word.
DEMO: dict[str, Any] = {
    "data": {
        "training_dataset_path": "assets/heart.csv",
        "ls_cts_features": ["Age", "RestingBP"],
        "ls_cat_features": ["Sex", "ChestPainType"],
    },
    "transformers": {"n_bins_cts": 10},
    "architecture": {
        "n_embd": 8,
        "ls_encoder_layer_sizes": [512, 256],
        "latent_dim": 128,
        "loss_beta": 0.1,
        "leaky_relu_slope": 0.1,
        "bn_momentum": 0.1,
        "bn_epsilon": 1e-5,
        "dropout_rate": 0,
    },
    "training": {
        "device": "cpu",
        "max_n_epochs": 100,
        "learning_rate": 0.001,
        "batch_size": 512,
        "drop_last": False,
        "shuffle": True,
        "checkpoint_period": 5,
    },
    "validation": {
        "batch_routine_period": 1,
        "train_loader_routine_period": 5,
        "artifact_routine_period": 5,
        "generation_n_records": 1000,
        "generation_temperature": 1,
    },
    "tracking": {"experiment_id": "demo"},
}
