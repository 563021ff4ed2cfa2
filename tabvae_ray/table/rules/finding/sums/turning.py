"""Solve sums for other columns of theirs."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import is_rule
from tabvae_ray.table.rules.finding.strength import is_partial_copy
from tabvae_ray.table.rules.forms.formula import Formula, Linear

__all__ = ["plainer_inputs", "solved_for"]

# Nats by which the entropy of a column must be larger, so that it is computed in place of another.
_MARGIN = 0.2
# Rows that are shuffled, and by how much fewer of them a result must be impossible in.
_SHUFFLED_ROWS, _CLEARLY = 1_000, 0.1
# A result that is so far off a step, as a share of it, is between two.
_OFF = 1e-3


def solved_for(rule: Linear, name: str) -> Linear | None:
    """Solve a sum for one of its parts; None where that would divide, and so round."""
    if rule.of_present or any(abs(factor) != 1 for factor in rule.terms.values()):
        return None
    sign = rule.terms[name]
    others = {other: -sign * f for other, f in rule.terms.items() if other != name}
    # What is added is named before what is taken away.
    terms = dict(sorted({rule.column: sign, **others}.items(), key=lambda term: term[1] < 0))
    constant = -sign * rule.constant if rule.constant else 0.0
    return Linear(column=name, terms=terms, constant=constant)


def plainer_inputs(
    formulas: Sequence[Formula],
    table: TableView,
    results: Collection[str],
    known: Mapping[str, tuple[str, ...]],
    rng: np.random.Generator,
) -> list[Formula]:
    """Let exact sums compute the columns that are hardest to draw.

    Of a price, a discount and what is paid, the discount is 0 in most rows. If it were computed as
    the difference of two drawn prices, it would hardly ever be 0. Nor should a column that is never
    below 0, or a multiple of 100, be a difference of others that are just anything.

    Args:
        formulas: Formulas without circles, one for each column at most.
        table: The real rows.
        results: Columns that may be computed.
        known: Other computed columns, and what from.
        rng: Source of the samples.
    """
    found = list(formulas)
    worth = _Worth(table, rng)
    turned = True
    while turned:
        turned = False
        for rule in found:
            if not isinstance(rule, Linear) or rule.exceptions:
                continue
            others = [each for each in found if each is not rule]
            for way in _ways(rule):
                if way.column not in results or way.column in known:
                    continue
                if is_partial_copy(way, table):
                    continue
                changed = _with_way(way, rule, others, results, worth)
                if changed is None:
                    continue
                given = {**known, **{each.column: each.given for each in changed}}
                circle = any(leads_to(each.column, each.given, given) for each in changed)
                new = [each for each in changed if each not in found]
                if not circle and all(is_rule(each, table, rng) == 0 for each in new):
                    found, turned = changed, True
                    break
            if turned:
                # The list is another one, in another order: begin again.
                break
    return found


def _with_way(
    way: Linear,
    rule: Linear,
    others: Sequence[Formula],
    results: Collection[str],
    worth: "_Worth",
) -> list[Formula] | None:
    """Return the formulas with a sum solved the other way; None if that is no better.

    A sum that computes the same column is solved for another one, too.
    """
    same = next((each for each in others if each.column == way.column), None)
    if same is None:
        return [way, *others] if worth.is_better(way, rule) else None
    if not isinstance(same, Linear) or same.exceptions:
        return None
    left = [each for each in others if each is not same]
    taken = {way.column, *(each.column for each in left)}
    for second in _ways(same):
        free = second.column in results and second.column not in taken
        if free and worth.outside(way) + worth.outside(second) < (
            worth.outside(rule) + worth.outside(same) - _CLEARLY
        ):
            return [way, second, *left]
    return None


def _ways(rule: Linear) -> list[Linear]:
    """Return a sum solved for each of its parts."""
    ways = (solved_for(rule, name) for name in rule.terms)
    return [way for way in ways if way is not None]


class _Worth:
    """Measures how well a sum computes a column from others that are drawn.

    Args:
        table: The real rows.
        rng: Source of the sample.
    """

    def __init__(self, table: TableView, rng: np.random.Generator) -> None:
        self._table = table
        self._rows = rng.integers(0, table.n_rows, (_SHUFFLED_ROWS, len(table.columns)))
        self._place = {name: i for i, name in enumerate(table.columns)}
        self._outside: dict[str, float] = {}
        self._entropy: dict[str, float] = {}

    def is_better(self, way: Linear, rule: Linear) -> bool:
        """Return True if a sum should be solved another way.

        Each turn leaves less outside, or computes a column of more entropy, so this ends.
        """
        if self.outside(way) < self.outside(rule) - _CLEARLY:
            return True
        if self.outside(way) > self.outside(rule):
            return False
        return self._entropy_of(way.column) > self._entropy_of(rule.column) + _MARGIN

    def outside(self, rule: Linear) -> float:
        """Return the share of shuffled rows whose result the column cannot have.

        That is less than 0 if it never is, or between two steps or decimals of the column.
        """
        key = str(rule)
        if key not in self._outside:
            self._outside[key] = self._measured(rule)
        return self._outside[key]

    def _measured(self, rule: Linear) -> float:
        total = np.full(_SHUFFLED_ROWS, rule.constant)
        for name, factor in rule.terms.items():
            values = self._table[name].numbers
            assert values is not None
            total += factor * values[self._rows[:, self._place[name]]]
        view = self._table[rule.column]
        assert view.numbers is not None
        least, step = float(np.nanmin(view.numbers)), view.spacing
        outside = (total < -view.tolerance) & (least >= 0)
        if step:
            steps = (total - least) / step
            outside |= np.abs(steps - np.rint(steps)) > _OFF
        return float(outside.mean())

    def _entropy_of(self, name: str) -> float:
        if name not in self._entropy:
            self._entropy[name] = _entropy(self._table, name)
        return self._entropy[name]


def _entropy(table: TableView, name: str) -> float:
    """Compute the entropy of a column's values in nats."""
    shares = np.bincount(table[name].codes) / table.n_rows
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
