"""Draw codes from logits.

Shapes: ``R`` rows, ``K`` codes.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from tabvae_ray.documents import is_finite_number
from tabvae_ray.errors import ConfigError, brief

__all__ = ["MIN_TEMPERATURE", "Draw", "check_temperature"]

# The largest logit that an export may have, divided by it, is finite in float32.
MIN_TEMPERATURE = 1e-6
# Rows are noise from 100 on; much larger numbers are infinite in float32.
_MAX_TEMPERATURE = 1e6
# Rows count as alike by so many steps. Where another kind of CPU rounds differently, 2% of the rows
# differ; with finer steps more of them do, and no score is better.
_GROUPS = 64


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
        """Draw a code per row: ``(R, ..., K) -> (R, ...)``.

        A code has the probability that the logits of its row say. Rows are not independent: how
        often a code is drawn varies less than by chance. A table of independent rows differs from
        the model as much as the training rows differ from the population.
        """
        if not self.sample:
            return logits.argmax(dim=-1)
        if self.temperature != 1.0:
            logits = logits / self.temperature
        # Inverse CDF: one uniform number per row, where Gumbel-max needs one per logit. A softmax
        # takes ten times as long over a few codes, and its normalisation is not needed.
        mass = (logits - logits.amax(dim=-1, keepdim=True)).exp_().cumsum(dim=-1)
        total = mass[..., -1:]
        level = self._levels((mass.mean(-1, keepdim=True) / total).squeeze(-1)).unsqueeze(-1)
        # Scaled by the total, the level never passes the last code that has any mass, so neither
        # padding nor an excluded code can be drawn.
        found = torch.searchsorted(mass, level * total, right=True).squeeze(-1)
        return found.clamp_(max=logits.shape[-1] - 1)

    def _levels(self, likeness: Tensor) -> Tensor:
        """Draw uniform numbers that are spread evenly over rows that are alike: ``(R, ...)``.

        Steps of the golden ratio are even over each range of neighbours (a Kronecker sequence). So
        rows with about the same distribution are made neighbours, as in array-RQMC (L'Ecuyer,
        Lecot & Tuffin 2008), in random order among themselves. That order makes the columns
        independent of each other.

        Args:
            likeness: A number between 0 and 1 for the distribution of each row.
        """
        n, device = len(likeness), likeness.device
        drawn = torch.rand(n + 1, *likeness.shape[1:], generator=self.generator, device=device)
        order = (likeness.mul(_GROUPS).floor_() + drawn[:n]).argsort(dim=0)
        levels = (_spread(n, device).view(-1, *[1] * (likeness.dim() - 1)) + drawn[n:]).frac_()
        return torch.empty_like(levels).scatter_(0, order, levels)


@lru_cache(maxsize=8)
def _spread(n: int, device: torch.device) -> Tensor:
    """Return the fractional parts of the multiples of the golden ratio: ``(n,)``."""
    ratio = (math.sqrt(5) - 1) / 2
    return (torch.arange(n, dtype=torch.float64) * ratio).frac_().float().to(device)


def check_temperature(temperature: float) -> None:
    """Check that logits can be divided by the temperature.

    Raises:
        ConfigError: If it is below ``MIN_TEMPERATURE``, above ``_MAX_TEMPERATURE``, or no number.
    """
    if not is_finite_number(temperature) or not MIN_TEMPERATURE <= temperature <= _MAX_TEMPERATURE:
        raise ConfigError(
            f"the temperature must be a number from {MIN_TEMPERATURE} to 1e6, "
            f"but got {brief(temperature)}"
        )
