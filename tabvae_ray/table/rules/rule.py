"""The kinds of rules between columns.

A :data:`Formula`, a :data:`MomentRule`, a :class:`DateText`, :class:`Bins` and a
:class:`Dependence` say what a column is, given others: it can be computed.
A :data:`Constraint` only says what never happens.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from tabvae_ray.table.rules.column_views import Codes, Label, Mask, TableView
from tabvae_ray.table.rules.forms.bins import Bins
from tabvae_ray.table.rules.forms.column_rule import ColumnRule
from tabvae_ray.table.rules.forms.comparison import Comparison
from tabvae_ray.table.rules.forms.date_text import DateText
from tabvae_ray.table.rules.forms.dates import MomentRule
from tabvae_ray.table.rules.forms.exclusive import Exclusive
from tabvae_ray.table.rules.forms.fixed import Fixed
from tabvae_ray.table.rules.forms.formula import Formula
from tabvae_ray.table.rules.forms.only_where import OnlyWhere

__all__ = [
    "Constraint",
    "Dependence",
    "MissingTogether",
    "Order",
    "Rule",
    "agrees_within_groups",
]


class Dependence(ColumnRule):
    """One or two columns determine another: each of their values goes with one value of it."""

    kind: Literal["dependence"] = "dependence"
    on: tuple[str, ...] = Field(min_length=1, max_length=2)

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the columns that determine it."""
        return self.on

    def groups(self, table: TableView) -> Codes:
        """Return ``(N,)`` a number for each distinct value, or pair of values, of ``on``."""
        codes = table[self.on[0]].codes
        for name in self.on[1:]:
            codes = codes * table[name].n_codes + table[name].codes
        return codes

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where a row has not the most frequent value of its group."""
        return ~agrees_within_groups(self.groups(table), table[self.column].codes)

    def __str__(self) -> str:
        return f"{self.column} is determined by {' and '.join(self.on)}"


class Order(ColumnRule):
    """``column <= upper``, or ``<`` if ``strict``; between two numbers or two date-times."""

    kind: Literal["order"] = "order"
    upper: str
    strict: bool = False

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the larger column."""
        return (self.upper,)

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where the order is the other way; missing values break nothing."""
        low, high = table[self.column].comparable, table[self.upper].comparable
        wrong: Mask = low >= high if self.strict else low > high
        return wrong

    def __str__(self) -> str:
        return f"{self.column} {'<' if self.strict else '<='} {self.upper}"


class MissingTogether(ColumnRule):
    """``column`` is missing exactly where ``other`` is, or where ``other`` has certain values."""

    kind: Literal["missing"] = "missing"
    other: str
    values: tuple[Label, ...] = ()

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the other column."""
        return (self.other,)

    def expected_missing(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where ``column`` has to be missing."""
        other = table[self.other]
        if not self.values:
            return other.missing
        found: Mask = other.values.isin(list(self.values)).to_numpy()
        return found

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where only one of the two is so."""
        wrong: Mask = table[self.column].missing != self.expected_missing(table)
        return wrong

    def __str__(self) -> str:
        if not self.values:
            return f"{self.column} is missing exactly where {self.other} is"
        shown = ", ".join(map(str, self.values[:5])) + (", ..." if len(self.values) > 5 else "")
        return f"{self.column} is missing exactly where {self.other} is {shown}"


Constraint = Order | MissingTogether | OnlyWhere | Exclusive | Fixed
Rule = Annotated[
    Formula | MomentRule | DateText | Bins | Comparison | Dependence | Constraint,
    Field(discriminator="kind"),
]


def agrees_within_groups(groups: Codes, codes: Codes) -> Mask:
    """Return ``(N,)`` true where a code is the most frequent one of its group."""
    width = int(codes.max()) + 1
    pairs, inverse, counts = np.unique(
        groups * width + codes, return_inverse=True, return_counts=True
    )
    order = np.lexsort((-counts, pairs // width))
    heads = np.unique(pairs[order] // width, return_index=True)[1]
    best = np.zeros(len(pairs), dtype=bool)
    best[order[heads]] = True
    return best[inverse]
