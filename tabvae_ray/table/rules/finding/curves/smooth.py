"""Find columns of numbers that are a smooth function of one or two others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import ColumnView, Floats, TableView
from tabvae_ray.table.rules.finding.curves.fitting import (
    Space,
    curve_input,
    fit_curve,
    spread_of,
    within_of,
)
from tabvae_ray.table.rules.finding.curves.screening import Candidate, Screen
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.forms.column_rule import agrees, numbers_of
from tabvae_ray.table.rules.forms.curves.curve import SCALES, TENTHS, Curve
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
_ROWS_PER_COEFFICIENT = 5
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
# Share of rows that another column, or a higher degree, must add.
_GAIN, _GAIN_OF_DEGREE = 0.01, 0.002


@dataclass(frozen=True)
class _Fit:
    """A fitted rule.

    Args:
        rule: The rule.
        agreeing: Share of the rows without missing values that keep it.
        is_clear: Whether the others are exceptions, not the ends of noise.
    """

    rule: Smooth
    agreeing: float
    is_clear: bool


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
    results = {
        place: within_of(table[name])[-1]
        for place, name in enumerate(names)
        if name not in known and _is_fine(table[name])
    }
    if not results:
        return []
    rows = rng.permutation(table.n_rows)
    some = rows[:_SCREENED]
    screen = Screen(np.stack([numbers_of(table, name)[some] for name in names], axis=1), results)
    best: dict[str, float] = {}
    found: list[_Fit] = []
    for n_of in (1, 2) if len(names) <= _MAX_COLUMNS_FOR_PAIRS else (1,):
        for place, candidates in screen.candidates(n_of):
            column = names[place]
            least = best.get(column, 0.0) + _GAIN
            if least > 1:
                continue
            for of, spaces in _by_columns(candidates):
                rule = Smooth(column=column, of=tuple(names[i] for i in of))
                fit = _Fitter(rule, table, rows).best(spaces)
                if fit is not None and fit.is_clear and fit.agreeing >= least:
                    best[column] = max(best.get(column, 0.0), fit.agreeing)
                    found.append(fit)
    return _without_circles(found, best, table, known)


@np.errstate(all="ignore")
def fitted_smooth(rule: Smooth, table: TableView, *, seed: int = 0) -> Smooth | None:
    """Return a rule with the curve that most rows keep; None if there is none at all.

    Args:
        rule: A rule that only names its columns.
        table: The real rows.
        seed: Seed of the sample.
    """
    inputs = [numbers_of(table, name) for name in rule.of]
    own = numbers_of(table, rule.column)
    ways = [(False, True) if np.nanmin(each) > 0 else (False,) for each in inputs]
    spaces = [
        Space(of, logarithms)
        for of, scale in SCALES.items()
        if scale.suits(own)
        for logarithms in product(*ways)
    ]
    rows = np.random.default_rng(seed).permutation(table.n_rows)
    fit = _Fitter(rule, table, rows).best(spaces, least=0.0)
    return None if fit is None else fit.rule


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
        self._most_powers = [table[name].n_codes - 1 for name in rule.of]

    def best(self, spaces: Sequence[Space], least: float = _PROMISING) -> _Fit | None:
        """Return the shortest polynomial that most rows keep, to the last place if there is one.

        Args:
            spaces: What may be done to the numbers.
            least: Share of a sample that must agree.
        """
        best: _Fit | None = None
        for within in self._withins:
            # What the highest degree does not come near, no other does.
            near = [
                space
                for space in spaces
                if self._curve(space, _DEGREES[-1], within, least, _FIRST_ROWS) is not None
            ]
            for degree, space in product(_DEGREES, near):
                fit = self._fit(space, degree, within, least)
                if fit is not None and (
                    best is None
                    or (fit.is_clear and not best.is_clear)
                    or fit.agreeing > best.agreeing + _GAIN_OF_DEGREE
                ):
                    best = fit
            if best is not None and best.is_clear:
                break
        return best

    def _curve(
        self, space: Space, degree: int, within: float, least: float, n_rows: int
    ) -> Curve | None:
        """Return the curve that so large a share of some rows keeps, None without one."""
        parts = [
            curve_input(own, min(degree, most), logarithm=logarithm)
            for own, most, logarithm in zip(
                self._inputs, self._most_powers, space.logarithms, strict=True
            )
        ]
        own, inputs = self._own[:n_rows], [each[:n_rows] for each in self._inputs]
        curve = fit_curve(own, inputs, parts, space.of, within)
        if curve is None or (np.abs(curve.values(inputs) - own) <= within).mean() < least:
            return None
        return curve

    def _fit(self, space: Space, degree: int, within: float, least: float) -> _Fit | None:
        curve = self._curve(space, degree, within, least, _FIT_ROWS)
        if curve is None:
            return None
        results = curve.values(self._inputs)
        apart = np.abs(results - self._own) / within
        broken = ~agrees(results, self._own, within)
        agreeing = float((~broken & ~np.isnan(results)).mean())
        enough = len(curve.coefficients) * _ROWS_PER_COEFFICIENT <= agreeing * len(apart)
        by_chance = float((np.abs(results[::-1] - self._own) <= within).mean())
        curve = curve.model_copy(update={"odd": _tenths(curve.above(self._own, results)[broken])})
        rule = self._rule.model_copy(update={"curve": curve, "exceptions": float(broken.mean())})
        return _Fit(rule, agreeing, enough and _is_clear(apart, by_chance))


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
    best: Mapping[str, float],
    table: TableView,
    known: Mapping[str, Sequence[str]],
) -> list[Smooth]:
    """Return one rule for each column, those first that are told most exactly.

    Of the directions of one relation that is the column of the most values, and the last one.
    """
    places = {name: place for place, name in enumerate(table.columns)}

    def turn(fit: _Fit) -> tuple[float, ...]:
        column = fit.rule.column
        exact = round(best[column], 2)
        return -exact, -table[column].n_codes, -places[column], len(fit.rule.of), -fit.agreeing

    given = {name: tuple(others) for name, others in known.items()}
    rules = []
    for fit in sorted(found, key=turn):
        rule = fit.rule
        enough = fit.agreeing >= best[rule.column] - _GAIN
        if enough and rule.column not in given and not leads_to(rule.column, rule.of, given):
            given[rule.column] = rule.of
            rules.append(rule)
    return rules
