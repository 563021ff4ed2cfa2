"""Move drawn ends of orders between cells that stay."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_range
from tabvae_ray.table.rules.column_views import Floats, Mask
from tabvae_ray.table.rules.rule import Order
from tabvae_ray.table.rules.scale import beside
from tabvae_ray.table.rules.values import held_cells, plain_values, write_values

__all__ = ["keep_bounds"]


def keep_bounds(
    rows: pd.DataFrame,
    orders: Sequence[Order],
    columns: Mapping[str, Column],
    computed: Collection[str],
    rng: np.random.Generator,
) -> None:
    """Draw values beyond what held cells allow anew, from those of other rows that they allow.

    What follows from a chain of orders counts, too. Values that are still in the wrong order may
    then be exchanged.

    Args:
        rows: Rows with held cells, in place.
        orders: The orders without exceptions between columns.
        columns: The columns by name.
        computed: Columns that rules compute, which are not drawn here.
        rng: Source of the draws.
    """
    names = [name for name in dict.fromkeys(n for r in orders for n in (r.column, r.upper))]
    names = [name for name in names if name not in computed]
    if not any(held_cells(rows, name).any() for name in names):
        return
    own = {name: plain_values(rows[name], columns[name]) for name in names}
    ends = {name: _ends(columns[name]) for name in names}
    low, high = ({name: np.full(len(rows), ends[name][i]) for name in names} for i in (0, 1))
    for name in names:
        held = held_cells(rows, name) & ~_absent(own[name], columns[name])
        low[name][held] = high[name][held] = own[name][held]
    for _ in names:
        for rule in orders:
            if rule.column in own and rule.upper in own:
                a, b = columns[rule.column], columns[rule.upper]
                least = beside(low[a.name], a, b, above=True, strict=rule.strict)
                most = beside(high[b.name], b, a, above=False, strict=rule.strict)
                free_a, free_b = (~held_cells(rows, name) for name in (a.name, b.name))
                low[b.name] = np.where(free_b, np.maximum(low[b.name], least), low[b.name])
                high[a.name] = np.where(free_a, np.minimum(high[a.name], most), high[a.name])
    for name in names:
        values, column = own[name], columns[name]
        known = ~held_cells(rows, name) & ~_absent(values, column)
        beyond = known & ((values < low[name]) | (values > high[name])) & (low[name] <= high[name])
        if beyond.any():
            pool = np.sort(values[known])
            made = _between(pool, low[name][beyond], high[name][beyond], values[beyond], rng)
            values = values.copy()
            values[beyond] = made
            write_values(rows, column, values, compact=False)


def _between(
    pool: Floats, low: Floats, high: Floats, own: Floats, rng: np.random.Generator
) -> Floats:
    """Return ``(N,)`` values of a pool between two ends, and the nearer end where it has none."""
    first = np.searchsorted(pool, low)
    n_fit = np.searchsorted(pool, high, side="right") - first
    places = first + np.floor(rng.random(len(low)) * n_fit).astype(np.int64)
    drawn = pool[np.minimum(places, len(pool) - 1)]
    return np.where(n_fit > 0, drawn, np.clip(own, low, high))


def _ends(column: Column) -> tuple[float, float]:
    if column.kind == "categorical":
        return 0.0, float(len(column.categories) - 1)
    return column_range(column)[1:]


def _absent(values: Floats, column: Column) -> Mask:
    absent: Mask = values < 0 if column.kind == "categorical" else np.isnan(values)
    return absent
