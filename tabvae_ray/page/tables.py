"""Tables of a page."""

from dataclasses import dataclass

__all__ = ["StackedTable", "TableRow"]


@dataclass(frozen=True)
class TableRow:
    """A row of a table.

    Args:
        name: Name of the row.
        remark: A remark below the name.
        cells: Cells of the other columns.
    """

    name: str
    remark: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class StackedTable:
    """A table whose cells lie below each other on a narrow screen.

    Args:
        heads: Names of the columns, that of the rows' names first.
        rows: The rows.
    """

    heads: tuple[str, ...]
    rows: tuple[TableRow, ...]
