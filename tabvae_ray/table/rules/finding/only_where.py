"""Find columns that are above 0 only where another column allows it."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.rules.column_views import Mask, TableView
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, unlikely
from tabvae_ray.table.rules.forms.only_where import OnlyWhere

__all__ = ["find_only_where"]

_MAX_CATEGORIES = 50
# A column says something only if it is above 0, and not, in this share of the rows.
_LEAST = 0.05
# A rule that so few rows could break says nothing.
_MIN_BREAKABLE = 0.05
_MAX_VALUES = 5
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
            if view.is_exact and view.numbers is not None
        }
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
                rule = _candidate(name, above, table, other, other in signs, zero=zero)
                exceptions = None if rule is None else _exceptions(rule, above, known, table)
                if rule is None or exceptions is None:
                    continue
                if best is None or exceptions < best.exceptions:
                    found[name, other] = rule.model_copy(update={"exceptions": exceptions})
    return _without_implied(list(found.values()))


def _candidate(
    name: str, above: Mask, table: TableView, other: str, is_number: bool, *, zero: bool
) -> OnlyWhere | None:
    view = table[other]
    if is_number:
        rule = OnlyWhere(column=name, other=other, zero=zero)
        if not rule.allowed(table).all():
            return rule
    if view.column.kind != "categorical" or view.n_codes > _MAX_CATEGORIES:
        return None
    sizes = np.bincount(view.codes)
    shares = np.bincount(view.codes, weights=above) / np.maximum(sizes, 1)
    first = np.unique(view.codes, return_index=True)[1]
    values = [view.values.iloc[first[code]] for code in np.flatnonzero(shares >= MAX_EXCEPTIONS)]
    plain = [v.item() if isinstance(v, np.generic) else v for v in values if not pd.isna(v)]
    if not 0 < len(plain) <= _MAX_VALUES or len(plain) >= len(sizes) - view.missing.any():
        return None
    return OnlyWhere(column=name, other=other, values=tuple(sorted(plain, key=str)), zero=zero)


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
    kept: list[OnlyWhere] = []
    for rule in rules:
        between = {r.other for r in rules if r.column == rule.column and r.zero == rule.zero}
        implied = any(
            r.column in between - {rule.other}
            and (r.other, r.values, r.zero) == (rule.other, rule.values, rule.zero)
            and not any(back.other == r.column for back in rules if back.column == r.other)
            for r in rules
        )
        if not implied:
            kept.append(rule)
    return kept
