"""Find columns that are computed from numbers: sums, products, units, quotients, remainders.

Candidates come from a few hundred rows, all pairs of columns at once; :func:`found` then holds each
against all rows.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial
from itertools import permutations

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import Floats, Mask, TableView
from tabvae_ray.table.rules.finding.agreement import AGREEING, SampledColumns
from tabvae_ray.table.rules.finding.around import clock_sums, wrapped_sums
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import is_rule
from tabvae_ray.table.rules.forms.column_rule import agrees
from tabvae_ray.table.rules.forms.formula import (
    Formula,
    Linear,
    Product,
    Quotient,
    Ratio,
    Remainder,
)

__all__ = ["find_formulas"]

# Rows that candidates are looked for in.
_SAMPLE = 256
# A column of fewer values agrees with too much by chance.
_MIN_VALUES = 3
# Divisors that calendars, clocks and units have, beside those that the values suggest.
_DIVISORS = (7, 10, 12, 24, 30, 52, 60, 100, 365, 1000, 1440, 3600, 10000, 86400)
_SUBSETS, _SUBSET_ROWS = 7, 24
# Formulas of three columns are looked for in tables of up to so many columns of numbers.
_MAX_COLUMNS, _MAX_COLUMNS_FOR_REGRESSIONS = 100, 60
# Two columns of which one is linear in the other, but for a few rows.
_CORRELATED = 0.9
_HOUR = 3600
# A factor that is not simple is an accident, all the more so beside another one.
_MAX_DENOMINATORS = {1: (1, 2, 5, 10, 20, 60, 100, 1000), 2: (1, 2, 5, 10, 20, 60, 100)}


def find_formulas(
    table: TableView, rng: np.random.Generator, known: Mapping[str, tuple[str, ...]]
) -> list[Formula]:
    """Find columns of numbers that others determine by a formula.

    Args:
        table: The real rows.
        rng: Source of the samples.
        known: Columns that are computed otherwise, and what from.

    Returns:
        One formula for each column at most, without circles.
    """
    names = [
        name
        for name, view in table.columns.items()
        if view.is_exact and view.n_codes >= _MIN_VALUES and not view.missing.all()
    ]
    if len(names) < 2:
        return []
    given = dict(known)
    search = _Search(table, names, rng, given)
    formulas: list[Formula] = []
    related: set[frozenset[str]] = set()
    for candidate in search.candidates():
        columns = frozenset((candidate.column, *candidate.given))
        # A sum says the same as two differences, and a product the same as two ratios.
        if columns in related or candidate.column in given:
            continue
        # A result that is none of the categories could not be written down.
        if table[candidate.column].column.kind == "categorical" and not isinstance(
            candidate, Quotient | Remainder
        ):
            continue
        if leads_to(candidate.column, candidate.given, given):
            continue
        exceptions = is_rule(candidate, table, rng)
        if exceptions is not None:
            related.add(columns)
            given[candidate.column] = candidate.given
            formulas.append(candidate.model_copy(update={"exceptions": exceptions}))
    return formulas


class _Search:
    """Candidates of all kinds, from samples of the rows.

    Args:
        table: The real rows.
        names: Columns of numbers.
        rng: Source of the samples.
        given: Columns that are computed already, and what from; grows while candidates are tried.
    """

    def __init__(
        self,
        table: TableView,
        names: list[str],
        rng: np.random.Generator,
        given: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.names = names
        numbers = [table[name].numbers for name in names]
        self._all = np.stack([n for n in numbers if n is not None], axis=1)
        self._tolerances = np.array([table[name].tolerance for name in names])
        rows = rng.permutation(len(self._all))
        self._sample = self._all[rows[:_SAMPLE]]
        self._few = SampledColumns(self._sample, self._tolerances)
        self._rows, self._rng, self._given = rows, rng, given

    def candidates(self) -> Iterator[Formula]:
        """Yield formulas that most of the sample keeps.

        A whole before its parts: ``time = 100 * hour + minute`` only gives times that there are,
        while hours taken from a time need a time that is one.
        """
        if len(self.names) > _MAX_COLUMNS:
            yield from self._linear_in_one()
            return
        few = len(self.names) <= _MAX_COLUMNS_FOR_REGRESSIONS
        linear = list(self._linear_in_two()) if few else []
        whole = [rule for rule in linear if min(rule.terms.values()) > 0]
        yield from self._sums()
        yield from whole
        yield from self._divisions()
        yield from self._linear_in_one()
        # Of relations that share columns each computes another one, and sums come before products:
        # a discount is the difference of two prices rather than a rounded rate times a price.
        yield from (rule for rule in linear if rule not in whole)
        yield from self._differences()
        yield from self._products()
        yield from self._ratios()
        yield from clock_sums(self.names, self._sample, self._all)
        yield from wrapped_sums(self.names, self._sample, self._all)

    def _linear_in_one(self) -> Iterator[Formula]:
        """Yield ``column = factor * other + constant``: copies, other units, fixed distances."""
        sample = self._sample
        first, second = self._rng.integers(0, len(sample), (2, 64))
        steps = sample[first] - sample[second]
        middle = np.nanmedian(sample, axis=0)
        filled = np.where(np.isnan(sample), middle, sample)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlated = np.atleast_2d(np.abs(np.corrcoef(filled, rowvar=False))) > _CORRELATED
        for of in range(len(self.names)):
            columns = of + 1 + np.flatnonzero(correlated[of, of + 1 :])
            for column in columns[self._same_slopes(steps[:, [of]], steps[:, columns], columns)]:
                # Of many equal columns, one computes all others.
                if self.names[column] in self._given:
                    continue
                found = self._refined(int(column), (of,))
                if found is not None:
                    yield found

    def _same_slopes(self, of: Floats, steps: Floats, columns: npt.NDArray[np.intp]) -> Mask:
        """Return the columns whose steps are the same multiple of another's in half of the rows.

        Args:
            of: ``(R, 1)`` steps of the other column.
            steps: ``(R, K)`` steps of some columns.
            columns: ``(K,)`` their positions.
        """
        moved = (of != 0) & ~np.isnan(of) & ~np.isnan(steps)
        usable = moved.sum(axis=0) >= 8
        found = np.zeros(len(columns), dtype=bool)
        if not usable.any():
            return found
        moved, steps = moved[:, usable], steps[:, usable]
        slopes = np.divide(steps, of, out=np.full(steps.shape, np.nan), where=moved)
        slope = np.nanmedian(slopes, axis=0)
        length = np.nanmedian(np.where(moved, np.abs(of), np.nan), axis=0)
        noise = 4 * self._tolerances[columns[usable]] / length
        same = (np.abs(slopes - slope) <= noise + 1e-9 * np.abs(slope)).sum(axis=0)
        found[usable] = (slope != 0) & (same >= 0.5 * moved.sum(axis=0))
        return found

    def _sums(self) -> Iterator[Formula]:
        for a, b in self._few.pairs(np.add):
            if a < b:
                for column in self._few.keepers(
                    self._sample[:, a] + self._sample[:, b], skip={a, b}
                ):
                    yield self._linear(column, {a: 1.0, b: 1.0})

    def _differences(self) -> Iterator[Formula]:
        for a, b in self._few.pairs(np.subtract):
            for column in self._few.keepers(self._sample[:, a] - self._sample[:, b], skip={a, b}):
                yield self._linear(column, {a: 1.0, b: -1.0})

    def _products(self) -> Iterator[Formula]:
        for a, b in self._few.pairs(np.multiply):
            if a < b:
                for column in self._few.keepers(
                    self._sample[:, a] * self._sample[:, b], skip={a, b}
                ):
                    names = self.names
                    yield Product(column=names[column], factors=(names[a], names[b]))

    def _ratios(self) -> Iterator[Formula]:
        scales = (1.0, 100.0, 1000.0)
        possible = [set(self._few.pairs(partial(_ratio, scale=scale))) for scale in scales]
        for a, b in sorted(set.union(*possible)):
            for scale, pairs in zip(scales, possible, strict=True):
                if (a, b) not in pairs:
                    continue
                result = _ratio(self._sample[:, a], self._sample[:, b], scale=scale)
                for column in self._few.keepers(result, skip={a, b}):
                    names = self.names
                    yield Ratio(
                        column=names[column], numerator=names[a], denominator=names[b], scale=scale
                    )

    def _divisions(self) -> Iterator[Formula]:
        """Yield whole quotients and remainders by a constant."""
        low, high = np.nanmin(self._all, 0), np.nanmax(self._all, 0)
        for of, column in permutations(range(len(self.names)), 2):
            if low[of] < 0 or low[column] < 0 or high[column] >= high[of]:
                continue
            guess = high[of] / max(high[column], 1.0)
            near = {round(guess), *(round(guess) + i for i in (-1, 1))}
            for divisor in sorted({*_DIVISORS, *near, round(high[column]) + 1}):
                if not 1 < divisor <= high[of]:
                    continue
                of_sample = self._sample[:, of]
                whole = np.floor(of_sample / divisor + 1e-12)
                names = self.names
                if self._few.keeps(whole, column):
                    yield Quotient(column=names[column], of=names[of], divisor=divisor)
                if high[column] < divisor and self._few.keeps(of_sample - divisor * whole, column):
                    yield Remainder(column=names[column], of=names[of], divisor=divisor)

    def _linear_in_two(self) -> Iterator[Linear]:
        """Yield ``column = f * a + g * b + constant``, by regressions on few rows at once.

        A few exceptions spoil some of the subsets, not most of them.
        """
        n = len(self.names)
        votes = np.zeros((n, n, n), dtype=np.int64)
        for subset in range(_SUBSETS):
            rows = self._rows[subset * _SUBSET_ROWS : (subset + 1) * _SUBSET_ROWS]
            if len(rows) < _SUBSET_ROWS:
                break
            part = self._all[rows]
            usable = np.array(~np.isnan(part).any(0))
            usable[usable] = part[:, usable].std(axis=0) > 0
            part = np.where(usable, part, self._rng.random(part.shape))
            spread: Floats = np.std(part, axis=0)
            r = np.atleast_2d(np.corrcoef(part, rowvar=False))
            c_a, c_b, a_b = r[:, :, None], r[:, None, :], r[None, :, :]
            with np.errstate(divide="ignore", invalid="ignore"):
                explained = (c_a**2 + c_b**2 - 2 * c_a * c_b * a_b) / (1 - a_b**2)
            left = (1 - explained) * (spread**2)[:, None, None]
            limit = np.maximum(2 * self._tolerances**2, 1e-10 * spread**2)[:, None, None]
            clear = (spread > 6 * self._tolerances)[:, None, None] & (a_b**2 < 1 - 1e-6)
            ok = usable[:, None, None] & usable[None, :, None] & usable[None, None, :]
            votes += (left <= limit) & clear & ok
        for column, a, b in np.argwhere(votes > _SUBSETS // 2):
            if a < b and column not in (a, b):
                found = self._refined(int(column), (int(a), int(b)))
                if found is not None:
                    yield found

    def _refined(self, column: int, given: tuple[int, ...]) -> Linear | None:
        """Return the linear rule with simple factors that most of the sample keeps."""
        part = self._all[self._rows[: 4 * _SAMPLE]]
        part = part[~np.isnan(part[:, [column, *given]]).any(1)]
        if len(part) < 8:
            return None
        inputs = np.column_stack([part[:, list(given)], np.ones(len(part))])
        target, slack = part[:, column], self._tolerances[column]
        kept = np.ones(len(part), dtype=bool)
        factors: Floats = np.zeros(len(given) + 1)
        for _ in range(6):
            factors = np.asarray(np.linalg.lstsq(inputs[kept], target[kept], rcond=None)[0])
            residuals = np.abs(inputs @ factors - target)
            # Half of the rows, at least, are of the rule, if it is one.
            kept = residuals <= max(2 * slack, 3 * float(np.median(residuals)), 1e-9)
        spread = np.std(inputs[:, :-1], axis=0)
        for simple in _simple_factors(factors[:-1]):
            # A term that rounding may hide says nothing.
            if (np.abs(simple) * spread <= 4 * slack).any() or 0.0 in simple:
                continue
            rest = target - inputs[:, :-1] @ np.array(simple)
            constant = _simple_constant(rest, slack)
            result = inputs[:, :-1] @ np.array(simple) + constant
            if agrees(result, target, float(slack)).mean() >= AGREEING:
                return self._linear(column, dict(zip(given, simple, strict=True)), constant)
        return None

    def _linear(self, column: int, factors: dict[int, float], constant: float = 0.0) -> Linear:
        terms = {self.names[i]: factor for i, factor in factors.items()}
        return Linear(column=self.names[column], terms=terms, constant=constant)


def _ratio(above: Floats, below: Floats, *, scale: float) -> Floats:
    """Return ``scale * above / below``, NaN where ``below`` is 0."""
    above, below = np.broadcast_arrays(above, below)
    ratio: Floats = np.divide(above, below, out=np.full(below.shape, np.nan), where=below != 0)
    return scale * ratio


def _simple_factors(factors: Floats) -> Iterator[list[float]]:
    """Yield fractions near the factors, the simplest first; of one, decimal numbers, too."""
    for most in _MAX_DENOMINATORS[len(factors)]:
        yield [float(Fraction(float(factor)).limit_denominator(most)) for factor in factors]
    if len(factors) == 1:
        # Units such as 1.609344 kilometres.
        yield from ([round(float(factors[0]), decimals)] for decimals in range(3, 9))
        yield [float(Fraction(float(factors[0])).limit_denominator(_HOUR))]


def _simple_constant(rest: Floats, slack: float) -> float:
    """Return the constant with the fewest decimals that explains what the terms leave."""
    middle = float(np.median(rest))
    for decimals in range(7):
        constant = round(middle, decimals)
        if np.mean(np.abs(rest - constant) <= slack + 1e-9 * (1 + abs(constant))) >= AGREEING:
            return constant
    return middle
