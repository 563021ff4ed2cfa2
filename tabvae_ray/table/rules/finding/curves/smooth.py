"""Find columns of numbers that are a smooth function of one or two others."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import ColumnView, Floats, TableView
from tabvae_ray.table.rules.finding.curves.fitting import (
    Space,
    curve_input,
    fit_checked,
    fit_curve,
    is_spread,
    spread_of,
    within_of,
)
from tabvae_ray.table.rules.finding.curves.screening import Candidate, Screen
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.forms.column_rule import agrees, numbers_of
from tabvae_ray.table.rules.forms.curves.curve import SCALES, TENTHS, CurveInput
from tabvae_ray.table.rules.forms.curves.smooth import MAX_ODD, Smooth

__all__ = ["find_smooth", "fitted_smooth"]

Rows = npt.NDArray[np.intp]

# In tables of more columns of numbers, one is not held against others, or against pairs of them.
_MAX_COLUMNS, _MAX_COLUMNS_FOR_PAIRS = 100, 60
_MIN_ROWS = 100
_MIN_VALUES = 3
# A column is fine if its spread is so many times what a result may be away: agreement is no chance.
_FINE = 12
# Rows that columns are known from in a screen, and that polynomials are fitted to.
_SCREENED = 100_000
_FIRST_ROWS, _FIT_ROWS = 512, 2048
_ROWS_PER_COEFFICIENT = 10
_DEGREES = (1, 2, 3, 5)
# Exceptions of which the distances say nothing of a few rows.
_MIN_ODD = 100
# Columns that one is held against, and ways to take their numbers, of each: the nearest ones.
_MOST_FITS, _MOST_SPACES = 3, 3
# A sample in which fewer rows agree needs not be held against all rows.
_PROMISING = 0.8
# Exceptions must be so much rarer than among shuffled rows.
_RARER = 0.15
# Share of rows just outside, and the median distance inside: exceptions are far away and all else
# is as near as rounding leaves it, while noise is everywhere.
_JUST_OUTSIDE, _MIDDLE = 0.015, 0.45
# Share of rows that another column, or a higher degree, must add, and rows for each coefficient
# more. All are rows that a curve was not fitted to, as it goes through a row for each of those.
_GAIN, _GAIN_OF_DEGREE = 0.01, 0.002
_GAINED_ROWS, _GAINED_ROWS_OF_DEGREE = 3, 1
# Directions of one relation differ by fewer exceptions.
_SAME_EXCEPTIONS = 0.02


@dataclass(frozen=True)
class _Fit:
    """A fitted rule.

    Args:
        rule: The rule.
        n_rows: Rows without missing values.
        agreeing: Share of them that keep what a curve says which was not fitted to them.
        odd: Share of them that break it.
        is_clear: Whether the others are exceptions, not the ends of noise.
        n_values: How many values the column has in rows that keep the rule.
    """

    rule: Smooth
    n_rows: int
    agreeing: float
    odd: float
    is_clear: bool
    n_values: int

    def gains(self, other: "_Fit | None", share: float, rows: int) -> bool:
        """Return whether more rows keep it than another one, beyond what chance explains.

        Args:
            other: The other one; None if there is none.
            share: Share of the rows that it must add.
            rows: Rows that it must add for each coefficient more.
        """
        if other is None:
            return True
        gain = self.agreeing - other.agreeing
        return gain >= share and gain * self.n_rows >= rows * (self._size - other._size)

    @property
    def _size(self) -> int:
        assert self.rule.curve is not None
        return len(self.rule.curve.coefficients)


@np.errstate(all="ignore")
def find_smooth(
    table: TableView, rng: np.random.Generator, known: Mapping[str, Sequence[str]]
) -> list[Smooth]:
    """Find columns that are a smooth function of one or two others, but for some exceptions.

    Args:
        table: The real rows.
        rng: Source of the samples.
        known: Columns that are computed already, and what from.

    Returns:
        One rule for each column at most, without circles.
    """
    names = [
        name
        for name, view in table.columns.items()
        if view.is_exact and not view.is_flag and view.n_codes >= _MIN_VALUES
    ]
    if len(names) > _MAX_COLUMNS_FOR_PAIRS:
        # What others compute tells little more than these.
        names = [name for name in names if name not in known]
    if table.n_rows < _MIN_ROWS or not 2 <= len(names) <= _MAX_COLUMNS:
        return []
    rows = rng.permutation(table.n_rows)
    # Of a long table, these may have no value of a column that is mostly missing.
    some = rows[:_SCREENED]
    numbers = {name: numbers_of(table, name)[some] for name in names}
    names = [name for name in names if is_spread(numbers[name])]
    results = {
        place: within_of(table[name])[-1]
        for place, name in enumerate(names)
        if name not in known and _is_fine(table[name])
    }
    if not results or len(names) < 2:
        return []
    screen = Screen(np.stack([numbers[name] for name in names], axis=1), results)
    best: dict[str, _Fit] = {}
    found: list[_Fit] = []
    for n_of in (1, 2) if len(names) <= _MAX_COLUMNS_FOR_PAIRS else (1,):
        for place, candidates in screen.candidates(n_of):
            column = names[place]
            if column in best and best[column].agreeing + _GAIN > 1:
                continue
            for of, spaces in _by_columns(candidates):
                rule = Smooth(column=column, of=tuple(names[i] for i in of))
                fit = _Fitter(rule, table, rows).best(spaces)
                if fit is None or not fit.is_clear:
                    continue
                if fit.gains(best.get(column), _GAIN, _GAINED_ROWS):
                    found.append(fit)
                    if column not in best or fit.agreeing > best[column].agreeing:
                        best[column] = fit
    return _without_circles(found, best, table, known)


@np.errstate(all="ignore")
def fitted_smooth(rule: Smooth, table: TableView, *, seed: int = 0) -> Smooth | None:
    """Return a rule with the curve that most rows keep; None if there are too few rows.

    Args:
        rule: A rule that only names its columns.
        table: The real rows.
        seed: Seed of the sample.

    Returns:
        The rule, of which ``exceptions`` are those of rows that it was not fitted to.
    """
    inputs = [numbers_of(table, name) for name in rule.of]
    own = numbers_of(table, rule.column)
    if any(np.isnan(each).all() for each in (own, *inputs)):
        return None
    ways = [(False, True) if np.nanmin(each) > 0 else (False,) for each in inputs]
    spaces = [
        Space(of, logarithms)
        for of, scale in SCALES.items()
        if scale.suits(own)
        for logarithms in product(*ways)
    ]
    rows = np.random.default_rng(seed).permutation(table.n_rows)
    fit = _Fitter(rule, table, rows).best(spaces, least=0.0)
    return None if fit is None else fit.rule.model_copy(update={"exceptions": fit.odd})


def _by_columns(
    candidates: Sequence[Candidate],
) -> Iterator[tuple[tuple[int, ...], list[Space]]]:
    """Yield the nearest columns of some candidates, and what may be done to their numbers."""
    spaces: dict[tuple[int, ...], list[Space]] = {}
    for candidate in candidates:
        spaces.setdefault(candidate.of, []).append(candidate.space)
    for of in list(spaces)[:_MOST_FITS]:
        yield of, spaces[of][:_MOST_SPACES]


def _is_fine(view: ColumnView) -> bool:
    if view.column.kind != "continuous" or view.column.step is not None:
        return False
    assert view.numbers is not None
    return spread_of(view.numbers) >= _FINE * within_of(view)[-1] > 0


class _Fitter:
    """Fits the curve of a rule.

    Args:
        rule: The rule without its curve.
        table: The real rows.
        rows: All rows in shuffled order.
    """

    def __init__(self, rule: Smooth, table: TableView, rows: Rows) -> None:
        self._rule, self._withins = rule, within_of(table[rule.column])
        numbers = np.stack([numbers_of(table, name) for name in (rule.column, *rule.of)])
        known = ~np.asarray(np.isnan(numbers).any(axis=0))
        self._own, *self._inputs = numbers[:, rows[known[rows]]]
        most = [min(_DEGREES[-1], table[name].n_codes - 1) for name in rule.of]
        n_rows = min(len(self._own), _FIT_ROWS)
        sizes = {degree: math.prod(min(degree, n) + 1 for n in most) for degree in _DEGREES}
        self._degrees = [
            degree
            for degree, size in sizes.items()
            if min(most) > 0 and _ROWS_PER_COEFFICIENT * size <= n_rows
        ]
        self._most_powers = most

    def best(self, spaces: Sequence[Space], least: float = _PROMISING) -> _Fit | None:
        """Return the shortest polynomial that most rows keep, to the last place if there is one.

        Args:
            spaces: What may be done to the numbers.
            least: Share of a sample that must agree.
        """
        best: _Fit | None = None
        for within in self._withins if self._degrees else ():
            near = [space for space in spaces if self._comes_near(space, within, least)]
            for degree, space in product(self._degrees, near):
                fit = self._fit(space, degree, within, least)
                if fit is None:
                    continue
                is_clear = best is not None and best.is_clear
                if fit.is_clear > is_clear or (
                    fit.is_clear == is_clear
                    and fit.gains(best, _GAIN_OF_DEGREE, _GAINED_ROWS_OF_DEGREE)
                ):
                    best = fit
            if best is not None and best.is_clear:
                break
        return best

    def _comes_near(self, space: Space, within: float, least: float) -> bool:
        """Return whether enough of some rows keep the highest degree; if not, none is kept."""
        parts = self._parts(space, self._degrees[-1])
        if parts is None:
            return False
        own, inputs = self._own[:_FIRST_ROWS], [each[:_FIRST_ROWS] for each in self._inputs]
        curve = fit_curve(own, inputs, parts, space.of, within)
        if curve is None:
            return False
        return bool((np.abs(curve.values(inputs) - own) <= within).mean() >= least)

    def _parts(self, space: Space, degree: int) -> list[CurveInput] | None:
        """Return how a polynomial takes the inputs; None if one is nearly always the same."""
        parts = [
            curve_input(own, min(degree, most), logarithm=logarithm)
            for own, most, logarithm in zip(
                self._inputs, self._most_powers, space.logarithms, strict=True
            )
        ]
        known = [part for part in parts if part is not None]
        return known if len(known) == len(parts) else None

    def _fit(self, space: Space, degree: int, within: float, least: float) -> _Fit | None:
        parts = self._parts(space, degree)
        if parts is None:
            return None
        own, inputs = self._own[:_FIT_ROWS], [each[:_FIT_ROWS] for each in self._inputs]
        fitted = fit_checked(own, inputs, parts, space.of, within)
        if fitted is None:
            return None
        curve, by_others = fitted
        if (np.abs(by_others - own) <= within).mean() < least:
            return None
        results = curve.values(self._inputs)
        # What a curve was fitted to says nothing of others.
        unseen = np.concatenate([by_others, results[len(own) :]])
        odd = ~agrees(unseen, self._own, within)
        agreeing = float((~odd & ~np.isnan(unseen)).mean())
        apart = np.abs(results - self._own) / within
        broken = ~agrees(results, self._own, within)
        by_chance = float((np.abs(results[::-1] - self._own) <= within).mean())
        curve = curve.model_copy(update={"odd": _tenths(curve.above(self._own, results)[broken])})
        rule = self._rule.model_copy(update={"curve": curve, "exceptions": float(broken.mean())})
        is_clear = agreeing >= 1 - MAX_ODD and _is_clear(apart, by_chance)
        n_values = len(np.unique(self._own[~broken]))
        return _Fit(rule, len(apart), agreeing, float(odd.mean()), is_clear, n_values)


def _tenths(above: Floats) -> tuple[float, ...]:
    """Return the tenths of distances as short numbers, if they are those of enough rows."""
    if len(above) < _MIN_ODD or not np.isfinite(above).all():
        return ()
    ends = np.quantile(above, np.arange(1, TENTHS) / TENTHS)
    return tuple(sorted(float(f"{end:.2g}") for end in ends))


def _is_clear(apart: Floats, by_chance: float) -> bool:
    """Return whether the rows that break a rule are exceptions, which neither noise nor chance are.

    Args:
        apart: ``(N,)`` how far the column is from the results, in units of what is allowed.
        by_chance: Share of shuffled rows that agree.
    """
    outside = float((~(apart <= 1 + 1e-6)).mean())
    just = float(((apart > 1 + 1e-6) & (apart <= 2)).mean())
    return (
        outside <= min(MAX_ODD, _RARER * (1 - by_chance))
        and just <= _JUST_OUTSIDE
        and float(np.median(apart)) <= _MIDDLE
    )


def _without_circles(
    found: Sequence[_Fit],
    best: Mapping[str, _Fit],
    table: TableView,
    known: Mapping[str, Sequence[str]],
) -> list[Smooth]:
    """Return one rule for each column, those first that are told most exactly.

    Of the directions of one relation that is the column of the most values, and the last one.
    """
    places = {name: place for place, name in enumerate(table.columns)}

    def turn(fit: _Fit) -> tuple[float, ...]:
        column = fit.rule.column
        # One direction may need more powers than another, and lack them at some ends.
        broken = round(best[column].rule.exceptions / _SAME_EXCEPTIONS)
        return broken, -best[column].n_values, -places[column], len(fit.rule.of), -fit.agreeing

    given = {name: tuple(others) for name, others in known.items()}
    rules = []
    for fit in sorted(found, key=turn):
        rule = fit.rule
        enough = fit.agreeing >= best[rule.column].agreeing - _GAIN
        if enough and rule.column not in given and not leads_to(rule.column, rule.of, given):
            given[rule.column] = rule.of
            rules.append(rule)
    return rules
