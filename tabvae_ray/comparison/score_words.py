"""Scores in words: which values are better, and where one lies between its floor and ceiling.

Terminal, page of a comparison and report of a search place scores by these limits alone.
"""

import math
from dataclasses import dataclass
from typing import Literal

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels

__all__ = [
    "OF_COLUMNS",
    "SHUFFLED",
    "THE_MEAN",
    "Place",
    "direction",
    "is_above",
    "known",
    "place",
    "place_of",
    "score_in_words",
    "worst_use",
]

# Shuffled columns have the same values, so that they are no ceiling for these.
OF_COLUMNS = ("mean_js_distance", "column_shapes")

# Shares of the way from a fresh sample to independent columns, and what they are called.
_ON_THE_WAY = (
    (0.05, "as good as a fresh sample of the real table"),
    (0.25, "close to a fresh sample of the real table"),
    (0.75, "between a fresh sample of the real table and independent columns"),
    (0.95, "close to independent columns"),
)
_AT_THE_END = "as far from the real table as independent columns"
# What useless rows are compared with.
SHUFFLED, THE_MEAN = "independent columns", "always saying the mean"
# The same for scores that train a model on the rows, beside one of these.
_USEFUL_WAY = (
    (0.05, "as useful as real rows"),
    (0.25, "nearly as useful as real rows"),
    (0.75, "less useful than real rows, more than {than}"),
    (0.95, "hardly more useful than {than}"),
)
_USELESS = "no more useful than {than}"
# Where real rows tell no more of the target than independent columns do.
_USELESS_REAL = (
    "less useful than real rows, but these are hardly more useful than independent columns"
)
# The same shares as a verdict, and how many times as far as a fresh sample scores may be that have
# no ceiling.
_GOOD, _FAIR = 0.25, 0.5
_GOOD_TIMES, _FAIR_TIMES = 1.5, 3.0
# Values that lie nearer together are the same.
_SPREADS = 2
# Levels of scores that train models are those of two repetitions, whose spread is luck itself.
_MOST_SPREAD = 0.05


@dataclass(frozen=True)
class Place:
    """A place of a score between a fresh sample of the real table and independent columns.

    Args:
        words: The place in words, to follow "is" or "are".
        tone: The verdict.
        share: Share of the way from the fresh sample to the columns; None where these are no
            ceiling.
    """

    words: str
    tone: Literal["good", "fair", "poor"]
    share: float | None = None


def place_of(share: float, *, than: str | None = None) -> Place:
    """Return the place of a score.

    Args:
        share: Share of the way from a fresh sample to independent columns: 0 is as good as the
            fresh sample, 1 as bad as the columns.
        than: For a score that trains a model on the rows, what such columns are called.
    """
    way, end = (_ON_THE_WAY, _AT_THE_END) if than is None else (_USEFUL_WAY, _USELESS)
    words = next((words for limit, words in way if share <= limit), end).format(than=than)
    return Place(words, _tone(share, _GOOD, _FAIR), share)


def direction(name: str, *, higher_is_better: bool) -> str:
    """Return which values of a score are better."""
    if name == "dcr_share":
        return "0.5 is chance, 1 is copying"
    if name == "membership_black_box":
        return "0.5 is chance, 1 betrays every training row"
    return "higher is better" if higher_is_better else "lower is better"


def score_in_words(name: str, value: float, levels: ReferenceLevels) -> str | None:
    """Return where a score lies between its floor and its ceiling, see :func:`place`."""
    found = place(name, value, levels)
    return None if found is None else found.words


def place(name: str, value: float, levels: ReferenceLevels) -> Place | None:
    """Return where a score lies between its floor and its ceiling.

    The floor is a fresh sample of the same population, the ceiling separately shuffled columns.
    Where that is no ceiling, because the score sees columns alone or the table has no
    associations, the distance of a fresh sample is the measure.

    Args:
        name: Name of the score.
        value: The score.
        levels: The reference levels.

    Returns:
        The place; None for ``dcr_share``, for scores without levels, and for ``tstr`` where no
        columns were shuffled, or where real rows are no better than the mean.
    """
    floor = known(levels.fresh.get(name)) or known(levels.resample.get(name))
    if floor is None or name == "dcr_share" or not math.isfinite(value):
        return None
    sign = -1.0 if name in levels.higher_is_better else 1.0
    ceiling = None if name in OF_COLUMNS else known(levels.independent.get(name))
    best = 1.0 if sign < 0 else 0.0
    useful, than = name == "tstr", None
    if useful:
        if ceiling is None:
            return None
        than, ceiling = worst_use(ceiling)
    if ceiling is not None and is_above(ceiling, floor, best, sign):
        return place_of((value - floor.mean) / (ceiling.mean - floor.mean), than=than)
    if than == THE_MEAN:
        return None
    distance, honest = sign * (value - best), sign * (floor.mean - best)
    if distance <= honest + _SPREADS * floor.spread:
        # Few rows, or no associations: the score tells little.
        also = "" if ceiling is None else ", but so are independent columns here"
        return Place(f"{(_USEFUL_WAY if useful else _ON_THE_WAY)[0][1]}{also}", "good")
    if useful:
        return Place(_USELESS_REAL, "fair")
    if honest <= 0:
        return None
    times = distance / honest
    tone = _tone(times, _GOOD_TIMES, _FAIR_TIMES)
    if tone == "good":
        return Place(_ON_THE_WAY[1][1], tone)
    return Place(f"{times:.1f} times as far from the real table as a fresh sample", tone)


def known(level: Level | None) -> Level | None:
    """Return a level; None if it could not be computed."""
    return level if level is not None and math.isfinite(level.mean) else None


def worst_use(shuffled: Level) -> tuple[str, Level]:
    """Return what useless rows are compared with, and its level.

    An R2 below 0, which no other metric of usefulness reaches, is worse than the mean alone.

    Args:
        shuffled: Level of separately shuffled columns.
    """
    return (THE_MEAN, Level(0.0, 0.0)) if shuffled.mean < 0 else (SHUFFLED, shuffled)


def is_above(ceiling: Level, floor: Level, best: float, sign: float) -> bool:
    """Return whether a ceiling is surely worse than the floor, so that a score may lie between.

    Args:
        ceiling: Level of separately shuffled columns.
        floor: Level of real rows.
        best: The best score that there is.
        sign: -1 if higher scores are better, else 1.
    """
    spread = min(math.hypot(floor.spread, ceiling.spread), _MOST_SPREAD)
    distance = sign * (ceiling.mean - floor.mean)
    return distance > max(_SPREADS * spread, 0.1 * abs(floor.mean - best), 1e-9)


def _tone(value: float, good: float, fair: float) -> Literal["good", "fair", "poor"]:
    return "good" if value <= good else "fair" if value <= fair else "poor"
