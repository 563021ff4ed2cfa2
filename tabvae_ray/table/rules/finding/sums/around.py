"""Find sums that begin again: times of day plus minutes, and sums modulo a period."""

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np

from tabvae_ray.table.rules.column_views import Floats, Mask
from tabvae_ray.table.rules.forms.around import ClockSum, Wrapped, minutes_of
from tabvae_ray.table.rules.forms.formula import Formula

__all__ = ["clock_sums", "wrapped_sums"]

_AGREEING, _FEWEST = 0.97, 30
# A sum differs from its result by 0, by one period, or by the period the other way.
_MAX_TURNS = 3
_FIRST_ROWS = 24
# Times of day have more values than small numbers that look like them.
_FEWEST_TIMES = 20
_LATEST = 2400


def clock_sums(names: Sequence[str], sample: Floats, numbers: Floats) -> Iterator[Formula]:
    """Yield ``arrival = departure + minutes``, where times are written such as 1755.

    Args:
        names: Columns of numbers.
        sample: ``(S, C)`` their values in some rows.
        numbers: ``(N, C)`` all their values.
    """
    clocks = [i for i in range(len(names)) if _is_clock(numbers[:, i])]
    for column, start in permutations(clocks, 2):
        passed = minutes_of(sample[:, column]) - minutes_of(sample[:, start])
        apart = np.mod(sample - passed[:, None], 1440)
        for minutes in np.flatnonzero(_mostly(apart == 0, ~np.isnan(apart))):
            if minutes not in (column, start):
                late = bool((numbers[:, column] == _LATEST).any())
                yield ClockSum(
                    column=names[column],
                    start=names[start],
                    minutes=names[int(minutes)],
                    midnight=2400 if late else 0,
                )


def wrapped_sums(
    names: Sequence[str], sample: Floats, numbers: Floats, results: Mask
) -> Iterator[Formula]:
    """Yield ``column = a + b`` and ``a - b`` modulo a period.

    Args:
        names: Columns of numbers.
        sample: ``(S, C)`` their values in some rows.
        numbers: ``(N, C)`` all their values.
        results: ``(C,)`` true for columns that may be computed.
    """
    if not results.any():
        return
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(numbers, axis=0), np.nanmax(numbers, axis=0)
    pairs = [(a, b, 1.0) for a, b in combinations(range(len(names)), 2)]
    pairs += [(a, b, -1.0) for a, b in permutations(range(len(names)), 2)]
    places = np.flatnonzero(results)
    first = sample[:_FIRST_ROWS]
    for a, b, sign in pairs:
        apart = np.round(first[:, [a]] + sign * first[:, [b]] - first[:, places], 6)
        # Results fill one period at most.
        for column in places[_few_values(apart, (high - low)[places])]:
            if column in (a, b):
                continue
            period = _period(
                np.round(sample[:, a] + sign * sample[:, b] - sample[:, int(column)], 6)
            )
            start = None if period is None else _start(low[column], high[column], period)
            if period is not None and start is not None:
                yield Wrapped(
                    column=names[int(column)],
                    terms={names[a]: 1.0, names[b]: sign},
                    period=period,
                    low=start,
                )


def _is_clock(values: Floats) -> bool:
    """Return whether numbers look like times of day such as 1755."""
    present = values[~np.isnan(values)]
    if len(present) == 0 or present.min() < 0 or present.max() > _LATEST or present.max() < 100:
        return False
    minutes = np.mod(present, 100)
    fits = (minutes < 60) & (present % 1 == 0)
    return bool(fits.mean() >= _AGREEING) and len(np.unique(present)) >= _FEWEST_TIMES


def _mostly(
    close: Mask,
    known: Mask,
) -> Mask:
    """Return ``(C,)`` true where most of the known rows are close."""
    n = known.sum(axis=0)
    agree: Mask = (close & known).sum(axis=0) >= _AGREEING * n
    enough: Mask = n >= min(_FEWEST, len(close) / 2)
    return np.logical_and(agree, enough)


def _few_values(apart: Floats, widths: Floats) -> Mask:
    """Return ``(C,)`` true for columns of two to four values, one of them an exception perhaps.

    Args:
        apart: ``(R, C)`` differences from each column.
        widths: ``(C,)`` the least that two of the values must be apart.
    """
    steps = np.diff(np.sort(apart, axis=0), axis=0)
    n_steps = (steps > 0).sum(axis=0)
    few: Mask = (n_steps >= 1) & (n_steps <= _MAX_TURNS) & (steps >= widths - 1e-9).any(axis=0)
    return few


def _period(apart: Floats) -> float | None:
    """Return the period of which all differences but a few exceptions are multiples."""
    known = apart[~np.isnan(apart)]
    values, counts = np.unique(known, return_counts=True)
    usual = values[counts > (1 - _AGREEING) * len(known) / 2]
    if not 2 <= len(usual) <= _MAX_TURNS or len(known) < _FEWEST:
        return None
    if counts[np.isin(values, usual)].sum() < _AGREEING * len(known):
        return None
    period = float(np.diff(usual).min())
    return period if np.allclose(usual / period, np.round(usual / period), atol=1e-9) else None


def _start(low: float, high: float, period: float) -> float | None:
    """Return where the range of results starts: at 0, at 1, or half a period below 0."""
    if low >= 0 and high < period:
        return 0.0
    if low >= 1 and high <= period:
        return 1.0
    if low >= -period / 2 and high <= period / 2:
        # Either end may be the one that occurs.
        return -period / 2 if high < period / 2 else None
    return None
