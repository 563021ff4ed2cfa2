"""Draw rows that satisfy conditions, by rejection, with a limit on the draws.

``table/conditions.py`` translates conditions into shares of codes; ``model/conditional_decoder.py``
has the method.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tabvae_ray.errors import DataError
from tabvae_ray.model.conditional_decoder import ConditionalDecoder
from tabvae_ray.model.draw import Draw
from tabvae_ray.model.row_decoder import RowDecoder
from tabvae_ray.table.conditions import RowConditions

__all__ = ["MAX_DRAWS", "Rejection"]

MAX_DRAWS = 10_000_000

# Draws that the bound is learnt from before the first row is accepted.
_PILOT_ROWS = 16_384
_MAX_BATCH = 65_536
_MIN_BATCH = 256

Latent = Callable[[int, torch.Generator], Tensor]


@dataclass
class Rejection:
    """Draws blocks of rows that satisfy conditions.

    Args:
        conditions: The conditions.
        decoder: Turns latent vectors into codes.
        latent: Draws ``(n, Z)`` latent vectors.
        temperature: Divides the logits.
        sample: Draw from the heads; otherwise take the likeliest code.
        max_draws: Limit of the draws for one block.
        on_draws: Called with the rows accepted and the draws made, of all blocks.

    Attributes:
        draws: Draws of all blocks, without those that the bound was learnt from.
        kept: Rows of all blocks.
    """

    conditions: RowConditions
    decoder: RowDecoder
    latent: Latent
    temperature: float
    sample: bool
    max_draws: int = MAX_DRAWS
    on_draws: Callable[[int, int], None] | None = None
    draws: int = 0
    kept: int = 0
    _log_bound: float = -math.inf
    _rate: float = 0.0

    def learn_bound(self, generator: torch.Generator) -> None:
        """Estimate the largest weight of a proposal and the acceptance rate from pilot draws."""
        pilot = self._conditional(generator).propose(self.latent(_PILOT_ROWS, generator))
        self._log_bound = float(pilot.log_weight.max())
        if self._log_bound > -math.inf:
            self._rate = float((pilot.log_weight - self._log_bound).exp().mean())

    def block(
        self,
        n: int,
        generator: torch.Generator,
        rng: np.random.Generator,
        *,
        compact: bool,
        first_row: int,
        seed: int,
    ) -> pd.DataFrame:
        """Draw until ``n`` rows satisfy the conditions.

        The rows depend only on the bound and the two generators. ``attrs["draws"]`` of the table
        has the number of draws.

        Args:
            n: Number of rows.
            generator: Source of latent vectors and codes.
            rng: Source of the values inside bins.
            compact: See :meth:`TableEncoder.decode`.
            first_row: Number of the first row among all rows, which identifiers depend on.
            seed: Seed of identifiers.

        Raises:
            DataError: If the conditions are too rare for ``max_draws``.
        """
        encoder = self.conditions.encoder
        conditional = self._conditional(generator)
        log_bound, rate = self._log_bound, self._rate
        parts: list[pd.DataFrame] = []
        kept = draws = 0
        while kept < n:
            batch = _batch(n - kept, rate, self.max_draws - draws)
            if batch == 0:
                raise DataError(
                    f"the condition is too rare: {kept:,} of {n:,} rows after {draws:,} draws; ask "
                    "for fewer rows or wider conditions, or allow more draws (max_draws)"
                )
            proposals = conditional.propose(self.latent(batch, generator))
            log_bound = max(log_bound, float(proposals.log_weight.max()))
            level = torch.rand(batch, generator=generator, device=generator.device).log()
            taken = level < proposals.log_weight - log_bound
            draws += batch
            if bool(taken.any()):
                codes = conditional.complete(proposals, taken).cpu().numpy()
                rows = encoder.decode(codes, rng, compact=compact, first_row=None)
                # A narrow dtype can round a number beyond the end of its range.
                rows = rows[self.conditions.hold(rows)]
                kept += len(rows)
                parts += [rows] if len(rows) else []
            # One more of each, so that the rate is above 0.
            rate = (kept + 1) / (draws + 1)
            if self.on_draws is not None:
                self.on_draws(self.kept + min(kept, n), self.draws + draws)
        self.kept, self.draws = self.kept + n, self.draws + draws
        if not parts:
            no_codes = np.empty((0, len(encoder.columns)), dtype=np.int64)
            parts = [encoder.decode(no_codes, rng, first_row=None)]
        table = pd.concat(parts, ignore_index=True).iloc[:n]
        table = encoder.with_identifiers(table, first_row, seed)
        table.attrs["draws"] = draws
        return table

    def _conditional(self, generator: torch.Generator) -> ConditionalDecoder:
        allowed = {c: torch.from_numpy(shares) for c, shares in self.conditions.allowed.items()}
        draw = Draw(self.temperature, self.sample, generator)
        return ConditionalDecoder(self.decoder, allowed, draw)


def _batch(wanted: int, rate: float, left: int) -> int:
    """Return the number of draws that probably gives the rows wanted, within bounds."""
    likely = wanted / rate * 1.1 if rate > 0 else math.inf
    return min(math.ceil(min(max(likely, _MIN_BATCH), _MAX_BATCH)), left)
