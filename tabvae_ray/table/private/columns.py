"""Columns and their coders from declared properties and noisy counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.config import TransformersConfig
from tabvae_ray.table.coders.category_encoder import CategoryEncoder
from tabvae_ray.table.coders.discretizer import Discretizer
from tabvae_ray.table.coders.quantiles import Floats
from tabvae_ray.table.column import MAX_DECIMALS, Column
from tabvae_ray.table.column_values import column_numbers, column_positions, column_range
from tabvae_ray.table.dtypes import dtype_from_name, number_limits
from tabvae_ray.table.parsing import as_numbers
from tabvae_ray.table.private.cells import (
    Cells,
    cell_places,
    divided,
    even_edges,
    exponential_edges,
    kept_cells,
)
from tabvae_ray.table.private.flattening import flattened
from tabvae_ray.table.private.noise import NoisyCounts
from tabvae_ray.table.private.numbers import private_discretizer
from tabvae_ray.table.private.plan import MOST_CELLS, PlannedColumn

__all__ = ["PrivateColumn", "private_column"]

# Decimals hold all values but this share of them.
_ODD_SHARE = 0.01
# A column without any released category has this one.
_PLACEHOLDER = "other"


@dataclass(frozen=True)
class PrivateColumn:
    """A column with its coder.

    Args:
        column: The column, with declared and noisy properties only.
        coder: Its coder; None for an identifier.
        counts: ``(K,)`` noisy number of rows of each code, that of missing values included.
    """

    column: Column
    coder: Discretizer | CategoryEncoder | None
    counts: Floats


def private_column(
    planned: PlannedColumn, values: pd.Series, counts: NoisyCounts, config: TransformersConfig
) -> PrivateColumn:
    """Fit a column and its coder.

    Args:
        planned: The column, and what is declared of it.
        values: Its values.
        counts: The noisy counts.
        config: Number of bins and of categories.
    """
    column, declared = planned.column, planned.declared
    kept: dict[str, Any] = {"missing_values": declared.missing_values}
    if column.kind == "identifier":
        kept["missing"] = False
        if column.made_of is not None:
            kept["made_of"] = column.made_of.model_copy(update={"real": None, "missing_rate": 0.0})
        return PrivateColumn(column.model_copy(update=kept), None, np.empty(0))
    if column.kind != "datetime":
        # The format in the file tells how many decimals the rows have.
        kept["format"] = declared.format
    if column.kind == "categorical":
        return _categorical(planned, values, counts, config, kept)
    if column.kind == "datetime":
        clock = {
            "clock": declared.clock,
            "weekdays": bool(declared.weekdays),
            "days": declared.days,
        }
        column = column.model_copy(update={**kept, **clock})
        cells = None
    else:
        column, cells = _ranged(planned, values, counts)
        column = column.model_copy(update=kept)
    return _numeric(planned, column, cells, values, counts, config.n_bins_cts)


def _ranged(
    planned: PlannedColumn, values: pd.Series, counts: NoisyCounts
) -> tuple[Column, Cells | None]:
    """Return a column of numbers with its range, and the cells that the range was found with."""
    column, declared = planned.column, planned.declared
    numbers = as_numbers(values, "table")
    decimals = declared.decimals
    is_integer = pd.api.types.is_integer_dtype(dtype_from_name(column.dtype))
    if "decimals" in planned.looks:
        decimals = _decimals(numbers, counts)
    elif is_integer:
        decimals = 0
    unit = None if decimals is None else 10.0**-decimals
    low, high = _float(declared.minimum), _float(declared.maximum)
    least, most = (float(limit) for limit in number_limits(dtype_from_name(column.dtype)))
    cells = None
    if "range" in planned.looks:
        edges = exponential_edges(unit)
        # No value is outside of what the dtype holds, even if noise says so.
        first = max(least, low) if low is not None else least
        last = min(most, high) if high is not None else most
        edges = _within(
            edges, first if first > edges[0] else None, last if last < edges[-1] else None, unit
        )
        codes = np.where(np.isnan(numbers), -1, cell_places(np.nan_to_num(numbers), edges))
        noisy = counts.histogram(codes, len(edges) - 1)
        cells = kept_cells(edges, noisy, counts.sigma)
        half = 0.0 if unit is None else unit / 2
        low = float(cells.edges[0] + half) if low is None else low
        high = float(cells.edges[-1] - half) if high is None else high
    assert low is not None and high is not None
    low, high = max(low, least), min(max(low, high), most)
    ends: tuple[float, float] = low, high
    if decimals is not None:
        ends = round(low, decimals), round(high, decimals)
    return column.model_copy(
        update={
            "minimum": int(ends[0]) if is_integer else ends[0],
            "maximum": int(ends[1]) if is_integer else ends[1],
            "decimals": decimals,
            "digits": declared.digits,
            # Noise may find other decimals than those of the unit.
            "unit": declared.unit if _suits(declared.unit, decimals) else None,
            "step": declared.step,
        }
    ), cells


def _suits(unit: float | None, decimals: int | None) -> bool:
    """Return True for a unit that has no more than these decimals."""
    return unit is not None and decimals is not None and unit == round(unit, decimals)


def _numeric(
    planned: PlannedColumn,
    column: Column,
    cells: Cells | None,
    values: pd.Series,
    counts: NoisyCounts,
    n_bins: int,
) -> PrivateColumn:
    decimals, low, high = column_range(column)
    unit = None if decimals is None else 10.0**-decimals
    # What overflows is beyond the range.
    with np.errstate(over="ignore"):
        numbers = column_numbers(values, column)
    absent = np.isnan(numbers)
    numbers = np.clip(np.nan_to_num(numbers), low, high)
    if cells is not None:
        edges = divided(_as_numbers(cells, column), MOST_CELLS, unit)
        edges = _within(edges, low, high, unit)
    elif "range" in planned.looks:
        edges = even_edges(low, high, MOST_CELLS // 2, unit)
        codes = np.where(absent, -1, cell_places(numbers, edges))
        noisy = counts.histogram(codes, len(edges) - 1)
        edges = divided(Cells(edges, np.maximum(noisy, 0)), MOST_CELLS, unit)
    else:
        edges = even_edges(low, high, MOST_CELLS, unit)
    n = len(edges) - 1
    noisy = counts.histogram(np.where(absent, n, cell_places(numbers, edges)), n + 1)
    has_missing = _has_missing(planned, noisy[-1], counts)
    held = Cells(edges, flattened(noisy[:-1], counts.sigma))
    coder, mass = private_discretizer(held, n_bins, decimals, low, high)
    return _with_missing(column, coder, mass, noisy[-1], has_missing)


def _categorical(
    planned: PlannedColumn,
    values: pd.Series,
    counts: NoisyCounts,
    config: TransformersConfig,
    kept: dict[str, Any],
) -> PrivateColumn:
    column, declared = planned.column, planned.declared
    found: tuple[Any, ...] = column.categories
    if not planned.is_open and declared.categories is None:
        found = (False, True)
        column = column.model_copy(update={"categories": found})
    positions = column_positions(values, column)
    n = len(found)
    # The codes of an open column are those that have a row; only counts above the threshold leave.
    noisy = counts.histogram(np.where(positions < 0, n, positions), n + 1)
    own, absent = noisy[:-1], noisy[-1]
    has_missing = _has_missing(planned, absent, counts)
    names = list(found)
    if planned.is_open:
        order = np.argsort(-own, kind="stable")[: config.max_categories]
        released = sorted(int(i) for i in order if own[i] > counts.threshold)
        names, own = [found[i] for i in released], own[released]
        label = declared.rare_label
        if not names:
            names = [label if label is not None else _placeholder(found)]
            own = np.zeros(1)
        elif label is not None and label not in names:
            names, own = [*names, label], np.append(own, 0.0)
    own = np.maximum(own, 0.0)
    kept |= {"categories": tuple(names), "levels": (), "rare_label": declared.rare_label}
    column = column.model_copy(update=kept)
    has_rare = planned.is_open and declared.rare_label is None
    coder = CategoryEncoder.fit(
        np.repeat(np.arange(len(names), dtype=np.int32), np.rint(own).astype(np.int64)),
        len(names),
        config.max_categories,
        has_rare=has_rare,
    )
    mass = np.bincount(coder.codes, weights=own).astype(np.float64)
    if has_rare:
        mass = np.append(mass, 0.0)
    return _with_missing(column, coder, mass, absent, has_missing)


def _with_missing(
    column: Column,
    coder: Discretizer | CategoryEncoder,
    mass: Floats,
    absent: float,
    has_missing: bool,
) -> PrivateColumn:
    """Return the column in the dtype that missing values need."""
    dtype = column.dtype
    nullable = {"int64": "Int64", "bool": "boolean"}
    plain = {name: other for other, name in nullable.items()}
    dtype = (nullable if has_missing else plain).get(dtype, dtype)
    column = column.model_copy(update={"missing": has_missing, "dtype": dtype})
    if has_missing:
        mass = np.append(mass, max(absent, 0.0))
    return PrivateColumn(column, coder, mass)


def _has_missing(planned: PlannedColumn, absent: float, counts: NoisyCounts) -> bool:
    declared = planned.declared.missing
    return bool(absent > counts.least(1)) if declared is None else declared


def _decimals(numbers: Floats, counts: NoisyCounts) -> int | None:
    """Return the decimals that hold nearly all values by a noisy count, None for more than 15."""
    needed = np.full(len(numbers), MAX_DECIMALS + 1)
    for decimals in reversed(range(MAX_DECIMALS + 1)):
        # Rounding the largest floats overflows, and the result is not equal to them.
        with np.errstate(over="ignore", invalid="ignore"):
            needed[np.round(numbers, decimals) == numbers] = decimals
    noisy = counts.histogram(np.where(np.isnan(numbers), -1, needed), MAX_DECIMALS + 2)
    held = np.where(noisy > counts.least(len(noisy)), noisy, 0.0)
    total = held.sum()
    if total == 0:
        held[int(noisy.argmax())] = total = 1.0
    decimals = int(np.flatnonzero(np.cumsum(held) >= (1 - _ODD_SHARE) * total)[0])
    return None if decimals > MAX_DECIMALS else decimals


def _as_numbers(cells: Cells, column: Column) -> Cells:
    """Return cells in the numbers that the encoder counts a column in."""
    is_integer = pd.api.types.is_integer_dtype(dtype_from_name(column.dtype))
    if column.step is None and not is_integer:
        return cells
    edges = (cells.edges - float(column.minimum or 0)) / (column.step or 1)
    return Cells(edges, cells.counts)


def _within(edges: Floats, low: float | None, high: float | None, unit: float | None) -> Floats:
    """Return the edges between two ends, which are edges themselves."""
    half = 0.0 if unit is None else unit / 2
    if low is not None:
        edges = np.append(low - half, edges[edges > low - half])
    if high is not None:
        edges = np.append(edges[edges < high + half], high + half)
    if len(edges) < 2:
        edges = np.array([edges[0], edges[0]])
    return edges


def _float(bound: Any) -> float | None:
    return None if bound is None else float(bound)


def _placeholder(categories: tuple[Any, ...]) -> Any:
    kind = type(categories[0])
    return _PLACEHOLDER if kind is str else kind(0)
