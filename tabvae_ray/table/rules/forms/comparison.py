"""Categories that say which of two columns is the larger one, such as a flag of what is late."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from tabvae_ray.table.rules.column_views import Codes, Floats, Label, TableView
from tabvae_ray.table.rules.forms.bins import LabelRule

__all__ = ["Comparison", "compare"]


class Comparison(LabelRule):
    """``column`` is a category by whether one column is below, equal to or above another.

    Args:
        of: The one column, of numbers or date-times.
        than: The other one.
        labels: The categories where it is below, equal, and above; two of them may be the same.
            None is one that too few rows have, so that no row may be generated there.
    """

    kind: Literal["comparison"] = "comparison"
    of: str
    than: str
    labels: tuple[Label | None, Label | None, Label | None]

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        if self.labels[0] == self.labels[1] == self.labels[2]:
            raise ValueError("must have different labels")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the columns that are compared."""
        return self.of, self.than

    def coded(self, table: TableView) -> tuple[Codes, Sequence[Label | None]]:
        """Return ``(N,)`` places of the expected labels, -1 where unknown, and the labels."""
        compared = compare(table[self.of].comparable, table[self.than].comparable)
        return self.with_absent(compared, self.labels)

    def __str__(self) -> str:
        below, equal, above = self.labels
        if equal in (below, above):
            sign = "<=" if equal == below else "<"
            said = f"{below} where {self.of} {sign} {self.than}, else {above}"
        elif below == above:
            said = f"{equal} where {self.of} = {self.than}, else {below}"
        else:
            said = (
                f"{below} where {self.of} < {self.than}, {equal} where {self.of} = {self.than}, "
                f"else {above}"
            )
        return f"{self.column} is {said}{self.said_of_absent()}"


def compare(one: Floats, other: Floats) -> Floats:
    """Return 0, 1, 2 where one is below, equal to or above the other; NaN where one is missing."""
    # What float64 may lose of equal numbers is no difference.
    return 1 + np.sign(np.round(one - other, 9))
