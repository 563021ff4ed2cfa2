"""Markers of missing values without those that too few rows have."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.column import Column
from tabvae_ray.table.reading.cells import NULL_WORDS
from tabvae_ray.table.spec import TableSpec

__all__ = ["with_shared_markers"]


def with_shared_markers(
    spec: TableSpec, table: pd.DataFrame, training: npt.NDArray[np.intp], min_rows: int
) -> TableSpec:
    """Return a spec without the markers of missing values that too few rows have.

    A marker that was recognised may be the remark of a single row. Usual words such as ``NA`` stay,
    and so do markers that no cell holds: they were declared, and became missing when the table was
    read.

    Args:
        spec: Spec of the table.
        table: All rows, in which markers still stand.
        training: Positions of the training rows.
        min_rows: Least number of rows, or of entities; 0 for no limit.
    """
    if not min_rows:
        return spec
    crowd = Crowd.of(table, spec.entity, min_rows)
    columns = tuple(
        _shared(column, table[column.name], crowd, training) if column.missing_values else column
        for column in spec.columns
    )
    return spec.model_copy(update={"columns": columns})


def _shared(
    column: Column, values: pd.Series, crowd: Crowd, training: npt.NDArray[np.intp]
) -> Column:
    texts = values.map(lambda value: str(value).strip(), na_action="ignore")

    def stays(marker: str) -> bool:
        rows = np.flatnonzero((texts == marker.strip()).to_numpy(bool, na_value=False))
        shared = crowd.part(np.intersect1d(rows, training))
        return marker in NULL_WORDS or len(rows) == 0 or shared.size >= crowd.min_rows

    kept = tuple(marker for marker in column.missing_values or () if stays(marker))
    return column.model_copy(update={"missing_values": kept or None})
