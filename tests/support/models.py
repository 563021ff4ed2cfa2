"""Small networks that many tests share."""

import pytest
import torch

from tabvae_ray.model.vae import VAE

CARDINALITIES = (7, 2, 40, 3, 2, 1)


DECODERS = [pytest.param(None, id="independent"), pytest.param((3, 0, 5, 1, 4, 2), id="ordered")]


def small_vae(order: tuple[int, ...] | None, seed: int = 0) -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VAE(
            CARDINALITIES, encoder_layer_sizes=(32, 16), latent_dim=5, dropout_rate=0.1, order=order
        )
