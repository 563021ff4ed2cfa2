"""A network from its configuration."""

from collections.abc import Mapping, Sequence

import torch

from tabvae_ray.config import ArchitectureConfig
from tabvae_ray.model.vae import VAE

__all__ = ["build_vae"]


def build_vae(
    architecture: ArchitectureConfig,
    cardinalities: Sequence[int],
    code_orders: Mapping[int, Sequence[int]],
    order: Sequence[int] | None,
    seed: int,
    *,
    batch_norm: bool = True,
) -> VAE:
    """Build a network with initial weights.

    Args:
        architecture: Its configuration.
        cardinalities: Codes per column.
        code_orders: Codes in ascending order, by column with ordered codes.
        order: Order of the columns of an autoregressive decoder; None for an independent one.
        seed: Seed of the initial weights.
        batch_norm: False leaves batch norm out.
    """
    # Layers draw their initial weights from global state, which is restored afterwards.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(
            cardinalities,
            n_embd=architecture.n_embd,
            encoder_layer_sizes=architecture.encoder_layer_sizes,
            decoder_layer_sizes=architecture.decoder_layer_sizes,
            latent_dim=architecture.latent_dim,
            leaky_relu_slope=architecture.leaky_relu_slope,
            bn_momentum=architecture.bn_momentum,
            bn_epsilon=architecture.bn_epsilon,
            dropout_rate=architecture.dropout_rate,
            code_orders=code_orders if architecture.ordinal_codes else None,
            order=order,
            batch_norm=batch_norm,
            has_encoder=architecture.has_encoder,
        )
