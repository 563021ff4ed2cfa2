"""A category that a column always has where another column says so."""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from tabvae_ray.table.rules.column_views import Label, Mask, TableView
from tabvae_ray.table.rules.forms.column_rule import ColumnRule, numbers_of

__all__ = ["Fixed"]


class Fixed(ColumnRule):
    """``column`` is one category where ``other`` has certain values, or is in a range.

    Args:
        label: The category.
        other: The other column.
        values: Its values where the column is fixed; none of a number.
        limit: The number below which, or from which on, the column is fixed.
        above: Whether it is fixed from the limit on.
        exactly: Whether it has this category nowhere else.
    """

    kind: Literal["fixed"] = "fixed"
    label: Label
    other: str
    values: tuple[Label, ...] = ()
    limit: float | None = None
    above: bool = False
    exactly: bool = False

    @model_validator(mode="after")
    def _check_said(self) -> Self:
        if bool(self.values) == (self.limit is not None):
            raise ValueError("must have either values or a limit")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the other column."""
        return (self.other,)

    def is_fixed(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where the column must be the category."""
        if self.limit is None:
            said: Mask = table[self.other].values.isin(list(self.values)).to_numpy()
            return said
        numbers = numbers_of(table, self.other)
        beyond: Mask = numbers >= self.limit if self.above else numbers < self.limit
        return beyond

    def is_label(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where the column is the category."""
        own: Mask = table[self.column].values.isin([self.label]).to_numpy()
        return own

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where it is another category; missing values break nothing."""
        fixed, own = self.is_fixed(table), self.is_label(table)
        wrong: Mask = fixed & ~own
        if self.exactly:
            wrong = wrong | (own & ~fixed & ~table[self.other].missing)
        return np.logical_and(wrong, ~table[self.column].missing)

    def __str__(self) -> str:
        where = f"{'exactly ' if self.exactly else ''}where {self.other}"
        if self.limit is None:
            said = f"is {', '.join(map(str, self.values))}"
        else:
            said = f"{'>=' if self.above else '<'} {self.limit:.12g}"
        return f"{self.column} is {self.label} {where} {said}"
