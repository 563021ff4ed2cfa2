"""Find columns that are products or ratios of two others, times a constant perhaps."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from tabvae_ray.table.rules.column_views import Floats
from tabvae_ray.table.rules.finding.agreement import SampledColumns
from tabvae_ray.table.rules.forms.formula import Product, Ratio
from tabvae_ray.table.rules.forms.functions import FUNCTIONS, Function, function_of

__all__ = ["functions", "products_and_ratios"]

# Values other than 0 that a constant is taken from.
_FEWEST = 5
# A function that gives the number itself in most rows is none.
_SAME, _CHANGED = 1e-9, 0.1
_MAX_DENOMINATORS = (12, 60, 100, 1000)


def products_and_ratios(
    names: Sequence[str], sample: Floats, columns: SampledColumns
) -> Iterator[list[Product | Ratio]]:
    """Yield products and ratios that most of a sample keeps, those of the same columns together.

    Args:
        names: Columns of numbers.
        sample: ``(S, C)`` their values in some rows, NaN where missing.
        columns: The same rows.
    """
    found: dict[frozenset[int], list[Product | Ratio]] = {}

    def add(rule: Product | Ratio, places: tuple[int, int, int]) -> None:
        together = found.setdefault(frozenset(places), [])
        if rule not in together:
            together.append(rule)

    with np.errstate(all="ignore"):
        for a, b, column, scale in _scales(np.multiply, sample, columns):
            if a < b:
                rule = Product(column=names[column], factors=(names[a], names[b]), scale=scale)
                add(rule, (a, b, column))
        for a, b, column, scale in _scales(_ratio, sample, columns):
            ratio = Ratio(
                column=names[column], numerator=names[a], denominator=names[b], scale=scale
            )
            add(ratio, (a, b, column))
        for a, b, column, scale in _scales(_ratio_to_square, sample, columns):
            names_of = {"numerator": names[a], "denominator": names[b]}
            add(Ratio(column=names[column], **names_of, scale=scale, power=2), (a, b, column))
    yield from found.values()


def functions(
    names: Sequence[str], sample: Floats, columns: SampledColumns
) -> Iterator[list[Function]]:
    """Yield columns that are a function of one other in most of a sample.

    Args:
        names: Columns of numbers.
        sample: ``(S, C)`` their values in some rows, NaN where missing.
        columns: The same rows.
    """
    for function in FUNCTIONS:
        results = function_of(sample, function)
        changed = (np.abs(results - sample) > _SAME) & ~np.isnan(results)
        usable = np.flatnonzero(changed.mean(axis=0) >= _CHANGED)
        for place in columns.some_agree(results[:, usable]):
            of = int(usable[place])
            for column in columns.keepers(results[:, of], skip={of}):
                yield [Function(column=names[column], of=names[of], function=function)]


def _scales(
    result: Callable[[Floats, Floats], Floats], sample: Floats, columns: SampledColumns
) -> Iterator[tuple[int, int, int, float]]:
    """Yield two columns, a third, and the constant by which it is a multiple of their result."""
    for a, b in columns.pairs(result):
        for column in columns.keepers(result(sample[:, a], sample[:, b]), skip={a, b}):
            yield a, b, column, 1.0
    for a, b, column in columns.scaled(result):
        scale = _scale(result(sample[:, a], sample[:, b]), column, sample, columns)
        if scale is not None:
            yield a, b, column, scale


def _scale(results: Floats, column: int, sample: Floats, columns: SampledColumns) -> float | None:
    """Return the simplest constant by which a column is a multiple of results ``(S,)``."""
    own = sample[:, column]
    usable = np.isfinite(results) & ~np.isnan(own) & (own != 0) & (results != 0)
    if usable.sum() < _FEWEST:
        return None
    # Rounding changes the larger values least.
    large = usable & (np.abs(own) >= np.median(np.abs(own[usable])))
    near = float(np.median(own[large] / results[large]))
    if near <= 0:
        return None
    if not columns.keeps(near * results, column, slack=2.0):
        return None
    scales = _simple_scales(near)
    return next((scale for scale in scales if columns.keeps(scale * results, column)), None)


def _simple_scales(scale: float) -> Iterator[float]:
    """Yield constants near another one, the simplest first."""
    yield 10.0 ** round(np.log10(scale))
    for most in _MAX_DENOMINATORS:
        if scale >= 1:
            yield float(Fraction(scale).limit_denominator(most))
        elif (below := Fraction(1 / scale).limit_denominator(most)) > 0:
            yield float(1 / below)
    for digits in range(2, 7):
        yield float(f"{scale:.{digits}g}")


def _ratio(above: Floats, below: Floats) -> Floats:
    """Return ``above / below``, NaN where ``below`` is 0."""
    above, below = np.broadcast_arrays(above, below)
    ratio: Floats = np.divide(above, below, out=np.full(below.shape, np.nan), where=below != 0)
    return ratio


def _ratio_to_square(above: Floats, below: Floats) -> Floats:
    """Return ``above / below^2``, such as the mass by the square of the height."""
    return _ratio(above, below**2)
