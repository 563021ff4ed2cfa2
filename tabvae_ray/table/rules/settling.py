"""Change columns that must follow others: ends of orders, categories, numbers that must be 0."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers, column_positions
from tabvae_ray.table.rules.column_views import Mask, TableView
from tabvae_ray.table.rules.forms.bins import Bins
from tabvae_ray.table.rules.forms.date_text import DateText
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.rule import Order
from tabvae_ray.table.rules.scale import at_distance, distances
from tabvae_ray.table.rules.values import plain_values, write_values

__all__ = ["keep_labels", "keep_only_where", "settle_orders", "without_exceptions"]


def settle_orders(
    rows: pd.DataFrame,
    orders: Sequence[Order],
    columns: Mapping[str, Column],
    computed: Collection[str],
    inputs: Collection[str],
    rng: np.random.Generator,
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
            _settle(rows, rule, columns, rng, above=moved == rule.upper)


def without_exceptions(wrong: Mask, exceptions: float, rng: np.random.Generator) -> Mask:
    """Return the rows to mend of those ``(N,)`` that break a rule: as many stay as may break it.

    More rows break it than may.
    """
    mended: Mask = wrong & (rng.random(len(wrong)) >= exceptions / wrong.mean())
    return mended


def _settle(
    rows: pd.DataFrame,
    rule: Order,
    columns: Mapping[str, Column],
    rng: np.random.Generator,
    *,
    above: bool,
) -> None:
    low, high = columns[rule.column], columns[rule.upper]
    wrong = rule.broken(TableView(rows, [low, high]))
    if wrong.mean() <= rule.exceptions:
        return
    lows, highs = column_numbers(rows[low.name], low), column_numbers(rows[high.name], high)
    apart = distances(lows, highs, low, high)
    usual = apart[~wrong & ~np.isnan(apart)]
    if len(usual) == 0:
        return
    wrong = without_exceptions(wrong, rule.exceptions, rng)
    drawn = usual[rng.integers(0, len(usual), len(rows))]
    fixed, own, column, other = (lows, highs, low, high) if above else (highs, lows, high, low)
    found = at_distance(fixed, drawn, column, other, above=above)
    write_values(rows, other, np.where(wrong, found, own), compact=False)


def keep_only_where(
    rows: pd.DataFrame,
    rule: OnlyWhere,
    columns: Mapping[str, Column],
    fixed: Collection[str],
    rng: np.random.Generator,
    *,
    compact: bool,
) -> None:
    """Give a column values that are not above 0, drawn from other rows, where it must not be.

    Args:
        rows: Generated rows, in place.
        rule: The rule.
        columns: The columns by name.
        fixed: Columns that must stay.
        rng: Source of the draws.
        compact: Whether categorical columns are pandas categoricals whatever their dtype.
    """
    if rule.column in fixed:
        return
    column, other = columns[rule.column], columns[rule.other]
    view = TableView(rows, [column, other])
    wrong = rule.broken(view)
    numbers = view[rule.column].numbers
    assert numbers is not None
    usual = np.flatnonzero(~rule.is_above(numbers) & ~np.isnan(numbers))
    if wrong.mean() <= rule.exceptions or len(usual) == 0:
        return
    wrong = without_exceptions(wrong, rule.exceptions, rng)
    own = plain_values(rows[column.name], column)
    drawn = own[usual[rng.integers(0, len(usual), len(rows))]]
    write_values(rows, column, np.where(wrong, drawn, own), compact)


def keep_labels(
    rows: pd.DataFrame,
    rule: Bins | DateText,
    columns: Mapping[str, Column],
    rng: np.random.Generator,
    *,
    compact: bool,
) -> None:
    """Give a column the categories that a number or a date-time says.

    Args:
        rows: Generated rows, in place.
        rule: The rule.
        columns: The columns by name.
        rng: Source of the exceptions.
        compact: Whether categorical columns are pandas categoricals whatever their dtype.
    """
    column = columns[rule.column]
    view = TableView(rows, [columns[name] for name in (rule.column, *rule.given)])
    places, labels = rule.coded(view)
    known = {category: i for i, category in enumerate(column.categories)}
    positions = np.array([*(known.get(label, -1) for label in labels), -1])[places]
    own = column_positions(rows[column.name], column)
    kept = (positions < 0) | (own < 0) | (rng.random(len(rows)) < rule.exceptions)
    write_values(rows, column, np.where(kept, own, positions).astype(np.float64), compact)
