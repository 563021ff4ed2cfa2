"""Numbers that are above 0 only where another column allows it."""

from typing import Literal

from tabvae_ray.table.rules.column_views import Floats, Label, Mask, TableView
from tabvae_ray.table.rules.forms.column_rule import ColumnRule, numbers_of

__all__ = ["OnlyWhere"]


class OnlyWhere(ColumnRule):
    """``column > 0`` only where ``other > 0``, or where ``other`` has certain values.

    Args:
        other: The other column.
        values: Its values where the column may be above 0; without any, those above 0.
        zero: Whether 0 itself counts as above: ``>= 0`` in place of ``> 0``.
    """

    kind: Literal["only where"] = "only where"
    other: str
    values: tuple[Label, ...] = ()
    zero: bool = False

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the other column."""
        return (self.other,)

    def is_above(self, numbers: Floats) -> Mask:
        """Return ``(N,)`` true for numbers that the rule speaks of."""
        above: Mask = numbers >= 0 if self.zero else numbers > 0
        return above

    def allowed(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where ``column`` may be above 0; missing values allow it."""
        other = table[self.other]
        if self.values:
            found: Mask = other.values.isin(list(self.values)).to_numpy()
        else:
            found = self.is_above(numbers_of(table, self.other))
        return found | other.missing

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where the column is above 0 and must not be."""
        wrong: Mask = self.is_above(numbers_of(table, self.column)) & ~self.allowed(table)
        return wrong

    def __str__(self) -> str:
        sign = ">=" if self.zero else ">"
        if not self.values:
            return f"{self.column} {sign} 0 only where {self.other} {sign} 0"
        shown = ", ".join(map(str, self.values[:5])) + (", ..." if len(self.values) > 5 else "")
        return f"{self.column} {sign} 0 only where {self.other} is {shown}"
