"""The part of what rules learn from a table that enough rows share."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tabvae_ray.errors import warn
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers, column_positions, column_range
from tabvae_ray.table.rules.column_views import Codes, Floats, Mask
from tabvae_ray.table.rules.lookup import MISSING, Lookup, keys_of
from tabvae_ray.table.rules.rule import Dependence, Rule

__all__ = ["filler", "learnt_lookups", "shared_lookup"]

# Keys that enough rows have stand for a column of numbers if they have this share of the rows.
_NEARLY_ALL = 0.9
# A rule is kept if the keys that enough rows have cover this share of the rows.
_MOST = 0.5


def shared_lookup(
    table: pd.DataFrame, on: Sequence[Column], column: Column, crowd: Crowd
) -> Lookup | None:
    """Learn the values that one or two columns give another, from keys that enough rows have.

    If most numbers of a single column are those of few rows, runs of neighbouring numbers that give
    the same value are learnt by their ends: those of the ``min_rows``-th smallest and largest, or
    by the mean of ``min_rows`` numbers in the middle of a short run.

    Args:
        table: Training rows.
        on: The columns that determine it, without values that too few rows have.
        column: The column that they determine, likewise.
        crowd: The training rows.

    Returns:
        The lookup; None if it would know less than half of the rows.
    """
    rows = np.logical_and.reduce([_is_shared(table[part.name], part) for part in (*on, column)])
    if not rows.any():
        return None
    table, crowd = table[rows], crowd.part(rows)
    whole = Lookup.fit(table, on, column)
    keys = np.stack([keys_of(table[part.name], part) for part in on], axis=1)
    own = keys_of(table[column.name], column)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.reshape(-1)
    # Rows that are exceptions do not share the value of their key.
    given = _given(whole)
    kept_rows = given[group] == own
    sizes = crowd.part(kept_rows).sizes(group[kept_rows], len(given))
    kept = sizes >= crowd.min_rows
    known = float(whole.counts[kept].sum()) / len(rows)
    if len(on) == 1 and on[0].kind != "categorical" and known < _NEARLY_ALL:
        part = crowd.part(kept_rows)
        return _by_runs(whole, keys[kept_rows, 0], group[kept_rows], part, len(rows))
    if known < _MOST:
        return None
    return replace(
        whole,
        keys=whole.keys[kept],
        values=whole.values[kept],
        counts=whole.counts[kept],
        closed="keys",
    )


def _given(lookup: Lookup) -> Floats:
    """Return the values of a lookup as :func:`keys_of` returns them."""
    is_missing = np.isnan(lookup.values) | (
        (lookup.values < 0) & (lookup.column.kind == "categorical")
    )
    return np.where(is_missing, MISSING, lookup.values)


def learnt_lookups(
    rules: Sequence[Rule],
    columns: Mapping[str, Column],
    table: pd.DataFrame,
    crowd: Crowd | None,
) -> dict[str, Lookup]:
    """Return what each dependence gives its column, without those that too few rows know."""
    lookups = {}
    for rule in rules:
        if not isinstance(rule, Dependence):
            continue
        on, column = [columns[name] for name in rule.on], columns[rule.column]
        if crowd is None:
            lookups[column.name] = Lookup.fit(table, on, column, exact=rule.exceptions == 0)
            continue
        lookup = shared_lookup(table, on, column, crowd)
        if lookup is not None:
            lookups[column.name] = lookup
        else:
            warn(
                f"the rule {str(rule)!r} is not kept: most of its values are those of fewer "
                f"than {crowd.min_rows} {crowd.noun} (transformers.min_rows)"
            )
    return lookups


def filler(table: pd.DataFrame, column: Column, crowd: Crowd | None) -> float:
    """Return a value for rows in which a column must not be missing: the middle one.

    With a crowd it is the most frequent category, or the mean of enough numbers in the middle.
    """
    if column.kind == "categorical":
        positions = column_positions(table[column.name], column, strangers=crowd is not None)
        present = np.sort(positions[positions >= 0])
        if len(present) == 0:
            return 0.0
        return float(present[len(present) // 2] if crowd is None else np.bincount(present).argmax())
    numbers = column_numbers(table[column.name], column)
    is_present = ~np.isnan(numbers)
    present = np.sort(numbers[is_present])
    if crowd is None:
        return float(present[len(present) // 2]) if len(present) else 0.0
    decimals, low, high = column_range(column)
    middle = crowd.part(is_present).middle(numbers[is_present])
    if middle is None:
        return low
    return float(np.clip(middle if decimals is None else round(middle, decimals), low, high))


def _by_runs(
    whole: Lookup, numbers: Floats, group: Codes, crowd: Crowd, n_rows: int
) -> Lookup | None:
    decimals = column_range(whole.on[0])[0]
    changes = np.append(True, np.diff(_given(whole)) != 0)
    run = np.cumsum(changes) - 1
    ends: list[tuple[float, float, int]] = []
    n_known = 0
    for first in np.flatnonzero(changes):
        rows = run[group] == run[first]
        part = crowd.part(rows)
        if not rows.any() or part.size < crowd.min_rows:
            continue
        found = part.extremes(numbers[rows])
        if found is None:
            middle = part.middle(numbers[rows])
            assert middle is not None
            found = (middle if decimals is None else round(middle, decimals),) * 2
        low, high = found
        n_known += part.n_rows
        ends += [(key, whole.values[first], part.n_rows) for key in dict.fromkeys((low, high))]
    if n_known < _MOST * n_rows:
        return None
    keys, values, counts = (np.array(part) for part in zip(*ends, strict=True))
    return replace(
        whole, keys=keys[:, None], values=values, counts=counts.astype(np.int64), closed="runs"
    )


def _is_shared(values: pd.Series, column: Column) -> Mask:
    """Return ``(N,)`` true for values that a published column has, or that are missing."""
    if column.kind == "categorical":
        positions = column_positions(values, column, strangers=True)
        mask: Mask = positions != -2
        return mask
    numbers = column_numbers(values, column)
    _, low, high = column_range(column)
    return np.isnan(numbers) | ((numbers >= low) & (numbers <= high))
