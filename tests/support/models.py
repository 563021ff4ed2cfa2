"""Small networks that many tests share."""

from typing import Any

import pytest
import torch

from tabvae_ray.model.vae import VAE

CARDINALITIES = (7, 2, 40, 3, 2, 1)
ORDER = (3, 0, 5, 1, 4, 2)

# Options of each kind of decoder.
DECODERS = [
    pytest.param({}, id="independent"),
    pytest.param({"order": ORDER}, id="ordered"),
    pytest.param({"order": ORDER, "column_hidden": 6}, id="column_hidden"),
]


def small_vae(seed: int = 0, **options: Any) -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VAE(
            CARDINALITIES, encoder_layer_sizes=(32, 16), latent_dim=5, dropout_rate=0.1, **options
        )
