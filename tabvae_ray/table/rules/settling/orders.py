"""Move the drawn ends of orders that others compute."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.rule import Order
from tabvae_ray.table.rules.scale import at_distance, distances
from tabvae_ray.table.rules.values import plain_values, without_exceptions, write_values

__all__ = ["settle_orders"]


def settle_orders(
    rows: pd.DataFrame,
    orders: Sequence[Order],
    columns: Mapping[str, Column],
    computed: Collection[str],
    inputs: Collection[str],
    rng: np.random.Generator,
    *,
    compact: bool,
) -> None:
    """Move the drawn ends of orders away from computed ones, in the rows that break an order.

    The distance is that of another row, which keeps the order.

    Args:
        rows: Generated rows, in place.
        orders: The orders between their columns.
        columns: The columns by name.
        computed: Columns that rules compute.
        inputs: Columns that they are computed from, which must stay.
        rng: Source of the distances.
        compact: Whether categorical columns are pandas categoricals whatever their dtype.
    """
    settled, waiting = set(computed), list(orders)
    while waiting:
        ready = [rule for rule in waiting if len({rule.column, rule.upper} & settled) == 1]
        if not ready:
            break
        rule = ready[0]
        waiting.remove(rule)
        moved = rule.upper if rule.column in settled else rule.column
        settled.add(moved)
        if moved not in inputs:
            _settle(rows, rule, columns, rng, above=moved == rule.upper, compact=compact)


def _settle(
    rows: pd.DataFrame,
    rule: Order,
    columns: Mapping[str, Column],
    rng: np.random.Generator,
    *,
    above: bool,
    compact: bool,
) -> None:
    low, high = columns[rule.column], columns[rule.upper]
    wrong = rule.broken(TableView(rows, [low, high]))
    if wrong.mean() <= rule.exceptions:
        return
    lows, highs = plain_values(rows[low.name], low), plain_values(rows[high.name], high)
    apart = distances(lows, highs, low, high)
    usual = apart[~wrong & ~np.isnan(apart)]
    if len(usual) == 0:
        return
    wrong = without_exceptions(wrong, rule.exceptions, rng)
    drawn = usual[rng.integers(0, len(usual), len(rows))]
    fixed, own, column, other = (lows, highs, low, high) if above else (highs, lows, high, low)
    found = at_distance(fixed, drawn, column, other, above=above)
    write_values(rows, other, np.where(wrong, found, own), compact)
