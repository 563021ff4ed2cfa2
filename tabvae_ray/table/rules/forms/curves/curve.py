"""Polynomials of one or two numbers, and what may be done to numbers before and after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.polynomial.polynomial import polyval
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tabvae_ray.table.rules.column_views import Floats

__all__ = [
    "MAX_DEGREE",
    "SCALES",
    "TENTHS",
    "Curve",
    "CurveInput",
    "ResultScale",
    "Scale",
    "powers",
    "products_of",
]

MAX_DEGREE = 5
TENTHS = 10
ResultScale = Literal["plain", "logarithm", "square", "log odds", "log odds of percent"]


class CurveInput(BaseModel):
    """An input of a polynomial, which takes it as ``(x - center) / scale``.

    Args:
        center: A number in the middle of the column, or of its logarithms.
        scale: About half of the distance of its ends.
        degree: The highest power.
        logarithm: Whether the logarithm is taken first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    center: float
    scale: float = Field(gt=0)
    degree: int = Field(ge=1, le=MAX_DEGREE)
    logarithm: bool = False

    def scaled(self, numbers: Floats) -> Floats:
        """Return what is taken to powers; NaN where there is no logarithm."""
        if self.logarithm:
            with np.errstate(all="ignore"):
                numbers = np.log(np.where(numbers > 0, numbers, np.nan))
        return (numbers - self.center) / self.scale


class Curve(BaseModel):
    """A smooth function of one or two numbers.

    Args:
        inputs: The numbers.
        coefficients: Of the products of all powers of the inputs: with two, ``1, v, v^2, ..., u,
            u v, u v^2, ..., u^2, ...``
        of: What the polynomial gives: the result itself, its logarithm, its square, or its log
            odds ``log(y / (1 - y))``, of percent perhaps.
        within: How far the column may be from a result: its last place, or a ten-thousandth of its
            spread if that is more.
        odd: The tenths (deciles) of how far exceptions are above the results, in terms of what the
            polynomial gives; empty if there are too few exceptions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    inputs: tuple[CurveInput, ...] = Field(min_length=1, max_length=2)
    coefficients: tuple[float, ...] = Field(max_length=(MAX_DEGREE + 1) ** 2)
    of: ResultScale = "plain"
    within: float = Field(gt=0)
    odd: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _check_coefficients(self) -> Self:
        n = int(np.prod([part.degree + 1 for part in self.inputs]))
        if len(self.coefficients) != n:
            degrees = " and ".join(str(part.degree) for part in self.inputs)
            raise ValueError(
                f"must have {n} coefficients for degree {degrees}, but has {len(self.coefficients)}"
            )
        if len(self.odd) not in (0, TENTHS - 1) or list(self.odd) != sorted(self.odd):
            raise ValueError(f"must have {TENTHS - 1} numbers in ascending order in odd, or none")
        return self

    def above(self, own: Floats, results: Floats) -> Floats:
        """Return ``(N,)`` how far numbers are above results, in terms of the polynomial."""
        scale = SCALES[self.of]
        return scale.taken(own, self.within) - scale.taken(results, self.within)

    def values(self, inputs: Sequence[Floats]) -> Floats:
        """Return ``(N,)`` results, NaN where there is none."""
        scaled = [part.scaled(own) for part, own in zip(self.inputs, inputs, strict=True)]
        with np.errstate(all="ignore"):
            coefficients = np.reshape(self.coefficients, [part.degree + 1 for part in self.inputs])
            given = polyval(scaled[0], coefficients)
            # Of two inputs, these are the coefficients of the second one, row by row.
            given = given if len(scaled) == 1 else polyval(scaled[1], given, tensor=False)
            found = SCALES[self.of].back(given)
        return np.where(np.isfinite(found), found, np.nan)


def powers(inputs: Sequence[Floats], degrees: Sequence[int]) -> Floats:
    """Return ``(N, K)`` the products of all powers of one or two inputs."""
    return products_of(
        [np.vander(own, n + 1, increasing=True) for own, n in zip(inputs, degrees, strict=True)]
    )


def products_of(parts: Sequence[Floats]) -> Floats:
    """Return ``(N, K)`` the products of each power of one input with each of another, if any."""
    if len(parts) == 1:
        return parts[0]
    both: Floats = (parts[0][:, :, None] * parts[1][:, None, :]).reshape(len(parts[0]), -1)
    return both


@dataclass(frozen=True)
class Scale:
    """A function of results, its inverse, and the slope of that.

    Args:
        forth: Function of results.
        back: Its inverse.
        slope: Derivative of the inverse, given its value.
        low: The smallest result, which has no finite value perhaps.
        high: The largest one.
    """

    forth: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    low: float = -np.inf
    high: float = np.inf

    def suits(self, numbers: Floats) -> bool:
        """Return whether all numbers that are present may be results."""
        return float(np.nanmin(numbers)) >= self.low and float(np.nanmax(numbers)) <= self.high

    def taken(self, numbers: Floats, within: float) -> Floats:
        """Return the finite values of numbers, of which the ends are rounded ones."""
        return self.forth(np.clip(numbers, self.low + within / 4, self.high - within / 4))


def _same(numbers: Floats) -> Floats:
    return numbers


def _odds(whole: float) -> Scale:
    return Scale(
        lambda y: np.log(y / (whole - y)),
        lambda z: whole / (1 + np.exp(-z)),
        lambda y: y * (whole - y) / whole,
        0.0,
        whole,
    )


SCALES: dict[ResultScale, Scale] = {
    "plain": Scale(_same, _same, np.ones_like),
    "logarithm": Scale(np.log, np.exp, _same, 0.0),
    "square": Scale(
        np.square,
        lambda z: np.sqrt(np.where(z >= 0, z, np.nan)),
        lambda y: 0.5 / np.maximum(y, 1e-300),
        0.0,
    ),
    "log odds": _odds(1.0),
    "log odds of percent": _odds(100.0),
}
