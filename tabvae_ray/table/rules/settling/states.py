"""Change what must be 0, false or missing because of other columns."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import Floats, Mask, TableView
from tabvae_ray.table.rules.forms.exclusive import Exclusive
from tabvae_ray.table.rules.forms.fixed import Fixed
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.values import (
    held_cells,
    plain_values,
    without_exceptions,
    write_values,
)

__all__ = ["keep_exclusive", "keep_fixed", "keep_only_where"]


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


def keep_exclusive(
    rows: pd.DataFrame,
    rule: Exclusive,
    columns: Mapping[str, Column],
    fixed: Collection[str],
    rng: np.random.Generator,
    *,
    compact: bool,
) -> None:
    """Leave one of some columns what only one of them may be.

    Where none is and one must be, one is drawn by its frequency, with a value of another row.

    Args:
        rows: Generated rows, in place.
        rule: The rule.
        columns: The columns by name.
        fixed: Columns that must stay.
        rng: Source of the draws.
        compact: Whether categorical columns are pandas categoricals whatever their dtype.
    """
    names = (rule.column, *rule.given)
    view = TableView(rows, [columns[name] for name in names])
    wrong = rule.broken(view)
    if wrong.mean() <= rule.exceptions:
        return
    if rule.exceptions:
        wrong = without_exceptions(wrong, rule.exceptions, rng)
    states: Mask = rule.states(view)
    held: Mask = np.stack([held_cells(rows, name) for name in names], axis=1)
    free: Mask = ~held & np.array([name not in fixed for name in names])
    weights: Floats = np.where(wrong[:, None], 0, states).sum(axis=0) + 1e-9
    # By the row's own columns if there are any, else by how often each is.
    shares = np.where(
        states.any(axis=1, keepdims=True), states + 2.0 * (states & ~free), weights * free
    )
    shares = np.where(held & states, 1e9, shares)
    chosen = (np.log(np.maximum(shares, 1e-300)) + rng.gumbel(size=shares.shape)).argmax(axis=1)
    for i, name in enumerate(names):
        off = wrong & states[:, i] & (chosen != i)
        on = wrong & ~states[:, i] & (chosen == i)
        if name not in fixed and (off.any() or on.any()):
            own = plain_values(rows[name], columns[name])
            absent = _without_value(columns[name], rule)
            drawn = _drawn_values(own, states[:, i], columns[name], rule, rng)
            write_values(rows, columns[name], np.select([off, on], [absent, drawn], own), compact)


def _without_value(column: Column, rule: Exclusive) -> float:
    """Return a value that is missing, false or 0."""
    if rule.state == "has a value":
        return -1.0 if column.kind == "categorical" else np.nan
    if column.kind == "categorical":
        return float(min(range(len(column.categories)), key=lambda i: float(column.categories[i])))
    # The smallest number, which is 0.
    return 0.0


def _drawn_values(
    own: Floats, states: Mask, column: Column, rule: Exclusive, rng: np.random.Generator
) -> Floats:
    """Return ``(N,)`` values of rows that have one; the last category if none does."""
    known = np.flatnonzero(states)
    if len(known):
        return own[known[rng.integers(0, len(known), len(own))]]
    if column.kind == "categorical" and rule.state != "has a value":
        return np.full(len(own), float(np.argmax([float(value) for value in column.categories])))
    return own


def keep_fixed(
    rows: pd.DataFrame,
    rule: Fixed,
    columns: Mapping[str, Column],
    rng: np.random.Generator,
    *,
    compact: bool,
) -> None:
    """Give a column its fixed category, and elsewhere one of other rows if it has it only there.

    Args:
        rows: Generated rows, in place.
        rule: The rule.
        columns: The columns by name.
        rng: Source of the draws.
        compact: Whether categorical columns are pandas categoricals whatever their dtype.
    """
    column = columns[rule.column]
    view = TableView(rows, [column, columns[rule.other]])
    wrong = rule.broken(view)
    if wrong.mean() <= rule.exceptions:
        return
    if rule.exceptions:
        wrong = without_exceptions(wrong, rule.exceptions, rng)
    fixed, own = rule.is_fixed(view), plain_values(rows[column.name], column)
    usual = np.flatnonzero(~rule.is_label(view) & ~view[column.name].missing & ~fixed)
    drawn = own[usual[rng.integers(0, len(usual), len(rows))]] if len(usual) else own
    label = float(column.categories.index(rule.label))
    made = np.select([wrong & fixed, wrong & ~fixed], [np.full(len(own), label), drawn], own)
    write_values(rows, column, made, compact)
