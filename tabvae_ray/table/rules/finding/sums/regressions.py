"""Find columns of numbers that are linear in others, but for rounding."""

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import Floats, Mask
from tabvae_ray.table.rules.finding.agreement import AGREEING
from tabvae_ray.table.rules.finding.short_numbers import fewest_decimals
from tabvae_ray.table.rules.forms.column_rule import agrees
from tabvae_ray.table.rules.forms.formula import Linear

__all__ = ["Regressions"]

# Rows that pairs of columns are compared in, and rows that factors are taken from.
_SAMPLE, _MORE = 256, 2048
_SUBSETS, _SUBSET_ROWS = 7, 24
# Two columns of which one is linear in the other, but for a few rows.
_CORRELATED = 0.9
_HOUR = 3600
# A factor that is not simple is an accident, all the more so beside another one.
_MAX_DENOMINATORS = {1: (1, 2, 5, 10, 20, 60, 100, 1000), 2: (1, 2, 5, 10, 20, 60, 100)}


class Regressions:
    """Linear relations of two and three columns that most of some rows keep.

    Args:
        names: Columns of numbers.
        numbers: ``(N, C)`` their values in shuffled order, NaN where missing.
        tolerances: ``(C,)`` half of the last decimal place of each column.
        results: ``(C,)`` true for columns that may be computed.
        rng: Source of the pairs of rows that are compared.
    """

    def __init__(
        self,
        names: Sequence[str],
        numbers: Floats,
        tolerances: Floats,
        results: Mask,
        rng: np.random.Generator,
    ) -> None:
        self._names, self._numbers, self._tolerances = names, numbers, tolerances
        self._results, self._rng = results, rng

    def in_one(self, computed: Collection[str]) -> Iterator[list[Linear]]:
        """Yield ``column = factor * other + constant`` of two columns, either way round.

        These are copies, other units, and fixed distances.

        Args:
            computed: Columns that have a rule already; of many equal columns, one computes all
                others. It may grow meanwhile.
        """
        sample = self._numbers[:_SAMPLE]
        first, second = self._rng.integers(0, len(sample), (2, 64))
        steps = sample[first] - sample[second]
        correlated = np.abs(_correlations(sample)) > _CORRELATED
        for of in range(len(self._names)):
            columns = of + 1 + np.flatnonzero(correlated[of, of + 1 :])
            for column in columns[self._same_slopes(of, columns, steps)]:
                if self._names[column] in computed:
                    continue
                ways = ((int(column), of), (of, int(column)))
                both = [self._refined(to, (by,)) for to, by in ways if self._results[to]]
                if any(both):
                    yield [rule for rule in both if rule is not None]

    def in_two(self) -> Iterator[list[Linear]]:
        """Yield ``column = f * a + g * b + constant`` of three columns, each way round.

        Regressions of few rows are made at once. A few exceptions spoil some of the subsets, not
        most of them.
        """
        n = len(self._names)
        votes = np.zeros((n, n, n), dtype=np.int64)
        # A missing value leaves out its column, so rows with few of them come first.
        full = self._numbers[np.argsort(np.isnan(self._numbers).sum(axis=1), kind="stable")]
        for subset in range(_SUBSETS):
            part = full[subset * _SUBSET_ROWS : (subset + 1) * _SUBSET_ROWS]
            if len(part) < _SUBSET_ROWS:
                break
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
        found: dict[tuple[int, ...], list[Linear]] = {}
        votes[~self._results] = 0
        for column, a, b in np.argwhere(votes > _SUBSETS // 2):
            if a < b and column not in (a, b):
                rule = self._refined(int(column), (int(a), int(b)))
                if rule is not None:
                    found.setdefault(tuple(sorted((column, a, b))), []).append(rule)
        yield from found.values()

    def in_many(self, computed: Collection[str]) -> Iterator[list[Linear]]:
        """Yield rounded means and weighted sums of three and more columns.

        A regression on all columns is left with those without which it is worse than rounding.

        Args:
            computed: Columns that have a rule already, which others stand for.
        """
        places = [i for i, name in enumerate(self._names) if name not in computed]
        full = self._numbers[np.argsort(np.isnan(self._numbers).sum(axis=1), kind="stable")]
        tried: set[tuple[int, ...]] = set()
        found: dict[tuple[int, ...], list[Linear]] = {}
        n_rows = 4 * len(places) + 2 * _SUBSET_ROWS
        for subset in range(_SUBSETS // 2):
            part = full[subset * n_rows : (subset + 1) * n_rows, places]
            usable = np.flatnonzero(~np.isnan(part).any(axis=0))
            if len(part) < n_rows or len(usable) < 4:
                break
            spread: Floats = np.std(part[:, usable], axis=0)
            usable, spread = usable[spread > 0], spread[spread > 0]
            scaled = (part[:, usable] - part[:, usable].mean(axis=0)) / spread
            try:
                precision: Floats = np.linalg.inv(scaled.T @ scaled / (n_rows - len(usable)))
            except np.linalg.LinAlgError:
                continue
            slack = self._tolerances[np.array(places)[usable]]
            limits = 2 * (slack / spread) ** 2
            # Copies of each other leave nothing to solve, whatever rounding makes of it.
            if not (np.diag(precision) > 0).all():
                continue
            clear = (slack > 0) & (spread > 6 * slack) & (1 / np.diag(precision) <= limits)
            for target in np.flatnonzero(clear):
                column = places[usable[target]]
                kept = _needed(precision, int(target), float(limits[target]))
                given = tuple(places[usable[i]] for i in kept)
                if not self._results[column] or (column, *given) in tried or len(given) < 3:
                    continue
                tried.add((column, *given))
                rule = self._refined(column, given)
                if rule is not None:
                    found.setdefault(tuple(sorted((column, *given))), []).append(rule)
        yield from found.values()

    def loses(self, rule: Linear) -> bool:
        """Return True if values of any input that differ may give the same result."""
        places = list(self._names)
        own = self._tolerances[places.index(rule.column)]
        steps = [abs(f) * self._tolerances[places.index(of)] for of, f in rule.terms.items()]
        return bool(max(steps) < (1 - 1e-9) * own)

    def _same_slopes(self, of: int, columns: npt.NDArray[np.intp], steps: Floats) -> Mask:
        """Return the columns whose steps are the same multiple of another's in half of the rows.

        Args:
            of: Position of the other column.
            columns: ``(K,)`` positions of some columns.
            steps: ``(R, C)`` steps of all columns.
        """
        own, steps = steps[:, [of]], steps[:, columns]
        moved = (own != 0) & ~np.isnan(own) & ~np.isnan(steps)
        usable = moved.sum(axis=0) >= 8
        found = np.zeros(len(columns), dtype=bool)
        if not usable.any():
            return found
        moved, steps = moved[:, usable], steps[:, usable]
        slopes = np.divide(steps, own, out=np.full(steps.shape, np.nan), where=moved)
        slope = np.nanmedian(slopes, axis=0)
        length = np.nanmedian(np.where(moved, np.abs(own), np.nan), axis=0)
        rounded = self._tolerances[columns[usable]] + np.abs(slope) * self._tolerances[of]
        close = np.abs(slopes - slope) <= 4 * rounded / length + 1e-9 * np.abs(slope)
        found[usable] = (slope != 0) & (close.sum(axis=0) >= 0.5 * moved.sum(axis=0))
        return found

    def _refined(self, column: int, given: tuple[int, ...]) -> Linear | None:
        """Return the linear rule with simple factors that most of the sample keeps."""
        part = self._numbers[:_MORE]
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
        own = _own_spreads(inputs) if len(given) == 2 else spread
        found: list[tuple[float, int, tuple[float, ...], float]] = []
        candidates = _simple_factors(factors[:-1])
        if len(given) == 1:
            candidates += _simple_multiples(inputs[kept, 0], target[kept], slack)
        for simple in candidates:
            # A term that rounding may hide says nothing, and factors fit few rounded values.
            rounded = any(factor % 1 for factor in simple) and slack > 0
            if (np.abs(simple) * spread <= (12 if rounded else 4) * slack).any() or 0.0 in simple:
                continue
            if (np.abs(simple) * own <= 2 * slack).any():
                continue
            total = inputs[:, :-1] @ np.array(simple)
            for constant in _simple_constants(target - total):
                share = float(agrees(total + constant, target, float(slack)).mean())
                if share >= AGREEING:
                    found.append((-share, sum(map(_length, [*simple, constant])), simple, constant))
        if not found:
            return None
        # Of those that as many rows keep, the simplest.
        _, _, simple, constant = min(found, key=lambda item: item[:2])
        terms = {self._names[i]: factor for i, factor in zip(given, simple, strict=True)}
        return Linear(column=self._names[column], terms=terms, constant=constant)


def _own_spreads(inputs: Floats) -> Floats:
    """Return the spread of each of two columns that the other one does not explain.

    Args:
        inputs: ``(N, 3)`` the columns, and ones.
    """
    left = []
    for i in (0, 1):
        rest = inputs[:, [1 - i, 2]]
        factors = np.linalg.lstsq(rest, inputs[:, i], rcond=None)[0]
        left.append(float(np.std(inputs[:, i] - rest @ factors)))
    return np.array(left)


def _needed(precision: Floats, target: int, limit: float) -> list[int]:
    """Return the columns without which more is left of a target than rounding explains.

    Args:
        precision: ``(C, C)`` inverse of the covariances.
        target: Position of the target.
        limit: Variance that rounding explains.
    """
    left = [i for i in range(len(precision)) if i != target]
    while len(left) > 1:
        own, pivots = precision[target, left], np.diag(precision)[left]
        least = int(np.argmin(own**2 / pivots))
        without = precision[target, target] - own[least] ** 2 / pivots[least]
        if without <= 0 or 1 / without > limit:
            break
        i = left.pop(least)
        precision = precision - np.outer(precision[:, i], precision[i]) / precision[i, i]
    return left


def _correlations(sample: Floats) -> Floats:
    """Return ``(C, C)`` correlations, each over the rows in which both columns have a value."""
    known = ~np.isnan(sample)
    centred = np.where(known, sample - np.nanmedian(sample, axis=0), 0.0)
    n = known.T.astype(np.float64) @ known
    sums = centred.T @ known
    with np.errstate(divide="ignore", invalid="ignore"):
        varying = n * ((centred**2).T @ known) - sums**2
        found: Floats = (n * (centred.T @ centred) - sums * sums.T) / np.sqrt(varying * varying.T)
    return found


def _simple_factors(factors: Floats) -> list[tuple[float, ...]]:
    """Return fractions near the factors; of one, decimal numbers, too."""
    found = [
        [float(Fraction(float(factor)).limit_denominator(most)) for factor in factors]
        for most in _MAX_DENOMINATORS[min(len(factors), 2)]
    ]
    if len(factors) == 1:
        factor = float(factors[0])
        found += [[round(factor, decimals)] for decimals in range(3, 9)]
        found.append([float(Fraction(factor).limit_denominator(_HOUR))])
    return list(dict.fromkeys(tuple(each) for each in found))


def _simple_multiples(of: Floats, target: Floats, slack: float) -> list[tuple[float, ...]]:
    """Return the shortest factors by which a target is a multiple of a column in all rows.

    Units such as 1.609344 kilometres: rounding hides the last digits from a regression, but many
    rows leave few numbers that are possible.
    """
    of, target = of[of != 0], target[of != 0]
    if slack == 0 or len(of) == 0:
        return []
    ends = np.stack([target - slack, target + slack]) / of
    low, high = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
    found = [] if low > high else [fewest_decimals(low, high, range(10))]
    if low <= high and low * high > 0:
        found.append(1 / fewest_decimals(1 / high, 1 / low, range(10)))
    return [(factor,) for factor in found]


def _simple_constants(rest: Floats) -> list[float]:
    """Return constants near what the terms leave, those with the fewest decimals first."""
    middle = float(np.median(rest))
    return list(dict.fromkeys(round(middle, decimals) for decimals in range(7)))


def _length(number: float) -> int:
    """Return how many digits it takes to write a number, as a decimal or as a fraction."""
    if number == 0:
        return 0
    of, under = (len(f"{abs(x):.12g}".replace(".", "").strip("0")) for x in (number, 1 / number))
    digits = min(of, under + 1)
    fraction = Fraction(number).limit_denominator(_HOUR)
    if abs(float(fraction) - number) > 1e-12 * abs(number):
        return digits
    return min(digits, len(f"{abs(fraction.numerator)}{fraction.denominator}".strip("0")))
