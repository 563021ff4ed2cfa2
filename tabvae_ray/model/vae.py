"""The tabular beta-VAE.

Shapes: ``B`` batch, ``C`` columns, ``K_c`` categories of column ``c``, ``E`` embedding size per
column, ``W`` width of the decoder's last layer, ``N`` gated units of a column, ``Z`` latent
dimensions.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tabvae_ray.model.column_products import autoregressive_products, column_products
from tabvae_ray.model.embeddings import ContextEmbedder, MultiFeatureEmbedder
from tabvae_ray.model.heads import MultiFeaturePredictor, group_columns
from tabvae_ray.model.layers import MLP, DiagonalGaussianLatent, dropout_mask, gated_units
from tabvae_ray.model.loss import kl_divergence

__all__ = ["VAE", "LossTerms"]


class LossTerms(NamedTuple):
    """The two terms of the loss, in nats."""

    cells: Tensor  # (B, C) cross-entropy per cell, columns in the predictor's order
    kl: Tensor  # (B,) KL divergence per row


class VAE(nn.Module):
    """A VAE over rows of integer codes.

    Every column is embedded, an MLP encodes the row to a diagonal Gaussian, another MLP decodes z
    to features, and one categorical head per column reads those. With ``order``, the decoder is
    autoregressive: the head of a column also sees the columns before it in that order. Their
    embeddings, projected to the decoder's width, are added to the decoded z before the activation
    (NADE, Larochelle & Murray 2011, with z as context). A column then costs one addition and one
    product with its own head, in training and in generation. With ``column_hidden``, each column
    also has a hidden layer of its own between that sum and its head, as in TabularARGN (Tiwald et
    al. 2025), of gated units (see :func:`gated_units`). A head of many codes is then cheaper,
    because it reads these units and not the wider sum.

    Args:
        cardinalities: Codes per column (``K_c``), each at least 1.
        n_embd: Embedding size per column (``E``), of the encoder and of an autoregressive decoder.
        encoder_layer_sizes: Hidden widths of the encoder, input side first.
        decoder_layer_sizes: Hidden widths of the decoder; those of the encoder, reversed, if None.
        latent_dim: Latent dimensions (``Z``).
        leaky_relu_slope: Slope of the activation below zero.
        bn_momentum: Weight of a new batch in batch norm's running statistics.
        bn_epsilon: Added to the variance in batch norm.
        dropout_rate: Share of hidden units dropped in training.
        order: Order of the columns for an autoregressive decoder, a permutation of ``range(C)``;
            None makes the columns independent given z.
        column_hidden: Gated units of each column in an autoregressive decoder (``N``); 0 for none.
        code_orders: For each column with ordered codes, its codes in ascending order; see
            :class:`MultiFeatureEmbedder`.
        has_encoder: False leaves the encoder out: z is then noise, which an autoregressive decoder
            learns to ignore, and the KL divergence is 0.
    """

    def __init__(
        self,
        cardinalities: Sequence[int],
        *,
        n_embd: int = 8,
        encoder_layer_sizes: Sequence[int] = (512, 256),
        decoder_layer_sizes: Sequence[int] | None = None,
        latent_dim: int = 128,
        leaky_relu_slope: float = 0.1,
        bn_momentum: float = 0.1,
        bn_epsilon: float = 1e-5,
        dropout_rate: float = 0.0,
        order: Sequence[int] | None = None,
        column_hidden: int = 0,
        code_orders: Mapping[int, Sequence[int]] | None = None,
        has_encoder: bool = True,
    ) -> None:
        super().__init__()
        if not cardinalities or min(cardinalities) < 1:
            raise ValueError(f"cardinalities must be >= 1 each, but got {list(cardinalities)}")
        if order is not None and sorted(order) != list(range(len(cardinalities))):
            raise ValueError(f"order must be a permutation of the columns, but got {list(order)}")
        self.cardinalities = tuple(cardinalities)
        self.latent_dim = latent_dim
        self.slope = leaky_relu_slope
        self.dropout_rate = dropout_rate
        if decoder_layer_sizes is None:
            decoder_layer_sizes = tuple(reversed(encoder_layer_sizes))

        def mlp(sizes: Sequence[int]) -> MLP:
            return MLP(
                sizes,
                leaky_relu_slope=leaky_relu_slope,
                bn_momentum=bn_momentum,
                bn_epsilon=bn_epsilon,
                dropout_rate=dropout_rate,
            )

        self.has_encoder = has_encoder
        if has_encoder:
            self.embedder = MultiFeatureEmbedder(cardinalities, n_embd, code_orders)
            self.encoder = mlp([len(cardinalities) * n_embd, *encoder_layer_sizes])
            self.latent = DiagonalGaussianLatent(self.encoder.out_features, latent_dim)
        self.decoder = mlp([latent_dim, *decoder_layer_sizes])
        width = self.decoder.out_features
        self.order = None if order is None else tuple(order)
        if self.order is None:
            groups = group_columns(cardinalities)
        else:
            groups = [([column], cardinalities[column]) for column in self.order]
            self.context = ContextEmbedder(cardinalities, n_embd, width, code_orders)
        self.column_hidden: nn.Linear | None = None
        if self.order is not None and column_hidden:
            # Gates and values of the columns, in the order of drawing.
            self.column_hidden = nn.Linear(width, len(cardinalities) * 2 * column_hidden)
            width = column_hidden
        self.predictor = MultiFeaturePredictor(width, cardinalities, groups, code_orders)

    def forward(self, codes: Tensor, generator: torch.Generator | None = None) -> LossTerms:
        """Compute the loss terms of a batch, ``(B, C)`` integer codes."""
        mean, log_variance = self.encode(codes, generator)
        z = DiagonalGaussianLatent.draw(mean, log_variance, generator)
        cells = self.predictor.cross_entropy(self._logits(z, codes, generator), codes)
        return LossTerms(cells, kl_divergence(mean, log_variance))

    def encode(
        self, codes: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute mean and log-variance of q(z | row): ``(B, C) -> (B, Z), (B, Z)``."""
        if not self.has_encoder:
            nothing = torch.zeros(len(codes), self.latent_dim, device=codes.device)
            return nothing, nothing
        embedded = self.embedder(codes).flatten(1)  # (B, C, E) -> (B, C * E)
        mean, log_variance = self.latent(self.encoder(embedded, generator))
        return mean, log_variance

    def logits(
        self, z: Tensor, codes: Tensor, generator: torch.Generator | None = None
    ) -> list[Tensor]:
        """Compute the logits per group, given z and (autoregressive only) the row itself."""
        return self.predictor.grouped(self._logits(z, codes, generator))

    def _logits(self, z: Tensor, codes: Tensor, generator: torch.Generator | None) -> Tensor:
        features, order = self.decoder(z, generator), self.order  # (B, W)
        if order is None:
            logits: Tensor = self.predictor(features)
            return logits
        # One mask for all columns of a row: drawing one per column would cost more than the heads.
        mask = None
        if self.training and self.dropout_rate > 0:
            mask = dropout_mask(features, self.dropout_rate, generator)
        vectors, places, cardinalities = self.context.of_batch(codes)
        sizes = [self.cardinalities[column] for column in order]
        heads, hidden = self.predictor.linear.weight, self.column_hidden

        def products(weight: Tensor, rows: Sequence[int]) -> Tensor:
            return autoregressive_products(
                features, mask, vectors, weight, places, order, cardinalities, self.slope, rows
            )

        if hidden is None:
            return self.predictor.logits(products(heads, sizes))
        n_columns = len(sizes)
        wide = products(hidden.weight, [hidden.out_features // n_columns] * n_columns) + hidden.bias
        units = gated_units(wide.view(len(wide), n_columns, -1)).flatten(1)
        return self.predictor.logits(column_products(units, heads, sizes))
