"""Categories that are ranges of a number, such as an age group or a flag above a threshold."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from tabvae_ray.table.rules.column_views import Codes, Floats, Label, Mask, TableView, plain
from tabvae_ray.table.rules.forms.column_rule import ColumnRule, numbers_of
from tabvae_ray.table.rules.forms.parts import Part, date_part, part_name

__all__ = ["Bins", "LabelRule"]


class LabelRule(ColumnRule):
    """A rule that computes categories.

    Args:
        absent: The category where a value that it needs is missing; None if it may be any.
    """

    absent: Label | None = None

    def with_absent(
        self, places: Floats, labels: Sequence[Label | None]
    ) -> tuple[Codes, Sequence[Label | None]]:
        """Return places of labels, NaN where a value is missing, and labels with that of absence.

        Args:
            places: ``(N,)`` places of labels, NaN where a value is missing.
            labels: The labels.
        """
        known = ~np.isnan(places)
        found = np.where(known, places, -1 if self.absent is None else len(labels))
        more = () if self.absent is None else (self.absent,)
        return found.astype(np.int64), (*labels, *more)

    def said_of_absent(self) -> str:
        """Return what a sentence says of missing values."""
        return "" if self.absent is None else f", {self.absent} where missing"

    def coded(self, table: TableView) -> tuple[Codes, Sequence[Label | None]]:
        """Return ``(N,)`` places of the expected labels, -1 where unknown, and the labels."""
        raise NotImplementedError

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where a value is another label; missing values break nothing."""
        places, labels = self.coded(table)
        own = table[self.column]
        codes, values = pd.factorize(own.values)
        first: dict[object, int] = {label: i for i, label in reversed(list(enumerate(labels)))}
        distinct = np.array([*(first[label] for label in labels), -1])
        known = np.array([*(first.get(plain(value), -2) for value in values), -1])
        wrong: Mask = (known[codes] != distinct[places]) & (places >= 0) & ~own.missing
        return wrong


class Bins(LabelRule):
    """``column`` is a category by the range that a number, or a part of a date-time, lies in.

    Args:
        of: The column of numbers or date-times.
        part: The part of a date-time; None for a number.
        limits: Where each label but the first one begins, in ascending order.
        right: Whether a limit itself has the label before it.
        labels: The categories, one more than limits.
    """

    kind: Literal["bins"] = "bins"
    of: str
    part: Part | None = None
    limits: tuple[float, ...] = Field(min_length=1)
    right: bool = False
    labels: tuple[Label, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if len(self.labels) != len(self.limits) + 1 or (np.diff(self.limits) <= 0).any():
            raise ValueError("must have ascending limits, and one more label")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the other column."""
        return (self.of,)

    def numbers(self, table: TableView) -> Floats:
        """Return ``(N,)`` what the limits divide, NaN where missing."""
        if self.part is None:
            return numbers_of(table, self.of)
        moments = table[self.of].moments
        assert moments is not None
        return date_part(moments, self.part)

    def coded(self, table: TableView) -> tuple[Codes, Sequence[Label | None]]:
        """Return ``(N,)`` places of the expected labels, -1 where unknown, and the labels."""
        numbers = self.numbers(table)
        found = np.searchsorted(self.limits, numbers, side="left" if self.right else "right")
        return self.with_absent(np.where(np.isnan(numbers), np.nan, found), self.labels)

    def __str__(self) -> str:
        of = self.of if self.part is None else f"{part_name(self.part)} of {self.of}"
        sign = "<=" if self.right else "<"
        ranges = [
            f"{label} where {f'{of} ' if i == 0 else ''}{sign} {limit:.12g}"
            for i, (label, limit) in enumerate(zip(self.labels[:-1], self.limits, strict=True))
        ]
        last = f"else {self.labels[-1]}{self.said_of_absent()}"
        return f"{self.column} is {', '.join(ranges)}, {last}"
