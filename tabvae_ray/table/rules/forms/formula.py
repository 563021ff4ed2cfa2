"""Rules that compute a column of numbers from others."""

from typing import Literal

import numpy as np
from pydantic import Field

from tabvae_ray.table.rules.column_views import Floats, TableView
from tabvae_ray.table.rules.forms.around import ClockSum, Wrapped
from tabvae_ray.table.rules.forms.column_rule import OF_PRESENT, ComputingRule, numbers_of
from tabvae_ray.table.rules.forms.curves.smooth import Smooth
from tabvae_ray.table.rules.forms.dates import (
    Age,
    days_between,
    months_between,
    moved,
    working_days_between,
)
from tabvae_ray.table.rules.forms.functions import Function
from tabvae_ray.table.rules.forms.parts import Part, date_part, later, part_name
from tabvae_ray.table.rules.forms.several import Extreme, Rated, Scaled
from tabvae_ray.table.values.offsets import Offset

__all__ = [
    "SECONDS",
    "DatePart",
    "Duration",
    "Formula",
    "Linear",
    "Product",
    "Quotient",
    "Ratio",
    "Remainder",
    "Unit",
]

Unit = Literal[
    "seconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "calendar days",
    "business days",
    "weekdays",
    "months",
    "years",
]
# Units that always last as long.
SECONDS: dict[str, float] = {
    "seconds": 1.0,
    "minutes": 60.0,
    "hours": 3600.0,
    "days": 86400.0,
    "weeks": 604800.0,
}

_ALIKE = 1e-9


class Linear(ComputingRule):
    """``column = constant + sum of factor * other``: a sum, a difference, another unit.

    Args:
        terms: Factors of the other columns.
        constant: What is added.
        of_present: Whether others that are missing are left out: of a sum, and of a mean, whose
            factors are all 1 / their number.
    """

    kind: Literal["linear"] = "linear"
    terms: dict[str, float] = Field(min_length=1)
    constant: float = 0.0
    of_present: bool = False

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the columns that are added."""
        return tuple(self.terms)

    @property
    def is_copy(self) -> bool:
        """Tell whether the column is another one, or its negative."""
        return not self.constant and [abs(factor) for factor in self.terms.values()] == [1]

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the sum."""
        parts = [factor * numbers_of(table, name) for name, factor in self.terms.items()]
        if not self.of_present:
            total: Floats = np.sum(parts, axis=0) + self.constant
            return total
        total = np.nansum(parts, axis=0) + self.constant
        n_terms = len(self.terms)
        if not all(abs(n_terms * factor - 1) < _ALIKE for factor in self.terms.values()):
            return total
        n_present = (~np.isnan(parts)).sum(axis=0)
        mean = total * n_terms / np.maximum(n_present, 1)
        return np.where(n_present > 0, mean, np.nan)

    def __str__(self) -> str:
        text = ""
        for name, factor in self.terms.items():
            size = "" if abs(factor) == 1 else f"{abs(factor):.12g} * "
            sign = ("-" if factor < 0 else "") if not text else (" - " if factor < 0 else " + ")
            text += f"{sign}{size}{name}"
        if self.constant:
            text += f" {'-' if self.constant < 0 else '+'} {abs(self.constant):.12g}"
        return f"{self.column} = {text}{OF_PRESENT if self.of_present else ''}"


class Product(ComputingRule):
    """``column = scale * a * b``."""

    kind: Literal["product"] = "product"
    factors: tuple[str, str]
    scale: float = 1.0

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the two factors."""
        return self.factors

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the product."""
        product: Floats = numbers_of(table, self.factors[0]) * numbers_of(table, self.factors[1])
        return self.scale * product

    def __str__(self) -> str:
        scale = "" if self.scale == 1 else f"{self.scale:.12g} * "
        return f"{self.column} = {scale}{self.factors[0]} * {self.factors[1]}"


class Ratio(ComputingRule):
    """``column = scale * a / b``, or ``a / b^2``; rows with ``b = 0`` break nothing."""

    kind: Literal["ratio"] = "ratio"
    numerator: str
    denominator: str
    scale: float = 1.0
    power: Literal[1, 2] = 1

    @property
    def given(self) -> tuple[str, ...]:
        """Names of numerator and denominator."""
        return self.numerator, self.denominator

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the ratio, NaN where the denominator is 0."""
        below = numbers_of(table, self.denominator) ** self.power
        above = self.scale * numbers_of(table, self.numerator)
        ratio: Floats = np.divide(above, below, out=np.full(len(below), np.nan), where=below != 0)
        return ratio

    def __str__(self) -> str:
        scale = "" if self.scale == 1 else f"{self.scale:.12g} * "
        power = "^2" if self.power == 2 else ""
        return f"{self.column} = {scale}{self.numerator} / {self.denominator}{power}"


class _Division(ComputingRule):
    """A rule about a column divided by a constant.

    Args:
        of: The column that is divided.
        divisor: The constant, > 0.
    """

    of: str
    divisor: float = Field(gt=0)

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the column that is divided."""
        return (self.of,)

    def _whole(self, table: TableView) -> Floats:
        """Return ``(N,)`` quotients, rounded down; a hair more than a multiple counts as one."""
        return np.floor(numbers_of(table, self.of) / self.divisor + 1e-12)


class Quotient(_Division):
    """``column = of // divisor``, rounded down, or ``up``."""

    kind: Literal["quotient"] = "quotient"
    up: bool = False

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the whole quotients."""
        if not self.up:
            return self._whole(table)
        return np.asarray(np.ceil(numbers_of(table, self.of) / self.divisor - 1e-12))

    def __str__(self) -> str:
        way = "up" if self.up else "down"
        return f"{self.column} = {self.of} divided by {self.divisor:.12g}, rounded {way}"


class Remainder(_Division):
    """``column = of mod divisor``."""

    kind: Literal["remainder"] = "remainder"

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the remainders."""
        return numbers_of(table, self.of) - self.divisor * self._whole(table)

    def __str__(self) -> str:
        return f"{self.column} = remainder of {self.of} divided by {self.divisor:.12g}"


class DatePart(ComputingRule):
    """``column = part of a date-time + offset``, such as month 1 to 12; a weekday counts from 0.

    Args:
        of: The date-time.
        part: The part.
        offset: What is added to it.
        months: How many months later the date-time counts, such as 9 for a fiscal year that ends in
            March.
    """

    kind: Literal["date part"] = "date part"
    of: str
    part: Part
    offset: int = 0
    months: int = Field(0, ge=-11, le=11)

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the date-time."""
        return (self.of,)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the parts as numbers."""
        moments = table[self.of].moments
        assert moments is not None
        if self.months:
            moments = moved(moments, [Offset(count=self.months, unit="months")])
        return date_part(moments, self.part) + self.offset

    def __str__(self) -> str:
        offset = f" {'-' if self.offset < 0 else '+'} {abs(self.offset)}" if self.offset else ""
        return f"{self.column} = {part_name(self.part)} of {later(self.of, self.months)}{offset}"


class Duration(ComputingRule):
    """``column = end - start`` in a unit, whole units rounded down if ``whole``.

    Calendar days are midnights in between, as nights of a stay. Business days are Monday to Friday,
    without that of the end; weekdays count it, too. Months and years are always whole, as those of
    an age.
    """

    kind: Literal["duration"] = "duration"
    start: str
    end: str
    unit: Unit
    whole: bool = False

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the two date-times."""
        return self.start, self.end

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the durations."""
        if self.unit not in SECONDS:
            first, last = table[self.start].moments, table[self.end].moments
            assert first is not None and last is not None
            if self.unit == "calendar days":
                return days_between(first, last)
            if self.unit in ("business days", "weekdays"):
                return working_days_between(first, last, both=self.unit == "weekdays")
            months = months_between(first, last)
            return np.floor(months / 12) if self.unit == "years" else months
        start, end = table[self.start].seconds, table[self.end].seconds
        assert start is not None and end is not None
        spent = (end - start) / SECONDS[self.unit]
        return np.floor(spent + 1e-9) if self.whole else spent

    def __str__(self) -> str:
        whole = "whole " if self.whole or self.unit in ("months", "years") else ""
        return f"{self.column} = {whole}{self.unit} from {self.start} to {self.end}"


Formula = (
    Linear
    | Product
    | Ratio
    | Quotient
    | Remainder
    | DatePart
    | Duration
    | ClockSum
    | Wrapped
    | Extreme
    | Rated
    | Scaled
    | Age
    | Function
    | Smooth
)
