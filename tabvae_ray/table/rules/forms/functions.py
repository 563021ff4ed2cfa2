"""Rules that compute a number from one other by a function: a logarithm, a root, whole numbers."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from tabvae_ray.table.rules.column_views import Floats, TableView
from tabvae_ray.table.rules.forms.column_rule import ComputingRule, numbers_of

__all__ = ["FUNCTIONS", "Function", "FunctionName", "function_of"]

FunctionName = Literal[
    "natural logarithm of",
    "natural logarithm of 1 +",
    "logarithm to base 10 of",
    "logarithm to base 2 of",
    "square root of",
    "square of",
    "absolute value of",
    "whole number below",
    "whole number above",
]
FUNCTIONS: tuple[FunctionName, ...] = get_args(FunctionName)


class Function(ComputingRule):
    """``column = function of another``.

    Args:
        of: The other column.
        function: What is computed; rows in which the result is not finite break nothing.
    """

    kind: Literal["function"] = "function"
    of: str
    function: FunctionName

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the other column."""
        return (self.of,)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the results, NaN where there is none."""
        return function_of(numbers_of(table, self.of), self.function)

    def __str__(self) -> str:
        return f"{self.column} = {self.function} {self.of}"


def function_of(numbers: Floats, function: FunctionName) -> Floats:
    """Return the finite results of a function, NaN where there is none."""
    with np.errstate(all="ignore"):
        found = _COMPUTED[function](numbers)
    return np.where(np.isfinite(found), found, np.nan)


_COMPUTED: dict[FunctionName, Callable[[Floats], Floats]] = {
    "natural logarithm of": np.log,
    "natural logarithm of 1 +": np.log1p,
    "logarithm to base 10 of": np.log10,
    "logarithm to base 2 of": np.log2,
    "square root of": np.sqrt,
    "square of": np.square,
    "absolute value of": np.abs,
    # A hair more than a whole number counts as one.
    "whole number below": lambda x: np.floor(x + 1e-9),
    "whole number above": lambda x: np.ceil(x - 1e-9),
}
