"""Find pairs of numbers or date-times of which one is never larger, and values missing together."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, is_rule, unlikely
from tabvae_ray.table.rules.rule import MissingTogether, Order, comparable
from tabvae_ray.table.rules.views import TableView

__all__ = ["find_missing", "find_orders"]

_SAMPLE = 2_000
# An order that so few rows could break says nothing that the ranges of the columns do not.
_MIN_BREAKABLE = 0.05
_MAX_CATEGORIES = 50


def find_orders(table: TableView, rng: np.random.Generator) -> list[Order]:
    """Find orders that chance does not explain, without those that follow from others."""
    some = table.take(rng.permutation(table.n_rows)[:_SAMPLE])
    found: list[Order] = []
    for kind in ("datetime", "number"):
        names = [
            name
            for name, view in table.columns.items()
            if (view.column.kind == "datetime" if kind == "datetime" else view.column.kind
                == "continuous" and view.is_exact)
        ]  # fmt: skip
        if len(names) < 2:
            continue
        values = np.stack([comparable(some, name) for name in names], axis=1)
        mixed = np.stack([rng.permutation(values[:, i]) for i in range(len(names))], axis=1)
        for low, name in enumerate(names):
            wrong = (values[:, [low]] > values).mean(axis=0)
            by_chance = (mixed[:, [low]] > mixed).mean(axis=0)
            likely = (wrong <= 3 * MAX_EXCEPTIONS) & (by_chance >= _MIN_BREAKABLE)
            for high in np.flatnonzero(likely):
                rule = _strictest(name, names[high], table, rng) if high != low else None
                if rule is not None:
                    found.append(rule)
    return _without_implied(found)


def _strictest(low: str, high: str, table: TableView, rng: np.random.Generator) -> Order | None:
    for strict in (True, False):
        rule = Order(column=low, upper=high, strict=strict)
        exceptions = is_rule(rule, table, rng)
        if exceptions == 0 or (exceptions is not None and not strict):
            return rule.model_copy(update={"exceptions": exceptions})
    return None


def _without_implied(orders: list[Order]) -> list[Order]:
    """Leave out ``a <= c`` where ``a <= b`` and ``b <= c`` are exact rules."""
    exact = {(rule.column, rule.upper) for rule in orders if rule.exceptions == 0}
    between = {name for pair in exact for name in pair}
    return [
        rule
        for rule in orders
        # Equal columns: that is more than an order.
        if (rule.upper, rule.column) not in exact
        and not any(
            (rule.column, name) in exact and (name, rule.upper) in exact for name in between
        )
    ]


def find_missing(table: TableView) -> list[MissingTogether]:
    """Find columns whose missing values another column explains."""
    found: list[MissingTogether] = []
    for name, view in table.columns.items():
        n = int(view.missing.sum())
        if not 0 < n < table.n_rows:
            continue
        by_chance = (n / table.n_rows) ** 2 + (1 - n / table.n_rows) ** 2
        best: MissingTogether | None = None
        for rule in _explanations(name, table):
            exceptions = float(rule.broken(table).mean())
            if exceptions >= (MAX_EXCEPTIONS if best is None else best.exceptions):
                continue
            if unlikely(by_chance, table.n_rows, exceptions):
                best = rule.model_copy(update={"exceptions": exceptions})
            if exceptions == 0:
                break
        found += [] if best is None else [best]
    return found


def _explanations(name: str, table: TableView) -> Iterator[MissingTogether]:
    """Yield what may explain it: an earlier column's missing values, then categories."""
    missing = table[name].missing
    for other, view in table.columns.items():
        if other == name:
            break
        if view.missing.any():
            yield MissingTogether(column=name, other=other)
    for other, view in table.columns.items():
        column = view.column
        if other == name or column.kind != "categorical" or view.n_codes > _MAX_CATEGORIES:
            continue
        share = np.bincount(view.codes, weights=missing) / np.bincount(view.codes)
        where = share > 0.5
        if not where.any() or where.all():
            continue
        first = np.unique(view.codes, return_index=True)[1]
        values = [view.values.iloc[i] for code, i in enumerate(first) if where[code]]
        if not any(pd.isna(value) for value in values):
            values.sort(key=str)
            plain = tuple(v.item() if isinstance(v, np.generic) else v for v in values)
            yield MissingTogether(column=name, other=other, values=plain)
