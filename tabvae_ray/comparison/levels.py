"""The levels that a score is read against: what real rows score against themselves.

- *resample*: real rows against a bootstrap of themselves. Nobody can honestly beat it.
- *fresh*: what another sample of the same population would score. A model below it fits the sample.
- *independent*: each column shuffled on its own. A model that does not beat it on the correlation
  distance has learnt nothing about associations.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from tabvae_ray.comparison.artifacts import HIGHER_IS_BETTER, ScoreName, Sides
from tabvae_ray.comparison.columns import TableColumns
from tabvae_ray.comparison.plan import PreparedComparison

__all__ = ["LEVEL_SCORES", "Level", "ReferenceLevels", "reference_levels"]

# Scores that are cheap enough to repeat, and mean something between real rows.
LEVEL_SCORES: tuple[ScoreName, ...] = (
    "mean_js_distance",
    "correlation_distance",
    "column_shapes",
    "pair_trends",
)
# Of more rows than this a sample stands for all: levels cost as much as so many comparisons.
_MOST_ROWS = 50_000


@dataclass(frozen=True)
class Level:
    """A score over repetitions.

    Attributes:
        mean: Their mean.
        spread: Their standard deviation.
    """

    mean: float
    spread: float


@dataclass(frozen=True)
class ReferenceLevels:
    """Reference levels by score, JS distances of single columns as ``js_distance/<column>``.

    Attributes:
        resample: Real rows against a bootstrap of themselves.
        fresh: Another sample of the same population; none with fewer than 8 rows.
        independent: Columns shuffled one by one.
        n_rows: Real rows.
        n_synthetic: Rows of the samples compared with them.
    """

    resample: dict[str, Level] = field(default_factory=dict)
    fresh: dict[str, Level] = field(default_factory=dict)
    independent: dict[str, Level] = field(default_factory=dict)
    n_rows: int = 0
    n_synthetic: int = 0

    def describe(self, name: str, value: float) -> str:
        """A score beside its levels: ``0.047; resample 0.044 ± 0.002, fresh 0.066``."""
        parts = []
        if name in self.resample:
            level = self.resample[name]
            parts.append(f"resample {level.mean:.3f} ± {level.spread:.3f}")
        if name in self.fresh:
            parts.append(f"fresh {self.fresh[name].mean:.3f}")
        if name in self.independent and "/" not in name:
            parts.append(f"independent {self.independent[name].mean:.3f}")
        return f"{value:.3f}" + (f"; {', '.join(parts)}" if parts else "")

    def verdicts(self, scores: Mapping[str, float]) -> list[str]:
        """What the levels say about scores, a sentence each; nothing if all is as it should be."""
        found = []
        for name, value in scores.items():
            sign = -1.0 if name in HIGHER_IS_BETTER else 1.0
            if name == "correlation_distance" and name in self.independent:
                level = self.independent[name]
                if value >= level.mean - 2 * level.spread:
                    found.append(
                        f"{name} {value:.3f} is no better than {level.mean:.3f}, which columns "
                        "shuffled one by one score: nothing was learnt about associations"
                    )
            if name in self.resample:
                level = self.resample[name]
                if sign * value < sign * level.mean - 3 * level.spread:
                    found.append(
                        f"{name} {value:.3f} is better than {level.mean:.3f}, which resampled real "
                        "rows score: it fits this very sample, as copies do"
                    )
        return found

    def to_mapping(self) -> dict[str, Any]:
        """The levels as plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_mapping` wrote; what is not there stays empty."""

        def levels(kind: str) -> dict[str, Level]:
            return {name: Level(**level) for name, level in mapping.get(kind, {}).items()}

        n_rows, n_synthetic = (int(mapping.get(key, 0)) for key in ("n_rows", "n_synthetic"))
        return cls(levels("resample"), levels("fresh"), levels("independent"), n_rows, n_synthetic)


def reference_levels(
    prepared: PreparedComparison,
    *,
    n_synthetic: int | None = None,
    scores: Sequence[ScoreName] | None = None,
    n_repeats: int = 10,
    seed: int = 0,
) -> ReferenceLevels:
    """Compute the reference levels of a real table.

    *Fresh* cannot be measured, only extrapolated: scores between disjoint halves and between
    disjoint quarters of the real rows follow a power law in v = 1/n + 1/m, the variance of a
    difference of two samples of n and m rows, which is continued to the sizes asked for.

    Args:
        prepared: A plan, prepared with the real rows; its options are used.
        n_synthetic: Rows of the synthetic tables that will be scored; as many as real ones if not
            given.
        scores: The scores; those of the plan that are in :data:`LEVEL_SCORES` if not given.
        n_repeats: Bootstraps and shuffles; halves and quarters are drawn as often.
        seed: Of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    wanted = tuple(scores or (name for name in LEVEL_SCORES if name in prepared.plan.scores))
    real = prepared.real
    n_rows = real.n_rows
    n_synthetic = n_synthetic or n_rows
    size = min(n_synthetic, _MOST_ROWS)
    if n_rows > _MOST_ROWS:
        real = real.take(np.sort(rng.choice(n_rows, _MOST_ROWS, replace=False)))

    def score(first: TableColumns, second: TableColumns) -> dict[str, float]:
        sides = Sides(first, second, prepared.plan.options)
        found: dict[str, float] = {name: sides.score(name) for name in wanted}
        if "mean_js_distance" in wanted:
            found |= {f"js_distance/{name}": v for name, v in sides.js_distances.items()}
        return found

    def repeat(draw: Callable[[], tuple[TableColumns, TableColumns]]) -> dict[str, Level]:
        samples = [score(*draw()) for _ in range(n_repeats)]
        return {name: _level([sample[name] for sample in samples]) for name in samples[0]}

    def shuffled() -> TableColumns:
        return real.take({name: rng.integers(real.n_rows, size=size) for name in real.names})

    def parts(n_parts: int) -> tuple[TableColumns, TableColumns]:
        order, part = rng.permutation(real.n_rows), real.n_rows // n_parts
        return real.take(order[:part]), real.take(order[part : 2 * part])

    resample = repeat(lambda: (real, real.take(rng.integers(real.n_rows, size=size))))
    independent = repeat(lambda: (real, shuffled()))
    fresh: dict[str, Level] = {}
    if real.n_rows >= 8:
        halves, quarters = repeat(lambda: parts(2)), repeat(lambda: parts(4))
        # In units of the halves' v, which is 4 / n.
        ratio = (1 / real.n_rows + 1 / size) * real.n_rows / 4
        fresh = {name: _extrapolate(name, halves[name], quarters[name], ratio) for name in halves}
    return ReferenceLevels(resample, fresh, independent, n_rows, n_synthetic)


def _extrapolate(name: str, half: Level, quarter: Level, ratio: float) -> Level:
    """Continue a power law from v = 2 (quarters) over v = 1 (halves) to v = ``ratio``."""
    best = 1.0 if name in HIGHER_IS_BETTER else 0.0
    at_half, at_quarter = abs(half.mean - best), abs(quarter.mean - best)
    if at_half == 0 or at_quarter == 0:
        return half
    # Histograms with more cells than rows hardly change; nothing changes faster than v itself.
    power = min(max(math.log2(at_quarter / at_half), 0.0), 1.0)
    factor = ratio**power
    return Level(best + math.copysign(at_half * factor, half.mean - best), half.spread * factor)


def _level(values: Sequence[float]) -> Level:
    return Level(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)
