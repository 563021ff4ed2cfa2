"""Find numbers that are the largest of others, or products of several columns."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import Floats, Mask
from tabvae_ray.table.rules.finding.agreement import AGREEING, SampledColumns
from tabvae_ray.table.rules.forms.several import Extreme, Rated

Places = npt.NDArray[np.intp]

__all__ = ["extremes", "first_present", "rated_products"]

# Share of the rows in which each of the compared columns must be the only one that is the result.
_EACH, _FEWEST = 0.02, 30
_MAX_COMPARED = 40
# Share of rows in which a column that another one replaces is missing, and present.
_GAPS = 0.03
# Products of three columns are looked for in tables of up to so many columns of numbers; the number
# of rates that are tried is bounded.
_MAX_COLUMNS, _MAX_RATES = 24, 40


def extremes(
    names: Sequence[str], sample: Floats, tolerances: Floats, results: Mask
) -> Iterator[list[Extreme]]:
    """Yield columns that are the largest or smallest of two or more others, or of one and a bound.

    A bound is 0, or the end of the column at which many of its values are.

    Args:
        names: Columns of numbers.
        sample: ``(S, C)`` their values in some rows, NaN where missing.
        tolerances: ``(C,)`` half of the last decimal place of each column.
        results: ``(C,)`` true for columns that may be computed.
    """
    ways: tuple[Literal["largest", "smallest"], ...] = ("largest", "smallest")
    for column in map(int, np.flatnonzero(results)):
        for which in ways:
            sign = 1.0 if which == "largest" else -1.0
            own = sign * sample[:, column]
            others = sign * sample
            slack = tolerances[column] + 1e-9 * np.maximum(1.0, np.abs(own))
            known = ~np.isnan(others) & ~np.isnan(own)[:, None]
            n_known = known.sum(axis=0)
            above = ((others > (own + slack)[:, None]) & known).sum(axis=0)
            equal = (np.abs(others - own[:, None]) <= slack[:, None]) & known
            usable = (n_known >= _FEWEST) & (above <= (1 - AGREEING) * n_known)
            usable &= equal.sum(axis=0) >= _EACH * n_known
            usable[column] = False
            places = np.flatnonzero(usable)
            # The smallest of what is the largest of others and a constant is the constant.
            end = float(np.nanmin(own))
            at_end = np.abs(own - end) <= slack
            bounded = bool(at_end.mean() >= _EACH)
            if not len(places) or len(places) + bounded < 2 or len(places) > _MAX_COMPARED:
                continue
            hits = np.column_stack([equal[:, places], at_end & bounded])
            whole = known[:, places].all(axis=1)
            kept = _needed(hits[whole]) if whole.sum() >= _FEWEST else []
            of = tuple(names[int(places[i])] for i in kept if i < len(places))
            if len(kept) >= 2 and of:
                bound = sign * end + 0.0 if len(places) in kept else None
                if (
                    len(kept) == 2
                    and bound is None
                    and _is_sum(sample, column, places[kept], slack)
                ):
                    # One of the two is always 0, which a sum says better.
                    continue
                yield [Extreme(column=names[column], which=which, of=of, bound=bound)]


def first_present(
    names: Sequence[str], sample: Floats, tolerances: Floats, results: Mask
) -> Iterator[list[Extreme]]:
    """Yield columns that are another one where it is present, and else a third one.

    Args:
        names: Columns of numbers.
        sample: ``(S, C)`` their values in some rows, NaN where missing.
        tolerances: ``(C,)`` half of the last decimal place of each column.
        results: ``(C,)`` true for columns that may be computed.
    """
    absent = np.isnan(sample)
    gaps = np.flatnonzero((absent.mean(axis=0) >= _GAPS) & (absent.mean(axis=0) <= 1 - _GAPS))
    for column in map(int, np.flatnonzero(results) if len(gaps) else []):
        own = sample[:, [column]]
        slack = tolerances[column] + 1e-9 * np.maximum(1.0, np.abs(own))
        equal = np.abs(sample - own) <= slack
        for first in map(int, gaps):
            here, rest = ~absent[:, first], absent[:, first]
            if first == column or equal[here, first].mean() < AGREEING:
                continue
            shares = equal[rest].mean(axis=0)
            shares[[column, first]] = 0.0
            # Where the third is as good everywhere, the first says nothing.
            needed = equal[here].mean(axis=0) < AGREEING
            for other in map(int, np.flatnonzero((shares >= AGREEING) & needed)):
                of = (names[first], names[other])
                yield [Extreme(column=names[column], which="first", of=of, of_present=True)]


def _is_sum(sample: Floats, column: int, places: Places, slack: Floats) -> bool:
    apart = np.abs(sample[:, places].sum(axis=1) - sample[:, column])
    return bool((apart[~np.isnan(apart)] <= slack.max()).all())


def _needed(hits: Mask) -> list[int]:
    """Return the columns of which each is the only one that is the result in some rows.

    Args:
        hits: ``(R, C)`` true where a column is the result. A column that is smaller than another
            one in all rows is the result only beside that.

    Returns:
        Their places; none if they leave too many rows.
    """
    left = list(range(hits.shape[1]))
    while left:
        part = hits[:, left]
        alone = (part & (part.sum(axis=1) == 1)[:, None]).mean(axis=0)
        if alone.min() >= _EACH:
            break
        left.pop(int(np.argmin(alone)))
    return left if len(left) and hits[:, left].any(axis=1).mean() >= AGREEING else []


def rated_products(
    names: Sequence[str], sample: Floats, columns: SampledColumns
) -> Iterator[list[Rated]]:
    """Yield products of three columns, and products of one or two with 1 more or less a rate.

    Args:
        names: Columns of numbers.
        sample: ``(S, C)`` their values in some rows, NaN where missing.
        columns: The same rows.
    """
    n_columns = len(names)
    few = n_columns <= _MAX_COLUMNS
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(sample, axis=0), np.nanmax(sample, axis=0)
    shares = [
        (int(i), share / unit)
        for unit in (1, 100)
        for i in np.flatnonzero((low >= 0) & (high <= unit) & (high > 0.01 * unit))
        for share in (-1.0, 1.0)
    ][: 4 * _MAX_RATES]
    bases: list[tuple[int, ...]] = [(a,) for a in range(n_columns)]
    bases += combinations(range(n_columns), 2) if few else []
    rates = np.array([1 + share * sample[:, i] for i, share in shares]).reshape(-1, len(sample)).T
    for base in bases:
        product = np.prod(sample[:, base], axis=1)
        third = list(range(base[-1] + 1, n_columns)) if len(base) == 2 else []
        made = product[:, None] * np.column_stack([rates, sample[:, third]])
        for place in columns.some_agree(made):
            if place >= len(shares):
                factors = (*base, third[place - len(shares)])
                skip, rating = set(factors), {}
            elif shares[place][0] in base:
                continue
            else:
                factors, (rate, share) = base, shares[place]
                skip, rating = {*base, rate}, {"rate": names[rate], "share": share}
            for column in columns.keepers(made[:, place], skip=skip):
                of = tuple(names[i] for i in factors)
                yield [Rated(column=names[column], factors=of, **rating)]
