"""Columns of which one at most, or exactly one, says something."""

from typing import Literal

import numpy as np
from pydantic import Field

from tabvae_ray.table.rules.column_views import Mask, TableView
from tabvae_ray.table.rules.forms.column_rule import ColumnRule, numbers_of

__all__ = ["STATES", "Exclusive", "State", "are_in_state"]

State = Literal["is true", "is above 0", "has a value"]
STATES: tuple[State, ...] = ("is true", "is above 0", "has a value")


class Exclusive(ColumnRule):
    """Of some columns one at most is true, is above 0 or has a value, or exactly one.

    Args:
        others: The columns beside ``column``.
        state: What only one of them is.
        exactly: Whether one of them always is.
    """

    kind: Literal["exclusive"] = "exclusive"
    others: tuple[str, ...] = Field(min_length=1)
    state: State
    exactly: bool = False

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the other columns."""
        return self.others

    def states(self, table: TableView) -> Mask:
        """Return ``(N, C)`` true where a column is what only one of them is."""
        names = (self.column, *self.others)
        return np.stack([are_in_state(table, name, self.state) for name in names], axis=1)

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where there are more of them, or none if there must be one.

        A missing value may be any number.
        """
        n_true = self.states(table).sum(axis=1)
        wrong: Mask = n_true > 1
        if not self.exactly:
            return wrong
        unknown = np.zeros(len(wrong), dtype=bool)
        if self.state != "has a value":
            for name in (self.column, *self.others):
                unknown |= table[name].missing
        none: Mask = (n_true == 0) & ~unknown
        return np.logical_or(wrong, none)

    def __str__(self) -> str:
        many = "exactly" if self.exactly else "at most"
        return f"{many} one of {', '.join((self.column, *self.others))} {self.state}"


def are_in_state(table: TableView, name: str, state: State) -> Mask:
    """Return ``(N,)`` true where a column is true, is above 0 or has a value."""
    if state == "has a value":
        present: Mask = ~table[name].missing
        return present
    above: Mask = numbers_of(table, name) > 0
    return above
