"""Markers of missing values without those that too few rows have."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.column import MARKERS, Column
from tabvae_ray.table.reading.markers import are_shared, is_usual
from tabvae_ray.table.spec import TableSpec

__all__ = ["with_shared_markers"]


def with_shared_markers(
    spec: TableSpec, table: pd.DataFrame, training: npt.NDArray[np.intp], min_rows: int
) -> TableSpec:
    """Return a spec without the markers of missing values that too few rows have.

    A marker that was recognised may be the remark of a single row. If a column has one, none of its
    markers is kept, and all are recognised again by those who read such a table. Usual words such
    as ``NA`` and ``unknown`` stay, and so do markers that were declared, and became missing when
    the table was read.

    Args:
        spec: Spec of the table.
        table: All rows, in which markers still stand.
        training: Positions of the training rows.
        min_rows: Least number of rows, or of entities; 0 for no limit.
    """
    if not min_rows:
        return spec
    crowd = Crowd.of(table, spec.entity, min_rows)
    of_file: dict[str, dict[str, int]] = table.attrs.get(MARKERS, {})
    columns = tuple(
        column.model_copy(update={"missing_values": None})
        if not all(_shared(column, table[column.name], of_file, crowd, training))
        else column
        for column in spec.columns
    )
    return spec.model_copy(update={"columns": columns})


def _shared(
    column: Column,
    values: pd.Series,
    of_file: Mapping[str, Mapping[str, int]],
    crowd: Crowd,
    training: npt.NDArray[np.intp],
) -> Iterator[bool]:
    """Return of each marker of a column whether enough rows have it."""
    markers = column.missing_values or ()
    if column.name in of_file and values.isna().any():
        # How many rows have them is known, but not how many entities.
        least = crowd.min_rows if crowd.entities is None else len(values) + 1
        yield from are_shared(of_file[column.name], least)
        return
    texts = None
    for marker in markers:
        if texts is None:
            texts = values.map(lambda value: str(value).strip(), na_action="ignore")
        rows = np.flatnonzero((texts == marker.strip()).to_numpy(bool, na_value=False))
        shared = crowd.part(np.intersect1d(rows, training))
        yield is_usual(marker) or len(rows) == 0 or shared.size >= crowd.min_rows
