"""Find pairs of numbers or date-times of which one is never larger."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.rules.column_views import Codes, ColumnView, Floats, Mask, TableView
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, RARER, is_rule
from tabvae_ray.table.rules.forms.column_rule import ComputingRule
from tabvae_ray.table.rules.forms.dates import MomentRule
from tabvae_ray.table.rules.rule import Order, Rule

__all__ = ["find_orders"]

# Rows of the sample: fewer where there are more columns than this.
_SAMPLE, _SAMPLE_COLUMNS, _MIN_SAMPLE = 2_000, 200, 300
# An order that so few rows could break says nothing that the ranges of the columns do not.
_MIN_BREAKABLE = 0.05
# Fewer do, down to this, of numbers with as many decimals, where some rows are as near to breaking
# it as only an order allows: the smallest distance is a small part of that of the hundredth row.
_LEAST_BREAKABLE, _NEAR, _FEWEST_NEAR = 0.005, 0.3, 10
# So many times as many rows must just keep an order with exceptions as break it.
_EDGE = 10
# Columns of so few values may be in order by mere correlation. That must predict so many broken
# rows where there are none. In so many steps it is searched for.
_FEW, _FEWEST_PREDICTED, _STEPS = 30, 15, 10
# Pairs that are held against all rows. Their number grows with the square of the columns.
_MOST_CHECKED = 4_000
# Rows of shuffled inputs that a formula is computed for, and what float64 may lose.
_SHUFFLED_ROWS, _ERROR = 500, 1e-9


def find_orders(
    table: TableView, rng: np.random.Generator, computed: Sequence[Rule]
) -> list[Order]:
    """Find orders that chance does not explain, without those that follow from others.

    Args:
        table: The real rows.
        rng: Source of the sample.
        computed: Rules that compute columns, of which each says how it lies to its inputs.
    """
    n_columns = len(table.columns)
    n_rows = max(_MIN_SAMPLE, _SAMPLE * _SAMPLE_COLUMNS // max(n_columns, _SAMPLE_COLUMNS))
    some = table.take(rng.permutation(table.n_rows)[:n_rows])
    found: list[Order] = []
    for kind in ("datetime", "number"):
        names = [
            name
            for name, view in table.columns.items()
            if (view.column.kind == "datetime" if kind == "datetime" else _is_number(view))
        ]
        if len(names) < 2:
            continue
        values = np.stack([some[name].comparable for name in names], axis=1)
        mixed = np.stack([rng.permutation(values[:, i]) for i in range(len(names))], axis=1)
        likely = np.zeros((len(names), len(names)), dtype=bool)
        for low in range(len(names)):
            wrong = (values[:, [low]] > values).mean(axis=0)
            by_chance = (mixed[:, [low]] > mixed).mean(axis=0)
            likely[low] = (wrong <= 3 * MAX_EXCEPTIONS) & (by_chance >= _LEAST_BREAKABLE)
            for high in np.flatnonzero(likely[low] & (by_chance < _MIN_BREAKABLE)):
                alike = table[names[low]].tolerance == table[names[high]].tolerance
                likely[low, high] = (
                    alike
                    and wrong[high] == 0
                    and _begins_near_zero(values[:, high] - values[:, low])
                )
        np.fill_diagonal(likely, val=False)
        found += _checked(names, likely, values, table, rng, computed)
    return found


def _is_number(view: ColumnView) -> bool:
    """Return True for numbers, also those of few values, but not for truth values."""
    if not view.is_exact or view.is_flag:
        return False
    categories = [float(value) for value in view.column.categories]
    return categories == sorted(categories)


def _begins_near_zero(apart: Floats) -> bool:
    """Return True if the smallest of some distances, none below 0, are next to nothing.

    Two columns that are merely different in size are apart in all rows.
    """
    apart = np.sort(apart[~np.isnan(apart)])
    place = max(len(apart) // 100, _FEWEST_NEAR)
    return len(apart) > place and bool(apart[0] <= _NEAR * apart[place])


def _checked(
    names: list[str],
    likely: Mask,
    values: Floats,
    table: TableView,
    rng: np.random.Generator,
    computed: Sequence[Rule],
) -> list[Order]:
    """Return the likely orders that all rows keep, by the order of the columns.

    Neighbours come first. What follows from exact orders, or from formulas, is not checked.
    """
    follows = np.zeros_like(likely)
    found: dict[tuple[int, int], Order] = {}
    said = {rule.column: rule for rule in computed}
    n_checked = 0
    for low, high in _nearest_first(likely, values):
        if (follows[low] & follows[:, high]).any():
            follows[low, high] = True
            continue
        if n_checked == _MOST_CHECKED:
            break
        n_checked += 1
        rule = Order(column=names[low], upper=names[high])
        own, other = said.get(rule.column), said.get(rule.upper)
        if own is not None and other is not None and own.given == other.given:
            # Two results of the same inputs are in the order that these have.
            follows[low, high] = True
            continue
        formula = next(
            (
                each
                for each, name in ((own, rule.upper), (other, rule.column))
                if each is not None and name in each.given and not _leaves_dates(each)
            ),
            None,
        )
        if formula is not None:
            # A part is no larger than its whole, unless one of the others is below 0.
            follows[low, high] = _follows(rule, formula, table, rng)
            continue
        strictest = _strictest(rule, table, rng)
        if strictest is not None:
            found[low, high] = strictest
            follows[low, high] = strictest.exceptions == 0
    exact = {(names[low], names[high]) for low, high in np.argwhere(follows)}
    return _without_implied([found[pair] for pair in sorted(found)], exact)


def _leaves_dates(rule: Rule) -> bool:
    """Return True if a date is elsewhere in some rows, in which an order may still hold."""
    return isinstance(rule, MomentRule) and rule.exceptions > 0


def _follows(rule: Order, formula: Rule, table: TableView, rng: np.random.Generator) -> bool:
    """Return True if a formula keeps an order whatever values its inputs have together."""
    if not isinstance(formula, ComputingRule | MomentRule):
        return False
    rows = rng.integers(0, table.n_rows, (len(formula.given), _SHUFFLED_ROWS))
    drawn = pd.DataFrame(
        {
            name: table[name].values.iloc[places].array
            for name, places in zip(formula.given, rows, strict=True)
        }
    )
    view = TableView(drawn, [table[name].column for name in formula.given])
    result = formula.expected(view)
    name = rule.upper if rule.column == formula.column else rule.column
    slack = table[formula.column].tolerance + _ERROR
    apart = (view[name].comparable - result) * (1 if rule.column == formula.column else -1)
    return bool((apart[~np.isnan(apart)] >= -slack).all())


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


def _strictest(order: Order, table: TableView, rng: np.random.Generator) -> Order | None:
    for strict in (True, False):
        rule = order.model_copy(update={"strict": strict})
        exceptions = is_rule(rule, table, rng)
        if exceptions == 0 or (exceptions and not strict and _is_edge(rule, table)):
            rule = rule.model_copy(update={"exceptions": exceptions})
            return None if _is_mere_correlation(rule, table, rng) else rule
    return None


def _is_mere_correlation(rule: Order, table: TableView, rng: np.random.Generator) -> bool:
    """Return True if columns of few values are in order because they rise and fall together.

    Answers to questions of one kind are, if the usual answers are apart.
    """
    both = np.stack([table[name].comparable for name in (rule.column, rule.upper)])
    both = both[:, ~np.isnan(both).any(axis=0)]
    some = both[:, rng.permutation(both.shape[1])[:_SAMPLE]]
    if min(len(np.unique(values)) for values in some) > _FEW:
        return False
    low, high = _drawn_together(some[0], some[1], rng)
    predicted = float((low >= high if rule.strict else low > high).mean())
    least = max(_LEAST_BREAKABLE, _FEWEST_PREDICTED / both.shape[1])
    return predicted < least or rule.exceptions > RARER * predicted


def _drawn_together(low: Floats, high: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw as many values of two columns as by two normal variables, as correlated as they are.

    The variables say which of the sorted values stand in one row. Their own correlation is searched
    for, as the ranks of few values have a smaller one.
    """
    ranks = [_doubled_ranks(low), _doubled_ranks(high)]
    wanted = ranks[0] @ ranks[1]
    low, high, low_ranks, high_ranks = (np.sort(each) for each in (low, high, *ranks))
    own, noise = np.sort(rng.standard_normal(len(low))), rng.standard_normal(len(low))
    places = np.arange(len(low))
    least, most = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (least + most) / 2
        places[np.argsort(middle * own + np.sqrt(1 - middle**2) * noise)] = np.arange(len(low))
        if low_ranks @ high_ranks[places] < wanted:
            least = middle
        else:
            most = middle
    return low, high[places]


def _doubled_ranks(values: Floats) -> Codes:
    """Return ``(N,)`` twice the ranks of values, the middle one of those that are equal."""
    ordered = np.sort(values)
    ranks: Codes = np.searchsorted(ordered, values) + np.searchsorted(ordered, values, "right")
    return ranks


def _is_edge(rule: Order, table: TableView) -> bool:
    """Return True if far more rows just keep an order than break it by as much.

    Of two columns that are merely different in size, the tail of the difference goes on beyond 0.
    """
    apart = table[rule.upper].comparable - table[rule.column].comparable
    far = -float(np.median(apart[apart < 0]))
    near_edge = int(((apart >= 0) & (apart <= far)).sum())
    return near_edge >= _EDGE * int((apart < 0).sum())


def _without_implied(orders: list[Order], exact: Collection[tuple[str, str]]) -> list[Order]:
    """Leave out ``a <= c`` where ``a <= b`` and ``b <= c`` hold in all rows.

    Args:
        orders: Orders.
        exact: Smaller and larger columns of all orders that hold in all rows.
    """
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
