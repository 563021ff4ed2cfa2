"""Rules that compute a number from several: the largest of them, products with a rate or factor."""

from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from tabvae_ray.table.rules.column_views import Floats, Label, TableView
from tabvae_ray.table.rules.forms.column_rule import OF_PRESENT, ComputingRule, numbers_of

__all__ = ["Extreme", "Rated", "Scaled"]


class Extreme(ComputingRule):
    """``column = the largest, or the smallest, of others``, and of a constant perhaps.

    Or the first of them that is present, such as a special price, or else the usual one.

    Args:
        which: Which one of them it is.
        of: The other columns.
        bound: A constant that is one of them.
        of_present: Whether columns that are missing are left out.
    """

    kind: Literal["extreme"] = "extreme"
    which: Literal["largest", "smallest", "first"]
    of: tuple[str, ...] = Field(min_length=1)
    bound: float | None = None
    of_present: bool = False

    @model_validator(mode="after")
    def _check_several(self) -> Self:
        if len(self.of) + (self.bound is not None) < 2:
            raise ValueError("must have two columns or more, or a constant")
        if self.which == "first" and (self.bound is not None or not self.of_present):
            raise ValueError("must be of those present if it is the first")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the columns that are compared."""
        return self.of

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the largest or smallest values."""
        values = np.stack([numbers_of(table, name) for name in self.of], axis=1)
        if self.which == "first":
            places = (~np.isnan(values)).argmax(axis=1)
            first: Floats = values[np.arange(len(values)), places]
            return first
        found: Floats = values.max(axis=1) if self.which == "largest" else values.min(axis=1)
        if self.of_present:
            # Of a number and none, these return the number.
            of_two = np.fmax if self.which == "largest" else np.fmin
            found = np.asarray(of_two.reduce(values, axis=1))
        if self.bound is None:
            return found
        compared = np.maximum if self.which == "largest" else np.minimum
        return np.asarray(compared(found, self.bound))

    def __str__(self) -> str:
        bound = [] if self.bound is None else [f"{self.bound:.12g}"]
        present = OF_PRESENT if self.of_present else ""
        return f"{self.column} = {self.which} of {', '.join([*self.of, *bound])}{present}"


class Rated(ComputingRule):
    """``column = a * b * c``, or ``a * b * (1 - rate)`` with a discount, a tax or a margin.

    Args:
        factors: The columns that are multiplied.
        rate: The column of the rate; None without one.
        share: What the rate is multiplied by: 1, or 0.01 for percent; less than 0 if the rate is
            taken off.
    """

    kind: Literal["rated"] = "rated"
    factors: tuple[str, ...] = Field(min_length=1)
    rate: str | None = None
    share: float = 1.0

    @model_validator(mode="after")
    def _check_several(self) -> Self:
        if self.rate is None and len(self.factors) < 3:
            raise ValueError("must have a rate, or three factors or more")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the factors and of the rate."""
        return self.factors if self.rate is None else (*self.factors, self.rate)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the products."""
        found: Floats = np.prod([numbers_of(table, name) for name in self.factors], axis=0)
        if self.rate is None:
            return found
        return found * (1 + self.share * numbers_of(table, self.rate))

    def __str__(self) -> str:
        product = " * ".join(self.factors)
        if self.rate is not None:
            size = "" if abs(self.share) == 1 else f"{abs(self.share):.12g} * "
            product += f" * (1 {'-' if self.share < 0 else '+'} {size}{self.rate})"
        return f"{self.column} = {product}"


class Scaled(ComputingRule):
    """``column = of * factor``, where a category says the factor: a currency, a unit, a tax class.

    Args:
        of: The column that is multiplied.
        by: The column of the categories.
        labels: Its categories; rows of others break nothing.
        factors: What each of them multiplies by.
    """

    kind: Literal["scaled"] = "scaled"
    of: str
    by: str
    labels: tuple[Label, ...] = Field(min_length=1)
    factors: tuple[float, ...]

    @model_validator(mode="after")
    def _check_factors(self) -> Self:
        if len(self.labels) != len(self.factors):
            raise ValueError("must have as many factors as labels")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the number and of the category."""
        return self.of, self.by

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the products, NaN where the factor is not known."""
        codes, values = pd.factorize(table[self.by].values)
        known = dict(zip(self.labels, self.factors, strict=True))
        factors = np.array([*(known.get(value, np.nan) for value in values), np.nan])
        found: Floats = numbers_of(table, self.of) * factors[codes]
        return found

    def __str__(self) -> str:
        said = [
            f"{factor:.12g} where {f'{self.by} is ' if i == 0 else ''}{label}"
            for i, (label, factor) in enumerate(zip(self.labels, self.factors, strict=True))
        ]
        return f"{self.column} = {self.of} * ({', '.join(said)})"
