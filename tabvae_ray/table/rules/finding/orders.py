"""Find pairs of numbers or date-times of which one is never larger."""

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import Floats, Mask, TableView
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, is_rule
from tabvae_ray.table.rules.rule import Order

__all__ = ["find_orders"]

# Rows of the sample: fewer where there are more columns than this.
_SAMPLE, _SAMPLE_COLUMNS, _MIN_SAMPLE = 2_000, 200, 300
# An order that so few rows could break says nothing that the ranges of the columns do not.
_MIN_BREAKABLE = 0.05
# So many times as many rows must just keep an order with exceptions as break it.
_EDGE = 10
# Pairs that are held against all rows. Their number grows with the square of the columns.
_MOST_CHECKED = 4_000


def find_orders(table: TableView, rng: np.random.Generator) -> list[Order]:
    """Find orders that chance does not explain, without those that follow from others."""
    n_columns = len(table.columns)
    n_rows = max(_MIN_SAMPLE, _SAMPLE * _SAMPLE_COLUMNS // max(n_columns, _SAMPLE_COLUMNS))
    some = table.take(rng.permutation(table.n_rows)[:n_rows])
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
        values = np.stack([some[name].comparable for name in names], axis=1)
        mixed = np.stack([rng.permutation(values[:, i]) for i in range(len(names))], axis=1)
        likely = np.zeros((len(names), len(names)), dtype=bool)
        for low in range(len(names)):
            wrong = (values[:, [low]] > values).mean(axis=0)
            by_chance = (mixed[:, [low]] > mixed).mean(axis=0)
            likely[low] = (wrong <= 3 * MAX_EXCEPTIONS) & (by_chance >= _MIN_BREAKABLE)
        np.fill_diagonal(likely, val=False)
        found += _checked(names, likely, values, table, rng)
    return _without_implied(found)


def _checked(
    names: list[str], likely: Mask, values: Floats, table: TableView, rng: np.random.Generator
) -> list[Order]:
    """Return the likely orders that all rows keep, by the order of the columns.

    Neighbours come first. What follows from exact orders is not checked.
    """
    follows = np.zeros_like(likely)
    found: dict[tuple[int, int], Order] = {}
    n_checked = 0
    for low, high in _nearest_first(likely, values):
        if (follows[low] & follows[:, high]).any():
            follows[low, high] = True
            continue
        if n_checked == _MOST_CHECKED:
            break
        n_checked += 1
        rule = _strictest(names[low], names[high], table, rng)
        if rule is not None:
            found[low, high] = rule
            follows[low, high] = rule.exceptions == 0
    return [found[pair] for pair in sorted(found)]


def _nearest_first(likely: Mask, values: Floats) -> list[tuple[int, int]]:
    """Return the likely pairs, those with the fewest columns between them first."""
    pairs: npt.NDArray[np.intp] = np.argwhere(likely)
    if not len(pairs):
        return []
    present = ~np.isnan(values)
    middle = np.where(present, values, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    place = np.empty(len(middle), dtype=np.intp)
    place[np.argsort(middle, kind="stable")] = np.arange(len(middle))
    apart = np.abs(place[pairs[:, 0]] - place[pairs[:, 1]])
    return [(int(low), int(high)) for low, high in pairs[np.argsort(apart, kind="stable")]]


def _strictest(low: str, high: str, table: TableView, rng: np.random.Generator) -> Order | None:
    for strict in (True, False):
        rule = Order(column=low, upper=high, strict=strict)
        exceptions = is_rule(rule, table, rng)
        if exceptions == 0 or (exceptions and not strict and _is_edge(rule, table)):
            return rule.model_copy(update={"exceptions": exceptions})
    return None


def _is_edge(rule: Order, table: TableView) -> bool:
    """Return True if far more rows just keep an order than break it by as much.

    Of two columns that are merely different in size, the tail of the difference goes on beyond 0.
    """
    apart = table[rule.upper].comparable - table[rule.column].comparable
    far = -float(np.median(apart[apart < 0]))
    near_edge = int(((apart >= 0) & (apart <= far)).sum())
    return near_edge >= _EDGE * int((apart < 0).sum())


def _without_implied(orders: list[Order]) -> list[Order]:
    """Leave out ``a <= c`` where ``a <= b`` and ``b <= c`` are exact rules."""
    exact = {(rule.column, rule.upper) for rule in orders if rule.exceptions == 0}
    both = {(rule.column, rule.upper) for rule in orders}
    above: dict[str, list[str]] = {}
    for low, high in exact:
        above.setdefault(low, []).append(high)
    return [
        rule
        for rule in orders
        # Equal columns, or nearly equal ones: that is more than an order.
        if (rule.upper, rule.column) not in (both if rule.exceptions else exact)
        and not any((name, rule.upper) in exact for name in above.get(rule.column, ()))
    ]
