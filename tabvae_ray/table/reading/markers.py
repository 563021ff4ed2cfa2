"""Markers of missing values in tables that do not come from CSV, such as ``?`` among numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.table.column import Column
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.reading.cells import Cells, Mask
from tabvae_ray.table.reading.csv_columns import (
    CODE,
    MOMENT,
    Say,
    are_codes,
    are_markers,
    say_markers,
    with_moments,
)

__all__ = ["read_markers", "without_declared"]


def read_markers(
    table: pd.DataFrame, declared: SpecDeclaration, say: Say
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Make the declared markers of a table missing, and those that are recognised.

    A text column in which a few other texts stand among numbers or dates becomes numbers or dates.

    Args:
        table: The rows.
        declared: Declaration of some or all columns.
        say: Called with a warning of each column with recognised markers.

    Returns:
        The rows, and the recognised markers by column.
    """
    changed: dict[str, pd.Series] = {}
    found: dict[str, tuple[str, ...]] = {}
    for name in table.columns:
        if not isinstance(name, str) or declared.leaves_out(name):
            continue
        values, given = table[name], declared.missing_values_of(name)
        is_open = declared.kind_of(name) in (None, "continuous", "datetime")
        if given is not None:
            masked = _masked(values, given)
            if masked is not values:
                cells = _cells(masked) if is_open else None
                changed[name] = masked if cells is None else _converted(cells, masked)
        elif is_open and (cells := _cells(values)) is not None:
            fits = _fitting(cells)
            if fits is not None:

                def say_of_column(text: str, name: str = name) -> None:
                    say(f"column {name!r}: {text}")

                noun = "numbers" if (cells.are_numbers == fits).all() else "dates"
                say_markers(cells, fits, ~fits, noun, say_of_column)
                found[name] = tuple(cells.words(~fits))
                changed[name] = _converted(cells, _masked(values, found[name]))
    return (table.assign(**changed) if changed else table), found


def without_declared(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return a table in which the markers of a spec are missing."""
    changed: Mapping[str, pd.Series] = {
        column.name: masked
        for column in columns
        if column.missing_values
        and column.name in table
        and (masked := _masked(table[column.name], column.missing_values)) is not table[column.name]
    }
    return table.assign(**changed) if changed else table


def _masked(values: pd.Series, markers: Sequence[str]) -> pd.Series:
    """Return values without markers; the same object if there are none."""
    words = {*markers, *(text.strip() for text in markers)}
    if isinstance(values.dtype, pd.CategoricalDtype):
        named = [level for level in values.cat.categories if str(level) in words]
        return values.cat.remove_categories(named) if named else values
    if pd.api.types.is_bool_dtype(values.dtype):
        return values
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = pd.to_numeric(pd.Series(sorted(words)), errors="coerce").dropna()
        hits = values.isin(numbers.tolist())
    elif _is_text(values):
        hits = values.isin(words)
    else:
        return values
    if not hits.any():
        return values
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iu":
        # NumPy's integers cannot be missing.
        nullable = str(values.dtype).replace("i", "I").replace("u", "U")
        values = values.astype(pd.api.types.pandas_dtype(nullable))
    return values.mask(hits)


def _cells(values: pd.Series) -> Cells | None:
    if not _is_text(values):
        return None
    texts = pa.array(values.astype(object), pa.string(), from_pandas=True)
    return Cells(str(values.name), pa.chunked_array([texts]))


def _is_text(values: pd.Series) -> bool:
    if not (pd.api.types.is_object_dtype(values.dtype) or pd.api.types.is_string_dtype(values)):
        return False
    return bool(pd.api.types.infer_dtype(values, skipna=True) == "string")


def _fitting(cells: Cells) -> Mask | None:
    """Return the numbers or the dates of a column that otherwise has markers alone."""
    if cells.match(CODE).any():
        return None
    for fits in (cells.are_numbers, cells.match(MOMENT)):
        if fits.any() and not fits.all() and are_markers(cells, fits, ~fits):
            return fits
    return None


def _converted(cells: Cells, masked: pd.Series) -> pd.Series:
    """Return a column without markers as numbers or date-times if it has nothing else."""
    gone = ~np.isin(np.asarray(cells.distinct.to_pylist(), dtype=object), masked.dropna().unique())
    rest = ~gone
    if not rest.any() or (are_codes(cells) and not gone.all()):
        return masked
    if cells.are_numbers[rest].all():
        return cells.numbers(gone).set_axis(masked.index)
    return with_moments(cells.text(gone).set_axis(masked.index))
