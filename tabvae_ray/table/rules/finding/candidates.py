"""Candidates of formulas, from a few hundred rows, all pairs of columns at once.

:func:`tabvae_ray.table.rules.finding.formulas.find_formulas` then holds each against all rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

import numpy as np

from tabvae_ray.table.rules.column_views import Floats, TableView
from tabvae_ray.table.rules.finding.agreement import SampledColumns
from tabvae_ray.table.rules.finding.factors import scaled_products
from tabvae_ray.table.rules.finding.products import functions, products_and_ratios
from tabvae_ray.table.rules.finding.several import extremes, first_present, rated_products
from tabvae_ray.table.rules.finding.short_numbers import shortest
from tabvae_ray.table.rules.finding.strength import (
    hides_nothing,
    is_plain,
    needs_all,
    strongest_first,
)
from tabvae_ray.table.rules.finding.sums.around import clock_sums, wrapped_sums
from tabvae_ray.table.rules.finding.sums.regressions import Regressions
from tabvae_ray.table.rules.finding.sums.totals import Relations, find_totals
from tabvae_ray.table.rules.finding.sums.turning import solved_for
from tabvae_ray.table.rules.forms.formula import (
    Formula,
    Linear,
    Quotient,
    Remainder,
)
from tabvae_ray.table.rules.forms.several import Extreme

__all__ = ["Candidates"]

# Rows that candidates are looked for in.
_SAMPLE, _LARGER = 256, 2048
# Divisors that calendars, clocks and units have, beside those that the values suggest.
_DIVISORS = (7, 10, 12, 24, 30, 52, 60, 100, 365, 1000, 1440, 3600, 10000, 86400)
# Where fewer rows are above the divisor, a remainder is the number itself.
_DIVIDED = 0.05
# What dividing float64 may lose.
_HAIR = 1e-13
# Rows that show whether a column rises with another one.
_FEW = 32
# Share of the sample that may be exceptions on either side.
_EXCEPTIONAL = 0.02
# Formulas of three columns are looked for in tables of up to so many columns of numbers.
_MAX_COLUMNS, _MAX_COLUMNS_FOR_REGRESSIONS = 100, 60


class Candidates:
    """Candidates of all kinds, from samples of the rows.

    Args:
        table: The real rows.
        names: Columns of numbers.
        added: Columns of numbers, those of two values too.
        rng: Source of the samples.
        given: Columns that are computed already, and what from; grows while candidates are tried.

    Attributes:
        is_late: Whether all candidates have been tried but those that say least.
    """

    def __init__(
        self,
        table: TableView,
        names: list[str],
        added: list[str],
        rng: np.random.Generator,
        given: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.names = names
        rows = rng.permutation(table.n_rows)
        self._all = _numbers(table, names)[rows]
        tolerances = np.array([table[name].tolerance for name in names])
        self._sample = self._all[:_SAMPLE]
        self._tolerances = tolerances
        # A result that is none of the categories could not be written down.
        self._results = np.array(
            [table[name].column.kind != "categorical" and name not in given for name in names]
        )
        self._few = SampledColumns(self._sample, tolerances, self._results)
        self._some = table.take(rows[:_SAMPLE])
        self._regressions = Regressions(names, self._all, tolerances, self._results, rng)
        self._rng, self._given = rng, given
        self.relations = Relations(added)
        self._added, self._rows, self._table = added, rows, table
        self.is_late = False

    def ranked(self, formulas: Sequence[Formula]) -> list[Formula]:
        """Return formulas of the same columns, the ones that say most first."""
        return strongest_first(formulas, self._some, self._rng)

    @property
    def results(self) -> list[str]:
        """Columns that may be computed."""
        return [name for name, may in zip(self.names, self._results, strict=True) if may]

    def is_needed(self, formula: Formula, exceptions: float) -> bool:
        """Return True if a formula needs all of its inputs."""
        if isinstance(formula, Linear) and len(formula.terms) > 2:
            if hides_nothing(formula, self._some, exceptions):
                return True
        if isinstance(formula, Extreme) and formula.which == "first":
            # Where the first one is missing, the other one must tell as exactly.
            return exceptions == 0 and not formula.broken(self._table).any()
        return needs_all(formula, self._some, self._rng)

    def all(self) -> Iterator[Sequence[Formula]]:
        """Yield formulas that most of the sample keeps, those of the same columns together.

        A whole before its parts: ``time = 100 * hour + minute`` only gives times that there are,
        while hours taken from a time need a time that is one.
        """
        if len(self.names) < 2:
            yield from self._totals()
            return
        if len(self.names) <= _MAX_COLUMNS:
            # The largest of some columns is one of them, while a sum with a range may be none.
            yield from first_present(self.names, self._sample, self._tolerances, self._results)
            yield from extremes(self.names, self._sample, self._tolerances, self._results)
            yield from self._sums()
        # A column that loses digits of another says less than what both are computed from.
        lossy = []
        for rules in self._regressions.in_one(self._given):
            if any(not self._regressions.loses(rule) for rule in rules):
                yield rules
            else:
                lossy.append(rules)
        if len(self.names) > _MAX_COLUMNS:
            yield from self._totals()
            yield from lossy
            return
        few = len(self.names) <= _MAX_COLUMNS_FOR_REGRESSIONS
        linear = [_whole_first(rules) for rules in self._regressions.in_two()] if few else []
        linear.sort(key=lambda rules: _complexity(rules[0]))
        rounded = [rules for rules in linear if self._regressions.loses(rules[0])]
        linear = [rules for rules in linear if not self._regressions.loses(rules[0])]
        # Hours and minutes are told from each other by their divisors, not by what is left over.
        yield from ([rules[0]] for rules in linear if _has_whole_factors(rules[0]))
        yield from self._divisions()
        # A share of a sum, which is rounded, tells it less exactly than the other parts do.
        odd = False
        for totals in self._totals():
            if is_plain(totals[0]):
                yield totals
            else:
                odd = True
        yield from (rules for rules in linear if _is_whole(rules[0]))
        if odd:
            yield from self._totals()
        yield from functions(self.names, self._sample, self._few)
        # Of relations that share columns each computes another one, and sums come before products:
        # a discount is the difference of two prices rather than a rounded rate times a price.
        for rules in linear:
            # A difference of two columns that is a third one is told by that.
            if not _is_whole(rules[0]) and not self.relations.shortens(rules[0]):
                yield rules
        yield from self._differences()
        if few:
            for rules in self._regressions.in_many(self._given):
                # What is a share of a subtotal is no weighted sum of its parts.
                plainer = self.relations.plainer(rules[0])
                if plainer is not None and len(plainer.terms) > 2:
                    yield [plainer] if plainer != rules[0] else rules
        yield from products_and_ratios(self.names, self._sample, self._few)
        yield from rated_products(self.names, self._sample, self._few)
        some = self._table.take(self._rows[:_LARGER])
        yield from scaled_products(
            self.names, some, self._all[:_LARGER], self._tolerances, self._results
        )
        yield from lossy
        # What now is left may need that sums are solved another way. So the same candidates come
        # again: only late, sums are turned for a rate of a sum.
        self.is_late = True
        yield from lossy
        yield from rounded
        yield from ([rule] for rule in clock_sums(self.names, self._sample, self._all))
        wrapped = wrapped_sums(self.names, self._sample, self._all, self._results)
        yield from ([rule] for rule in wrapped)

    def turned(self, rule: Linear) -> list[Linear]:
        """Return a sum solved for each of its parts, that first which may be negative, or the last.

        Only sums and differences: what is divided would be rounded.
        """
        places = [self.names.index(name) for name in rule.terms if name in self.names]
        low = np.nanmin(self._all, axis=0)
        ordered = sorted(places, key=lambda i: (low[i] >= 0, -i))
        ways = [solved_for(rule, self.names[place]) for place in ordered if self._results[place]]
        return [way for way in ways if way is not None]

    def _sums(self) -> Iterator[list[Formula]]:
        for a, b in self._few.pairs(np.add):
            if a < b:
                for column in self._few.keepers(
                    self._sample[:, a] + self._sample[:, b], skip={a, b}
                ):
                    yield [self._linear(column, {a: 1.0, b: 1.0})]

    def _differences(self) -> Iterator[list[Formula]]:
        for a, b in self._few.pairs(np.subtract):
            for column in self._few.keepers(self._sample[:, a] - self._sample[:, b], skip={a, b}):
                yield [self._linear(column, {a: 1.0, b: -1.0})]

    def _totals(self) -> Iterator[Sequence[Linear]]:
        views = [self._table[name] for name in self._added]
        if len(views) < 3:
            return
        results = [
            view.name not in self._given
            and (view.column.kind != "categorical" or view.tolerance)
            and not view.is_flag
            for view in views
        ]
        found = find_totals(
            self._added,
            _numbers(self._table, self._added)[self._rows],
            np.array([view.tolerance for view in views]),
            np.array(results, dtype=bool),
            self.relations,
        )
        yield from (rules for rules in found if not _is_one_hot(rules[0], self._table))

    def _divisions(self) -> Iterator[list[Formula]]:
        """Yield whole quotients and remainders by a constant."""
        low, high = np.nanmin(self._all, 0), np.nanmax(self._all, 0)
        for of, column in permutations(range(len(self.names)), 2):
            if low[of] < 0 or low[column] < 0 or high[column] >= high[of]:
                continue
            yield from self._rounded_up(of, column, low[column])
            near = _near_divisors(self._sample[:, of], self._sample[:, column])
            for divisor in sorted({*_DIVISORS, *near, round(high[column]) + 1}):
                if not 1 < divisor <= high[of]:
                    continue
                of_sample = self._sample[:, of]
                known = of_sample[~np.isnan(self._sample[:, column])]
                if (known >= divisor).mean() < _DIVIDED:
                    continue
                whole = np.floor(of_sample / divisor + 1e-12)
                names = self.names
                if self._few.keeps(whole, column):
                    yield [Quotient(column=names[column], of=names[of], divisor=divisor)]
                if high[column] < divisor and self._few.keeps(of_sample - divisor * whole, column):
                    yield [Remainder(column=names[column], of=names[of], divisor=divisor)]

    def _rounded_up(self, of: int, column: int, low: float) -> Iterator[list[Formula]]:
        """Yield whole quotients rounded up, such as pallets for a weight."""
        first = self._sample[:_FEW, [of, column]]
        ordered = first[np.argsort(first[:, 0], kind="stable"), 1]
        # Of most pairs, one does not rise with the other.
        if low % 1 or (np.diff(ordered[~np.isnan(ordered)]) < 0).sum() > 1:
            return
        numbers = self._sample[:, of]
        some = self._sample[:, column] > 0
        near = _near_divisors(numbers[some], self._sample[some, column] - 1, up=True)
        for divisor in sorted({*_DIVISORS, *near} - {1.0}):
            whole = np.ceil(numbers / divisor - 1e-12)
            if (whole > 1).mean() >= _DIVIDED and self._few.keeps(whole, column):
                rule = Quotient(column=self.names[column], of=self.names[of], divisor=divisor)
                yield [rule.model_copy(update={"up": True})]

    def _linear(self, column: int, factors: dict[int, float], constant: float = 0.0) -> Linear:
        terms = {self.names[i]: factor for i, factor in factors.items()}
        return Linear(column=self.names[column], terms=terms, constant=constant)


def _numbers(table: TableView, names: Sequence[str]) -> Floats:
    """Return ``(N, C)`` the numbers of some columns."""
    columns = [n for name in names if (n := table[name].numbers) is not None]
    return np.stack(columns, axis=1) if columns else np.empty((table.n_rows, 0))


def _is_whole(rule: Linear) -> bool:
    return min(rule.terms.values()) > 0


def _has_whole_factors(rule: Linear) -> bool:
    whole = all(factor > 0 and factor % 1 == 0 for factor in rule.terms.values())
    return whole and rule.constant == 0


def _whole_first(rules: list[Linear]) -> list[Linear]:
    return sorted(rules, key=lambda rule: not _is_whole(rule))


def _near_divisors(of: Floats, whole: Floats, *, up: bool = False) -> set[float]:
    """Return the shortest number, if any, by which a column is divided to give whole quotients.

    A few rows at either end may be exceptions. What is rounded up is one more than ``whole``, which
    the smallest divisor still gives and the largest one no longer.
    """
    least, most = of / (whole + 1), of[whole > 0] / whole[whole > 0]
    least, most = least[~np.isnan(least)], most[~np.isnan(most)]
    for left_out in (0.0, _EXCEPTIONAL):
        if len(most) and len(least):
            low, high = np.quantile(least, 1 - left_out), np.quantile(most, left_out)
            if low < high:
                if up:
                    return {-shortest(-float(high), -float(low) * (1 - _HAIR))}
                return {shortest(float(low), float(high))}
    return set()


def _is_one_hot(rule: Linear, table: TableView) -> bool:
    """Return True if a sum says that exactly one of some columns is 1, which is said otherwise."""
    if rule.constant != 1 or set(rule.terms.values()) != {-1.0}:
        return False
    numbers = (table[name].numbers for name in (rule.column, *rule.given))
    return all(of is not None and np.isin(of[~np.isnan(of)], [0, 1]).all() for of in numbers)


def _complexity(rule: Linear) -> int:
    """Return how many factors differ from 1, and 1 for a constant."""
    return sum(abs(factor) != 1 for factor in rule.terms.values()) + (rule.constant != 0)
