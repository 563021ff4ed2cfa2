"""The plan of a private encoding: its known values, and its looks at the rows.

Names, kinds and types of columns count as known to everybody. Everything else is declared in the
spec, or found from noisy counts. What can be neither is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_range, is_counted
from tabvae_ray.table.declaration import ColumnDeclaration, SpecDeclaration
from tabvae_ray.table.dtypes import dtype_from_name
from tabvae_ray.table.spec import TableSpec

__all__ = ["MOST_CELLS", "PlannedColumn", "plan_columns"]

# Cells of the last histogram of a number; columns with fewer possible values need one histogram.
MOST_CELLS = 128

Look = Literal["decimals", "range", "cells", "categories"]


@dataclass(frozen=True)
class PlannedColumn:
    """A column, with what is declared of it.

    Args:
        column: The column as it was inferred, of which only what is declared may be used.
        declared: Its declaration.
        looks: The histograms that are drawn.
        is_open: True if its categories are not declared.
    """

    column: Column
    declared: ColumnDeclaration
    looks: tuple[Look, ...]
    is_open: bool = False


def plan_columns(spec: TableSpec, declared: SpecDeclaration) -> list[PlannedColumn]:
    """Plan the columns of a private encoding.

    Args:
        spec: Spec of the table.
        declared: What the user declares.

    Raises:
        DataError: Naming everything that has to be declared, or that cannot be private.
    """
    errors = []
    if spec.entity is not None:
        errors.append(
            f"entity: {spec.entity!r} may have several rows, but training.dp protects single rows: "
            "make a table with one row for each, and leave `entity` out"
        )
    if declared.rules.add:
        errors.append(
            "rules.add: rules are fitted to the rows without noise, so training.dp keeps none"
        )
    unknown = [column for column in spec.columns if declared.kind_of(column.name) is None]
    if unknown:
        errors.append(_missing_kinds(unknown))
    planned = []
    for column in spec.columns:
        declaration = declared.columns.get(column.name) or ColumnDeclaration(kind=column.kind)
        declaration = declaration.model_copy(
            update={"missing_values": declared.missing_values_of(column.name)}
        )
        try:
            planned.append(_planned(column, declaration))
        except DataError as error:
            errors.append(f"column {column.name!r}: {error}")
    if errors:
        raise DataError("\n".join(f"training.dp: {line}" for line in errors))
    return planned


def _missing_kinds(columns: Sequence[Column]) -> str:
    """Return a message with the lines that a spec file lacks."""
    kinds: dict[str, list[str]] = {}
    for column in columns:
        kinds.setdefault(column.kind, []).append(column.name)
    lines = "; ".join(f"{kind}: [{', '.join(names)}]" for kind, names in kinds.items())
    return (
        "the kinds of all columns must be declared in the spec, because guessing them looks at the "
        f"rows; it lacks (with the kinds that would be guessed) {lines}"
    )


def _planned(column: Column, declared: ColumnDeclaration) -> PlannedColumn:
    if column.kind == "identifier":
        if column.fill == "generate" and declared.pattern is None and declared.generator is None:
            raise DataError(
                "patterns of identifiers are learnt from the rows: declare a pattern or a "
                "generator, or `fill: number` or `fill: drop`"
            )
        return PlannedColumn(column, declared, ())
    if column.kind == "categorical":
        known = declared.categories is not None or pd.api.types.is_bool_dtype(
            dtype_from_name(column.dtype)
        )
        return PlannedColumn(column, declared, ("categories",), not known)
    ends = declared.minimum is not None, declared.maximum is not None
    if column.kind == "datetime":
        needed = [
            name for name in ("minimum", "maximum", "step") if getattr(declared, name) is None
        ]
        if column.format is not None and declared.format is None:
            # It is found from the texts of all rows.
            needed.append("format")
        if needed:
            raise DataError(
                f"{', '.join(needed)} must be declared for datetimes, numbers in ticks of the "
                "dtype (`tabvae spec` shows the form; give values that do not come from this table)"
            )
        return PlannedColumn(column, declared, _looks(column, is_known=True))
    if is_counted(column):
        raise DataError("decimals that float64 does not tell apart are not supported")
    if declared.step is not None and not all(ends):
        raise DataError("step: needs a declared minimum and maximum")
    has_decimals = declared.decimals is not None or pd.api.types.is_integer_dtype(
        dtype_from_name(column.dtype)
    )
    looks = _looks(column, is_known=all(ends) and has_decimals)
    return PlannedColumn(column, declared, looks if has_decimals else ("decimals", *looks))


def _looks(column: Column, *, is_known: bool) -> tuple[Look, ...]:
    """Return the histograms of a number; ``is_known`` if the spec declares its possible values."""
    if is_known:
        decimals, low, high = column_range(column)
        if (high - low) * 10.0 ** (decimals or 0) < MOST_CELLS:
            return ("cells",)
    return "range", "cells"
