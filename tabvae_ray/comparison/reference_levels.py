"""Reference levels of scores: the scores of real rows against themselves.

- *resample*: real rows against a bootstrap of themselves, the noise of the table's size.
- *fresh*: another sample of the same population.
- *independent*: each column shuffled separately. A model that does not beat it on the correlation
  distance has learnt nothing about associations.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from tabvae_ray.comparison.options import ScoreName
from tabvae_ray.comparison.plan import PreparedComparison
from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.comparison.scores.column_pairs import n_large_pairs
from tabvae_ray.comparison.scores.detection import detection
from tabvae_ray.comparison.scores.membership.levels import black_box_levels
from tabvae_ray.comparison.scores.usefulness import usefulness
from tabvae_ray.comparison.table_pair import TablePair

__all__ = ["Level", "ReferenceLevels", "reference_levels"]

# Scores that compare distributions.
_DISTRIBUTIONS: tuple[ScoreName, ...] = (
    "mean_js_distance",
    "correlation_distance",
    "column_shapes",
    "pair_trends",
)
# Of these, scores on which to beat resampled real rows is too good to be honest. Scores of single
# columns are not among them: rows that are spread evenly have less noise than a sample.
_OF_PAIRS = ("correlation_distance", "pair_trends")
# Larger tables are sampled, because the levels take dozens of comparisons.
_MOST_ROWS = 50_000
# Scores that train models take longer: fewer repetitions, and fewer rows.
_MODEL_REPEATS, _MODEL_ROWS = 2, 4_000
# The mean over more columns varies little between repetitions, and takes longer; so does that over
# more pairs of columns of very many categories.
_MANY_COLUMNS, _MANY_LARGE_PAIRS = 300, 50


@dataclass(frozen=True)
class Level:
    """Reference level of one score.

    Attributes:
        mean: Mean over repetitions.
        spread: Standard deviation over repetitions.
    """

    mean: float
    spread: float


@dataclass(frozen=True, repr=False)
class ReferenceLevels:
    """Reference levels by score, such as ``tstr`` or ``js_distance/<column>``.

    Attributes:
        resample: Levels of a bootstrap of the real rows.
        fresh: Levels of another sample of the same population; none for fewer than 8 rows.
        independent: Levels of separately shuffled columns.
        n_rows: Number of real rows.
        n_synthetic: Number of rows in the samples compared with them.
        higher_is_better: Names of the scores that are better when they are higher.
    """

    resample: dict[str, Level] = field(default_factory=dict)
    fresh: dict[str, Level] = field(default_factory=dict)
    independent: dict[str, Level] = field(default_factory=dict)
    n_rows: int = 0
    n_synthetic: int = 0
    higher_is_better: tuple[str, ...] = ()

    def __repr__(self) -> str:
        known = list(dict.fromkeys([*self.resample, *self.fresh, *self.independent]))
        names = [name for name in known if "/" not in name]
        lines = [f"  {name}: {self.beside(name)}" for name in names]
        lines += [f"  js_distance of {n:,} columns"] if (n := len(known) - len(names)) else []
        return "\n".join(["ReferenceLevels", *(lines or ["  none are known"])])

    def describe(self, name: str, value: float) -> str:
        """Format a score beside its levels: ``0.047; resample 0.044 ± 0.002, fresh 0.066``."""
        beside = self.beside(name)
        return f"{value:.3f}" + (f"; {beside}" if beside else "")

    def beside(self, name: str) -> str:
        """Format the levels of a score; for a single column, those that are meaningful for it."""
        parts = []
        if name in self.resample:
            level = self.resample[name]
            spread = "" if "/" in name else f" ± {level.spread:.3f}"
            parts.append(f"resample {level.mean:.3f}{spread}")
        if name in self.fresh:
            parts.append(f"fresh {self.fresh[name].mean:.3f}")
        if name in self.independent and "/" not in name:
            parts.append(f"independent {self.independent[name].mean:.3f}")
        return ", ".join(parts)

    def title(self, column: str, distance: float) -> str:
        """Format the JS distance of a column beside its level, as title of a picture."""
        for kind in ("fresh", "resample"):
            level = getattr(self, kind).get(f"js_distance/{column}")
            if level is not None:
                return f"JS {distance:.3f} ({kind} {level.mean:.3f})"
        return f"JS {distance:.3f}"

    def verdicts(self, scores: Mapping[str, float]) -> list[str]:
        """Return a sentence for each score that its levels show to be suspicious."""
        found = []
        for name, value in scores.items():
            sign = -1.0 if name in self.higher_is_better else 1.0
            if name == "correlation_distance" and self._is_no_better(value, sign):
                level = self.independent[name]
                found.append(
                    f"{name} {value:.3f} is no better than {level.mean:.3f}, the score of "
                    "separately shuffled columns: nothing was learnt about associations"
                )
            if name in _OF_PAIRS and name in self.resample:
                level = self.resample[name]
                if sign * value < sign * level.mean - 3 * level.spread:
                    found.append(
                        f"{name} {value:.3f} is better than {level.mean:.3f}, the score of "
                        "resampled real rows: the model fits this very sample, as copies do"
                    )
        return found

    def to_mapping(self) -> dict[str, Any]:
        """Return the levels as values for JSON."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Read the result of :meth:`to_mapping`; absent levels stay empty.

        Numbers that are not known, null in JSON, become NaN.
        """

        def number(value: float | None) -> float:
            return math.nan if value is None else float(value)

        def levels(kind: str) -> dict[str, Level]:
            return {
                name: Level(number(level["mean"]), number(level["spread"]))
                for name, level in mapping.get(kind, {}).items()
            }

        n_rows, n_synthetic = (int(mapping.get(key, 0)) for key in ("n_rows", "n_synthetic"))
        return cls(
            levels("resample"),
            levels("fresh"),
            levels("independent"),
            n_rows,
            n_synthetic,
            tuple(mapping.get("higher_is_better", ())),
        )

    def _is_no_better(self, value: float, sign: float) -> bool:
        """Return True if the score shows no associations although an honest score would."""
        name = "correlation_distance"
        level = self.independent.get(name)
        honest = self.fresh.get(name) or self.resample.get(name)
        if level is None or honest is None:
            return False
        bound = sign * level.mean - 2 * level.spread
        return sign * honest.mean < bound <= sign * value


def reference_levels(
    prepared: PreparedComparison,
    *,
    n_synthetic: int | None = None,
    n_repeats: int | None = None,
    seed: int = 0,
) -> ReferenceLevels:
    """Compute the reference levels of a real table.

    *Fresh* cannot be measured, only extrapolated. Scores between disjoint halves and between
    disjoint quarters of the real rows follow a power law in v = 1/n + 1/m, the variance of a
    difference of two samples of n and m rows. The law is extrapolated to the sizes asked for.

    ``detection`` does not depend on the number of rows if they are honest. Its fresh level is
    therefore that of two halves. It has no level for a bootstrap, whose rows occur in both tables.
    The levels of ``tstr`` come from training on real rows. The fresh level of ``dcr_share`` is 0.5
    by definition. The levels of ``membership_black_box`` come from attacks with real rows in place
    of synthetic ones.

    Args:
        prepared: A plan, prepared with the real rows.
        n_synthetic: Number of rows in the synthetic tables to be scored; by default that of the
            real table.
        n_repeats: Number of bootstraps, shuffles, halves and quarters drawn; by default 10, and 4
            for tables with more than 300 columns, or with more than 50 pairs of columns of very
            many categories. Scores that train models have fewer.
        seed: Seed of all random draws.
    """
    rng = np.random.default_rng(seed)
    repeats = n_repeats or (4 if _takes_long(prepared.real) else 10)
    plan = prepared.plan
    wanted = tuple(name for name in _DISTRIBUTIONS if name in plan.scores)
    n_rows = prepared.real.n_rows
    real = prepared.real.sample(_MOST_ROWS, rng)
    n_synthetic = n_synthetic or n_rows
    size = min(n_synthetic, _MOST_ROWS)

    def score(first: TableColumns, second: TableColumns) -> dict[str, float]:
        pair = TablePair(first, second, plan.options)
        found: dict[str, float] = {name: pair.score(name) for name in wanted}
        if "mean_js_distance" in wanted or "js_distance" in plan.score_collections:
            found |= {f"js_distance/{name}": v for name, v in pair.js_distances.items()}
        if "column_shapes" in plan.score_collections:
            found |= {f"column_shapes/{name}": v for name, v in pair.column_shapes.items()}
        return found

    def repeat(draw: Callable[[], tuple[TableColumns, TableColumns]]) -> dict[str, Level]:
        samples = [score(*draw()) for _ in range(repeats)]
        return {name: _level([sample[name] for sample in samples]) for name in samples[0]}

    def parts(n_parts: int) -> tuple[TableColumns, TableColumns]:
        order, part = rng.permutation(real.n_rows), real.n_rows // n_parts
        return real.take(order[:part]), real.take(order[part : 2 * part])

    higher = tuple(name for name in plan.scores if plan.options.higher_is_better(name))
    levels = ReferenceLevels(n_rows=n_rows, n_synthetic=n_synthetic, higher_is_better=higher)
    levels.resample.update(repeat(lambda: (real, real.take(rng.integers(real.n_rows, size=size)))))
    if len(real.names) > 1:  # shuffling a single column changes nothing
        levels.independent.update(repeat(lambda: (real, _shuffled(real, size, rng))))
    if real.n_rows >= 8:
        halves, quarters = repeat(lambda: parts(2)), repeat(lambda: parts(4))
        # Relative to v of the halves, which is 4 / n.
        ratio = (1 / real.n_rows + 1 / size) * real.n_rows / 4
        for name, half in halves.items():
            best = 1.0 if name.partition("/")[0] in (*higher, "column_shapes") else 0.0
            levels.fresh[name] = _extrapolate(best, half, quarters[name], ratio)
    if "detection" in plan.scores:
        _add_detection(levels, prepared, parts, rng)
    if "tstr" in plan.scores:
        _add_usefulness(levels, prepared, rng)
    if "dcr_share" in plan.scores:
        levels.fresh["dcr_share"] = Level(0.5, 0.0)
    if "membership_black_box" in plan.scores:
        assert prepared.training is not None and prepared.held_out is not None
        resample, fresh = black_box_levels(
            prepared.training,
            prepared.held_out,
            n_synthetic=size,
            most_rows=plan.options.privacy_max_rows,
            n_repeats=_MODEL_REPEATS,
            seed=seed,
        )
        levels.resample["membership_black_box"] = _level(resample)
        if fresh:
            levels.fresh["membership_black_box"] = _level(fresh)
    return levels


def _takes_long(real: TableColumns) -> bool:
    """Return True if a table has so many columns, or pairs of large ones, that fewer draws do."""
    sizes = np.array([len(real.labels[name]) for name in real.codes])
    return len(real.names) > _MANY_COLUMNS or n_large_pairs(sizes) > _MANY_LARGE_PAIRS


def _add_detection(
    levels: ReferenceLevels,
    prepared: PreparedComparison,
    parts: Callable[[int], tuple[TableColumns, TableColumns]],
    rng: np.random.Generator,
) -> None:
    detector, real = prepared.plan.options.detector, prepared.real

    def repeat(draw: Callable[[], tuple[TableColumns, TableColumns]]) -> Level:
        return _level(
            [
                detection(*draw(), detector=detector, most_rows=_MODEL_ROWS)
                for _ in range(_MODEL_REPEATS)
            ]
        )

    if real.n_rows >= 8:
        levels.fresh["detection"] = repeat(lambda: parts(2))
    if len(real.names) > 1:
        size = min(real.n_rows, _MODEL_ROWS)
        levels.independent["detection"] = repeat(lambda: (real, _shuffled(real, size, rng)))


def _add_usefulness(
    levels: ReferenceLevels, prepared: PreparedComparison, rng: np.random.Generator
) -> None:
    assert prepared.tested is not None and prepared.target is not None
    training, held_out = prepared.tested
    target, options = prepared.target, prepared.plan.options
    size = min(training.n_rows, _MODEL_ROWS, options.usefulness_max_rows)

    def result(table: TableColumns) -> tuple[float, float]:
        found = usefulness(
            training,
            held_out,
            table,
            target,
            **options.usefulness_models,
            rows_per_draw=size,
        )
        return found.tstr, found.trtr

    n_rows = size * options.usefulness_draws
    draws = [
        training.take(rng.integers(training.n_rows, size=n_rows)) for _ in range(_MODEL_REPEATS)
    ]
    resampled = [result(table) for table in draws]
    levels.resample["tstr"] = _level([tstr for tstr, _ in resampled])
    levels.fresh["tstr"] = Level(resampled[0][1], levels.resample["tstr"].spread)
    shuffled = [_shuffled(training, n_rows, rng) for _ in range(_MODEL_REPEATS)]
    levels.independent["tstr"] = _level([result(table)[0] for table in shuffled])


def _shuffled(table: TableColumns, size: int, rng: np.random.Generator) -> TableColumns:
    return table.take({name: rng.integers(table.n_rows, size=size) for name in table.names})


def _extrapolate(best: float, half: Level, quarter: Level, ratio: float) -> Level:
    """Continue a power law from v = 2 (quarters) over v = 1 (halves) to v = ``ratio``."""
    at_half, at_quarter = abs(half.mean - best), abs(quarter.mean - best)
    if at_half == 0 or at_quarter == 0:
        return half
    # At least 0, as for histograms with more cells than rows; scores change no faster than v.
    power = min(max(math.log2(at_quarter / at_half), 0.0), 1.0)
    factor = ratio**power
    return Level(best + math.copysign(at_half * factor, half.mean - best), half.spread * factor)


def _level(values: Sequence[float]) -> Level:
    return Level(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)
