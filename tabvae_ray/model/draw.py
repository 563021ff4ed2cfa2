"""Draw codes from logits.

Shapes: ``R`` rows, ``K`` codes.
"""

import math

import torch
from torch import Tensor

from tabvae_ray.errors import ConfigError

__all__ = ["MIN_TEMPERATURE", "Draw", "check_temperature"]

# The largest logit that an export may have, divided by it, is finite in float32.
MIN_TEMPERATURE = 1e-6


class Draw:
    """Draws codes from logits.

    Args:
        temperature: Divides the logits.
        sample: Draw; otherwise take the likeliest code.
        generator: Source of the draws, on the logits' device.
    """

    def __init__(self, temperature: float, sample: bool, generator: torch.Generator | None) -> None:
        self.temperature, self.sample, self.generator = temperature, sample, generator

    def restricted(self, logits: Tensor, allowed: Tensor) -> Tensor:
        """Return logits that draw as if only a share of each code's draws were kept.

        Args:
            logits: ``(..., K)``.
            allowed: ``(K,)``, the share that is kept of each code's draws, or a mask.
        """
        if not self.sample:
            return logits.masked_fill(allowed <= 0, -torch.inf)
        return logits + self.temperature * allowed.to(logits.dtype).log()

    def __call__(self, logits: Tensor) -> Tensor:
        """Draw a code per row: ``(R, K) -> (R,)``."""
        if not self.sample:
            return logits.argmax(dim=1)
        if self.temperature != 1.0:
            logits = logits / self.temperature
        # Inverse CDF: one uniform number per row, where Gumbel-max needs one per logit. A softmax
        # takes ten times as long over a few codes, and its normalisation is not needed.
        mass = (logits - logits.amax(dim=1, keepdim=True)).exp_().cumsum(dim=1)
        level = torch.rand(len(logits), 1, generator=self.generator, device=logits.device)
        # Scaled by the total, the level never passes the last code that has any mass, so neither
        # padding nor an excluded code can be drawn.
        level = level * mass[:, -1:]
        return (
            torch.searchsorted(mass, level, right=True).squeeze(1).clamp_(max=logits.shape[1] - 1)
        )


def check_temperature(temperature: float) -> None:
    """Check that logits can be divided by the temperature.

    Raises:
        ConfigError: If it is below ``MIN_TEMPERATURE`` or not finite.
    """
    if not (math.isfinite(temperature) and temperature >= MIN_TEMPERATURE):
        raise ConfigError(
            f"the temperature must be a number >= {MIN_TEMPERATURE}, but got {temperature}"
        )
