"""Feature matrices of tables, for the scikit-learn models of several scores."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns

__all__ = [
    "MANY_COLUMNS",
    "Features",
    "filled",
    "one_thread",
    "tree_features",
    "trees_for",
    "vector_features",
]

# HistGradientBoosting takes categories 0 to 254.
_MOST_CATEGORIES = 255
# With more columns there are fewer trees.
MANY_COLUMNS = 300


def trees_for(most: int, n_columns: int, fewest: int = 20) -> int:
    """Return the number of trees for a table: fewer than ``most`` with more than 300 columns.

    A tree takes time in proportion to the columns.
    """
    return max(min(most, most * MANY_COLUMNS // max(n_columns, 1)), min(most, fewest))


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit scikit-learn to one thread.

    On busy cores, waiting threads take many times longer than the work itself. Also, scores then do
    not depend on the number of cores.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@dataclass(frozen=True)
class Features:
    """Two tables as matrices with the same columns.

    Attributes:
        first: Features of the first table (N, F), NaN where missing.
        second: Features of the second table (M, F).
        categorical: Mask of the categorical features (F,).
    """

    first: Floats
    second: Floats
    categorical: npt.NDArray[np.bool_]


def tree_features(first: TableColumns, second: TableColumns, names: Sequence[str]) -> Features:
    """Build a feature per column: numbers unchanged, and categories as codes.

    In a column with more than 255 categories, the most frequent ones of the first table keep their
    own codes, and the others share one.
    """
    columns, categorical = [], []
    for name in names:
        if name in first.numbers:
            columns.append((first.numbers[name], second.numbers[name]))
        else:
            codes = [_with_nan(table, name) for table in (first, second)]
            n_labels = max(len(table.labels[name]) for table in (first, second))
            if n_labels > _MOST_CATEGORIES:
                counts = np.bincount(first.codes[name] + 1, minlength=n_labels + 1)[1:]
                common = np.argsort(-counts, kind="stable")[: _MOST_CATEGORIES - 1]
                lookup = np.full(n_labels, _MOST_CATEGORIES - 1.0)
                lookup[common] = np.arange(len(common))
                codes = [_look_up(values, lookup) for values in codes]
            columns.append((codes[0], codes[1]))
        categorical.append(name in first.codes)
    return Features(
        _columns([pair[0] for pair in columns], first.n_rows),
        _columns([pair[1] for pair in columns], second.n_rows),
        np.array(categorical, dtype=np.bool_),
    )


def vector_features(
    first: TableColumns, second: TableColumns, *, most_categories: int = 50
) -> Features:
    """Build standardised numbers and one-hot categories, none of which is missing.

    Mean and standard deviation are those of the first table. Missing numbers are set to the mean.
    The ``most_categories`` most frequent categories of the first table have a feature each.
    """
    columns: list[tuple[Floats, Floats]] = []
    categorical: list[bool] = []
    for name in first.numbers:
        values = first.sorted_numbers(name)
        # Scaled so that no square overflows, and clipped so that far outliers stay finite.
        scale = float(np.abs(values[[0, -1]]).max()) if len(values) else 0.0
        scale = scale or 1.0
        mean = float((values / scale).mean()) if len(values) else 0.0
        deviation = float((values / scale).std()) if len(values) else 0.0
        scaled = [
            np.nan_to_num(
                np.clip(table.numbers[name] / scale - mean, -1e9, 1e9) / (deviation or 1.0), nan=0.0
            )
            for table in (first, second)
        ]
        columns.append((scaled[0], scaled[1]))
        categorical.append(False)
    for name in first.codes:
        counts = first.counts(name)[:-1]
        for code in np.argsort(-counts, kind="stable")[:most_categories]:
            hot = [(table.codes[name] == code).astype(np.float64) for table in (first, second)]
            columns.append((hot[0], hot[1]))
            categorical.append(True)
    return Features(
        _columns([pair[0] for pair in columns], first.n_rows),
        _columns([pair[1] for pair in columns], second.n_rows),
        np.array(categorical, dtype=np.bool_),
    )


def filled(rows: Floats) -> npt.NDArray[np.bool_]:
    """Return a mask of the columns of a matrix (N, F) that hold a value, as trees need one."""
    mask: npt.NDArray[np.bool_] = np.any(~np.isnan(rows), axis=0)
    return mask


def _with_nan(table: TableColumns, name: str) -> Floats:
    codes = table.codes[name]
    return np.where(codes < 0, np.nan, codes)


def _look_up(codes: Floats, lookup: Floats) -> Floats:
    known = ~np.isnan(codes)
    found = codes.copy()
    found[known] = lookup[codes[known].astype(np.intp)]
    return found


def _columns(columns: list[Floats], n_rows: int) -> Floats:
    return np.column_stack(columns) if columns else np.zeros((n_rows, 0))
