"""Tell which of several formulas of the same columns says the most."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.rules.column_views import Floats, TableView
from tabvae_ray.table.rules.finding.agreement import AGREEING
from tabvae_ray.table.rules.forms.formula import Formula, Linear
from tabvae_ray.table.rules.forms.several import Extreme

__all__ = [
    "hides_nothing",
    "is_partial_copy",
    "is_plain",
    "needs_all",
    "of_present",
    "strongest_first",
    "tells_all",
]

# An input that can be shuffled without breaking so many rows says nothing.
_MIN_BROKEN = 0.1
_MOST_STEPS = 9
# So many times as many rows must have a part of a sum as break it.
_MORE_PARTS = 3
# Rows with missing parts and a sum, of which fewer say nothing.
_FEWEST_WITH_GAPS = 10
# A sum tells its column unless its inputs lack a larger share of the values.
_UNTOLD = 0.05
# What adding float64 may lose.
_ERROR = 1e-6


def strongest_first(
    formulas: Sequence[Formula], some: TableView, rng: np.random.Generator
) -> list[Formula]:
    """Return formulas of the same columns, those first from which the others follow.

    A share that is rounded to one decimal gives the count only roughly, while the count gives the
    share to its last digit. So each formula computes its column from inputs that are shuffled and
    moved a little, and the others are held against the result.

    Args:
        formulas: Formulas that relate the same columns.
        some: A sample of the rows.
        rng: Source of the shuffling.
    """
    if len(formulas) < 2:
        return list(formulas)

    def share(formula: Formula) -> float:
        drawn = _recombined(formula, some, rng)
        kept = [1 - float(other.broken(drawn).mean()) for other in formulas]
        return round(min(kept), 2) if drawn.n_rows else 0.0

    shares = [share(formula) for formula in formulas]
    order = sorted(range(len(formulas)), key=lambda i: -shares[i])
    return [formulas[i] for i in order]


def needs_all(formula: Formula, some: TableView, rng: np.random.Generator) -> bool:
    """Return True if shuffling any one of its inputs breaks a formula.

    What rounding hides says nothing: a year is no sum of a number and a small share.

    Args:
        formula: A formula that most of the sample keeps.
        some: A sample of the rows.
        rng: Source of the shuffling.
    """
    return all(
        float(formula.broken(some.shuffled(name, _known(formula, some), rng, beside=others)).mean())
        >= _MIN_BROKEN
        for name in formula.given
        if (others := [formula.column, *(other for other in formula.given if other != name)])
    )


def hides_nothing(rule: Linear, some: TableView, exceptions: float) -> bool:
    """Return True if rounding hides no part of a sum, and more rows have a part than break it.

    Args:
        rule: A sum that most rows keep.
        some: A sample of the rows.
        exceptions: Share of rows that break it.
    """
    own = some[rule.column].numbers
    assert own is not None
    apart = np.abs(rule.expected(some) - own)
    if (apart > _ERROR).sum() > (1 - AGREEING) * some.n_rows:
        return False
    usual = [np.bincount(some[name].codes).max() for name in rule.given]
    return exceptions == 0 or 1 - max(usual) / some.n_rows > _MORE_PARTS * exceptions


def of_present(rule: Formula, table: TableView) -> Formula:
    """Return a sum, a mean or an extreme that leaves out what is missing, if all rows say so.

    Args:
        rule: A formula that all rows without missing values keep.
        table: The real rows.
    """
    if not isinstance(rule, Linear | Extreme) or len(rule.given) < 2:
        return rule
    absent = np.logical_or.reduce([table[name].missing for name in rule.given])
    told = absent & ~table[rule.column].missing
    if told.sum() < _FEWEST_WITH_GAPS:
        return rule
    shorter = rule.model_copy(update={"of_present": True})
    return rule if shorter.broken(table)[told].any() else shorter


def tells_all(rule: Linear, table: TableView) -> bool:
    """Return whether inputs are there wherever the column of a sum has a value.

    A balance is the one before it and a signed amount, not the one before it less a debit, which
    only some rows have.

    Args:
        rule: A sum that all rows without missing values keep.
        table: The real rows.
    """
    gaps = [of.missing for name in rule.given if (of := table[name]).missing.any()]
    if not gaps:
        return True
    present = ~table[rule.column].missing
    untold = present & np.logical_or.reduce(gaps)
    if untold.sum() <= _UNTOLD * present.sum():
        return True
    return getattr(of_present(rule, table), "of_present", False)


def is_partial_copy(rule: Formula, table: TableView) -> bool:
    """Return whether a column is another one, or its negative, that lacks some of its values."""
    if not isinstance(rule, Linear) or len(rule.terms) > 1 or not is_plain(rule):
        return False
    return not tells_all(rule, table)


def is_plain(rule: Linear) -> bool:
    """Return whether a sum adds or takes away whole columns."""
    return all(abs(factor) == 1 for factor in rule.terms.values())


def _recombined(formula: Formula, some: TableView, rng: np.random.Generator) -> TableView:
    """Return rows of shuffled inputs, with the rounded results of the formula."""
    rows = _known(formula, some)
    views = [some[name] for name in (*formula.given, formula.column)]
    made: dict[str, Floats] = {}
    for view in views:
        assert view.numbers is not None
        # By steps of the last decimal place, so that inputs differ from those of the table.
        step = view.spacing
        moved = step * rng.integers(-_MOST_STEPS, _MOST_STEPS + 1, len(rows))
        made[view.name] = rng.permutation(view.numbers[rows]) + moved
    columns = [view.column for view in views]
    expected = formula.expected(TableView(pd.DataFrame(made), columns))
    decimals = some[formula.column].column.decimals
    made[formula.column] = expected if decimals is None else np.round(expected, decimals)
    return TableView(pd.DataFrame(made), columns)


def _known(formula: Formula, some: TableView) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    known = ~some[formula.column].missing
    for name in formula.given:
        known &= ~some[name].missing
    return np.flatnonzero(known)
