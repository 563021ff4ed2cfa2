"""Find columns that are above 0 only where another column allows it."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.rules.column_views import Codes, Mask, TableView
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, unlikely
from tabvae_ray.table.rules.forms.only_where import OnlyWhere

__all__ = ["find_only_where"]

_MAX_CATEGORIES = 50
# A column says something only if it is above 0, and not, in this share of the rows.
_LEAST = 0.05
# A rule that so few rows could break says nothing.
_MIN_BREAKABLE = 0.05
_MAX_VALUES = 5
# Pairs of numbers that are looked at more closely, which grow with the square of the columns.
_MOST_CHECKED = 2_000
# Of the rows that a number allows, those nearest to 0, and how many of them must be above 0.
_EDGE, _MOST = 0.1, 0.3


def find_only_where(
    table: TableView, computed: Collection[str], related: Collection[frozenset[str]]
) -> list[OnlyWhere]:
    """Find columns that are above 0 only where another column allows it.

    Args:
        table: The real rows.
        computed: Columns that other rules compute.
        related: Pairs of columns of which another rule says more.
    """
    found: dict[tuple[str, str], OnlyWhere] = {}
    for zero in (False, True):
        signs = {
            name: OnlyWhere(column=name, other="", zero=zero).is_above(view.numbers)
            for name, view in table.columns.items()
            if view.is_exact and view.numbers is not None and not view.is_flag
        }
        possible, n_checked = _possible(signs, table), 0
        allowing = _allowing(signs, table)
        for name, above in signs.items():
            known = ~table[name].missing
            if name in computed or not _LEAST <= above[known].mean() <= 1 - _LEAST:
                continue
            for other in table.columns:
                best = found.get((name, other))
                if (
                    other == name
                    or frozenset((other, name)) in related
                    or (best is not None and best.exceptions == 0)
                ):
                    continue
                by_sign = (name, other) in possible and n_checked < _MOST_CHECKED
                n_checked += by_sign
                if not by_sign and (name, other) not in allowing:
                    continue
                codes = allowing.get((name, other))
                rule = _candidate(name, codes, table, other, by_sign, zero=zero)
                exceptions = None if rule is None else _exceptions(rule, above, known, table)
                if rule is None or exceptions is None:
                    continue
                if best is None or exceptions < best.exceptions:
                    found[name, other] = rule.model_copy(update={"exceptions": exceptions})
    return _without_implied(list(found.values()))


def _possible(signs: Mapping[str, Mask], table: TableView) -> set[tuple[str, str]]:
    """Return the pairs of numbers of which the first is seldom above 0 where the second is not.

    All pairs are counted at once.
    """
    names = list(signs)
    if not names:
        return set()
    present = np.array([~table[name].missing for name in names])
    above = np.array([signs[name] for name in names]) & present
    of_one, of_other = (part.astype(np.float32) for part in (above, present))
    below = (present & ~above).astype(np.float32)
    n_rows = np.maximum(of_other @ of_other.T, 1)
    share = (of_one @ below.T) / n_rows
    by_chance = (of_one @ of_other.T) / n_rows * ((of_other @ below.T) / n_rows)
    # Counts beyond 2**24 are not exact.
    few = (share <= 1.001 * MAX_EXCEPTIONS) & (by_chance >= 0.999 * _MIN_BREAKABLE)
    return {(names[i], names[j]) for i, j in np.argwhere(few)}


def _allowing(signs: Mapping[str, Mask], table: TableView) -> dict[tuple[str, str], Codes]:
    """Return the categories beside which a column of numbers is above 0, where they are few.

    All columns of numbers are counted at once, beside as many categories as a block has.
    """
    names = list(signs)
    if not names:
        return {}
    above = np.array([signs[name] for name in names], dtype=np.float32)
    found: dict[tuple[str, str], Codes] = {}
    for other, view in table.columns.items():
        if view.column.kind != "categorical" or view.n_codes > _MAX_CATEGORIES:
            continue
        marks = (view.codes == np.arange(view.n_codes)[:, None]).astype(np.float32)
        shares = (marks @ above.T) / np.maximum(marks.sum(axis=1), 1)[:, None]
        allowed = shares >= MAX_EXCEPTIONS
        n_allowed = allowed.sum(axis=0)
        # Most pairs of columns end here; one of the codes may be that of missing values.
        few = (n_allowed > 0) & (n_allowed <= _MAX_VALUES + 1) & (n_allowed < view.n_codes)
        for i in np.flatnonzero(few):
            found[names[int(i)], other] = np.flatnonzero(allowed[:, i])
    return found


def _candidate(
    name: str, allowed: Codes | None, table: TableView, other: str, is_number: bool, *, zero: bool
) -> OnlyWhere | None:
    view = table[other]
    if is_number:
        rule = OnlyWhere(column=name, other=other, zero=zero)
        if not rule.allowed(table).all():
            return rule
    if allowed is None:
        return None
    first = np.unique(view.codes, return_index=True)[1]
    found = [view.value_at(int(first[code])) for code in allowed]
    values = [value for value in found if not pd.isna(value)]
    if not 0 < len(values) <= _MAX_VALUES or len(values) >= view.n_codes - view.missing.any():
        return None
    return OnlyWhere(column=name, other=other, values=tuple(sorted(values, key=str)), zero=zero)


def _exceptions(rule: OnlyWhere, above: Mask, known: Mask, table: TableView) -> float | None:
    """Return the share of rows that break a rule; None if chance explains it."""
    view = table[rule.other]
    rows = known & ~view.missing
    if not rows.any():
        return None
    above, allowed = above[rows], rule.allowed(table)[rows]
    share = float((above & ~allowed).mean())
    by_chance = float(above.mean() * (1 - allowed.mean()))
    if share >= MAX_EXCEPTIONS or by_chance < _MIN_BREAKABLE:
        return None
    if not unlikely(1 - by_chance, len(above), share):
        return None
    if not rule.values:
        # Just above 0 it must be as possible as elsewhere; else both are merely correlated.
        assert view.numbers is not None
        numbers = view.numbers[rows]
        edge = allowed & (numbers <= np.quantile(numbers[allowed], _EDGE))
        if above[edge].mean() < _MOST * above[allowed].mean():
            return None
    return share


def _without_implied(rules: Sequence[OnlyWhere]) -> list[OnlyWhere]:
    """Leave out ``a`` only where ``c`` if ``a`` only where ``b`` and ``b`` only where ``c``."""
    others: dict[tuple[str, bool], set[str]] = {}
    for rule in rules:
        others.setdefault((rule.column, rule.zero), set()).add(rule.other)
    pairs = {(rule.column, rule.other) for rule in rules}
    known = {(rule.column, rule.other, rule.values, rule.zero) for rule in rules}
    return [
        rule
        for rule in rules
        if not any(
            (middle, rule.other, rule.values, rule.zero) in known
            and (rule.other, middle) not in pairs
            for middle in others[rule.column, rule.zero] - {rule.other}
        )
    ]
