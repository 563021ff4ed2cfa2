"""The layers that encoder and decoder are made of.

Shapes: ``B`` batch, ``in`` and ``out`` widths of a layer, ``Z`` latent dimensions.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MLP", "DiagonalGaussianLatent", "LinBnDrop", "dropout_mask", "gated_units"]

# Values of a 16-bit integer, the lowest of which is -_LEVELS / 2.
_LEVELS = 2**16


def dropout_mask(x: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Draw the factors of inverted dropout, shaped like ``x``: 0, or 1 / (1 - rate).

    ``nn.Dropout`` draws from global state; here the generator is passed in. ``bernoulli_`` draws a
    number per unit, which took a quarter of a training step. Here a random 64-bit word serves four
    units, so the share of kept units is a multiple of 2^-16, nearest to ``1 - rate``.
    """
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
    words.random_(-(2**63), None, generator=generator)
    levels = words.view(torch.int16)[: x.numel()].view(x.shape)
    n_kept = max(1, round((1 - rate) * _LEVELS))
    mask = torch.empty_like(x)
    return torch.le(levels, n_kept - 1 - _LEVELS // 2, out=mask).mul_(_LEVELS / n_kept)


def gated_units(inputs: Tensor) -> Tensor:
    """Multiply values with the SiLU of their gates, ``(..., 2 * N) -> (..., N)``.

    The gates come first (SwiGLU, Shazeer 2020). A product of two sums over columns is a function of
    pairs of columns, which a sum under an activation has to approximate by many units.
    """
    gates, values = inputs.chunk(2, -1)
    return functional.silu(gates) * values


class LinBnDrop(nn.Module):
    """Linear, batch norm, leaky ReLU, dropout: ``(B, in) -> (B, out)``."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        leaky_relu_slope: float,
        bn_momentum: float,
        bn_epsilon: float,
        dropout_rate: float,
    ) -> None:
        super().__init__()
        # Batch norm subtracts the mean, so a bias would have no effect.
        self.linear = nn.Linear(n_in, n_out, bias=False)
        self.norm = nn.BatchNorm1d(n_out, momentum=bn_momentum, eps=bn_epsilon)
        self.slope = leaky_relu_slope
        self.dropout_rate = dropout_rate

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Apply the layer: ``(B, in) -> (B, out)``; the generator draws the dropout mask."""
        x = functional.leaky_relu(self.norm(self.linear(x)), self.slope)
        if self.training and self.dropout_rate > 0:
            x = x * dropout_mask(x, self.dropout_rate, generator)
        return x

    def folded(self) -> tuple[Tensor, Tensor]:
        """Fold linear and batch norm into one weight ``(out, in)`` and bias ``(out,)``.

        Valid in evaluation only, where batch norm is affine with its running mean and variance.
        """
        norm = self.norm
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return self.linear.weight * scale[:, None], norm.bias - norm.running_mean * scale


class MLP(nn.Module):
    """A chain of :class:`LinBnDrop`: ``(B, sizes[0]) -> (B, sizes[-1])``."""

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        leaky_relu_slope: float,
        bn_momentum: float,
        bn_epsilon: float,
        dropout_rate: float,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            LinBnDrop(
                n_in,
                n_out,
                leaky_relu_slope=leaky_relu_slope,
                bn_momentum=bn_momentum,
                bn_epsilon=bn_epsilon,
                dropout_rate=dropout_rate,
            )
            for n_in, n_out in pairwise(sizes)
        )
        self.out_features = sizes[-1]
        self.slope = leaky_relu_slope

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Apply all layers: ``(B, sizes[0]) -> (B, sizes[-1])``."""
        for layer in self.layers:
            x = layer(x, generator)
        return x

    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Fold every layer into an affine map, see :meth:`LinBnDrop.folded`."""
        return [layer.folded() for layer in self.layers if isinstance(layer, LinBnDrop)]


class DiagonalGaussianLatent(nn.Module):
    """Mean and log-variance of q(z | x), a Gaussian with diagonal covariance."""

    def __init__(self, n_in: int, latent_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, 2 * latent_dim)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Compute ``(B, in) -> mean (B, Z), log-variance (B, Z)``."""
        mean, log_variance = self.linear(hidden).chunk(2, dim=-1)
        # exp(30) is 1e13: no posterior is that wide, and exp(89) overflows float32.
        return mean, log_variance.clamp(-30.0, 30.0)

    @staticmethod
    def draw(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draw z ~ q(z | x) by reparameterisation (Kingma & Welling 2014, eq. 10): ``(B, Z)``."""
        noise = torch.empty_like(mean).normal_(generator=generator)
        return mean + torch.exp(0.5 * log_variance) * noise
