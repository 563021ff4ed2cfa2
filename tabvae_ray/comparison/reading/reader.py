"""Reader of tables into columns that can be compared with those of one real table."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.comparison.reading.cells import (
    CELL_TYPE_WORDS,
    Labels,
    cell_types,
    label_of,
    near_names,
)
from tabvae_ray.comparison.reading.table_columns import Floats, Integers, TableColumns
from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.dtypes import dtype_from_name, moment_dtype
from tabvae_ray.table.formats.finding import possible_formats
from tabvae_ray.table.formats.spelling import parsed
from tabvae_ray.table.parsing import as_datetimes, datetime_ticks
from tabvae_ray.table.reading.markers import as_declared
from tabvae_ray.table.rules.counting import RuleCounter
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.values.decimals import exact_offsets, is_beyond_float
from tabvae_ray.table.values.spans import is_span, moments_of_spans

__all__ = ["ColumnReader"]

_TICKS_PER_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


class ColumnReader:
    """Reader of tables into :class:`TableColumns` with the labels of one real table.

    Identifier columns are left out: their values say nothing about the rows.

    Args:
        spec: Spec of the real table.
        real: The real table.

    Attributes:
        real: Columns of the real table.
        counter: Counts the rows of each table that break the real table's rules; None if no score
            needs that.

    Raises:
        DataError: If the real table lacks a column of the spec, or holds an infinite value.
    """

    def __init__(self, spec: TableSpec, real: pd.DataFrame) -> None:
        self.columns: tuple[Column, ...] = tuple(
            column for column in spec.columns if column.kind != "identifier"
        )
        self.counter: RuleCounter | None = None
        self._labels: dict[str, Labels] = {}
        self._epochs: dict[str, pd.Timestamp] = {}
        self._spans = frozenset(column.name for column in self.columns if column.is_span)
        self._truths: set[str] = set()
        for column in self.columns:
            name = column.name
            if column.kind == "categorical":
                self._labels[name] = Labels([label_of(category) for category in column.categories])
            elif column.kind == "continuous" and name in real:
                is_truth = cell_types(real[name]) == "truth"
                self._truths |= {name} if is_truth.any() else set()
        real_columns = self.read(real, "the real table")
        for name, labels in real_columns.labels.items():
            # The spec may come from other rows of the same table.
            self._labels[name] = Labels(labels)
            real_columns.n_known[name] = len(labels)
        real_columns.warnings = ()
        self.real = real_columns
        self._known_names = {*real.columns, *spec.names}

    def read(self, frame: pd.DataFrame, source: str = "the synthetic table") -> TableColumns:
        """Read a table.

        Raises:
            DataError: If the table is empty, lacks a column, or holds an infinite value.
        """
        if not len(frame):
            raise DataError(f"{source} has no rows")
        self._check_names(frame, source)
        frame = as_declared(frame, self.columns)
        table = TableColumns(len(frame), {}, {}, {}, {}, epochs=self._epochs, spans=self._spans)
        warnings: list[str] = []
        odd: dict[str, int] = {}
        for column in self.columns:
            name, values = column.name, frame[column.name]
            if column.kind == "categorical":
                codes, labels = self._codes(values, source)
                table.codes[name], table.labels[name] = codes, labels
                table.n_known[name] = len(self._labels[name])
                warnings += _unseen_warning(table, name, self._labels[name], source)
            else:
                table.numbers[name], misfits = self._numbers(column, values)
                odd[name] = len(misfits)
                warnings += _number_warnings(table, column, misfits, source)
        if hasattr(self, "real"):
            extra = self._extra(frame)
            warnings += [f"{source} has columns that the real one lacks: {extra}"] * bool(extra)
            for column in self.columns:
                warnings += _missing_warning(
                    self.real, table, column, odd.get(column.name, 0), source
                )
        table.warnings = tuple(warnings)
        if self.counter is not None:
            table.rules = self.counter.count(frame)
        return table

    def _check_names(self, frame: pd.DataFrame, source: str) -> None:
        if not frame.columns.is_unique:
            twice = frame.columns[frame.columns.duplicated()].unique().tolist()
            raise DataError(f"{source} has columns of the same name: {twice}")
        missing = [column.name for column in self.columns if column.name not in frame.columns]
        if not missing:
            return
        extra = self._extra(frame) if hasattr(self, "real") else []
        parts = [f"{source} lacks the columns {missing}"]
        parts += [f"has {extra}, which the real one lacks"] * bool(extra)
        raise DataError("; ".join([*parts, *near_names(missing, extra)]))

    def _extra(self, frame: pd.DataFrame) -> list[str]:
        return [name for name in frame.columns if name not in self._known_names]

    def _codes(self, values: "pd.Series[Any]", source: str) -> tuple[Integers, tuple[str, ...]]:
        if isinstance(values.dtype, pd.CategoricalDtype):
            raw, categories = values.array.codes, values.dtype.categories
        else:
            try:
                raw, categories = pd.factorize(values)
            except TypeError as error:
                where = f"{source}, column {str(values.name)!r}"
                raise DataError(f"{where}: must hold plain values, but has an {error}") from None
        known, extra = self._labels[str(values.name)], dict[str, int]()
        lookup = np.full(len(categories) + 1, -1, dtype=np.intp)  # raw code -1 finds the last
        for position, category in enumerate(categories):
            label = label_of(category)
            code = known.code(label)
            if code is None:
                code = extra.setdefault(label, len(known) + len(extra))
            lookup[position] = code
        return lookup[raw], (*known.labels, *extra)

    def _numbers(
        self, column: Column, values: "pd.Series[Any]"
    ) -> tuple[Floats, npt.NDArray[np.str_]]:
        """Convert values to floats; return these, and the types of those that do not fit."""
        is_datetime = column.kind == "datetime"
        if is_span(dtype_from_name(column.dtype)):
            spans = moments_of_spans(values)
            values = values if spans is None else spans
        if column.kind == "continuous" and is_beyond_float(column.minimum, column.maximum):
            offsets = exact_offsets(values, column.minimum)
            return offsets, cell_types(values)[values.notna().to_numpy() & np.isnan(offsets)]
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iuf" and not is_datetime:
            return values.to_numpy(dtype=np.float64), np.array([], dtype=np.str_)
        present, found = values.notna().to_numpy(), cell_types(values)
        wanted = ["moment" if is_datetime else "number", "text"]
        if is_datetime and column.format is not None:
            wanted.append("number")
        if column.name in self._truths:
            wanted.append("truth")
        fits = np.isin(found, wanted)
        if isinstance(values.dtype, pd.CategoricalDtype) or not fits[present].all():
            values = values.astype(object).where(fits)
        if is_datetime:
            numbers = self._days(column, values)
        else:
            try:
                # pandas would leave out missing decimals.
                is_number = pd.api.types.is_numeric_dtype(values.dtype)
                parsed = values if is_number else pd.to_numeric(values, errors="coerce")
                numbers = parsed.to_numpy(dtype=np.float64, na_value=np.nan)
            except OverflowError as error:
                raise DataError(f"column {column.name!r}: must be floats, but {error}") from None
        return numbers, found[present & np.isnan(numbers)]

    def _days(self, column: Column, values: "pd.Series[Any]") -> Floats:
        """Convert moments to days since the earliest one of the real table."""
        zone = getattr(moment_dtype(column.dtype), "tz", None)
        try:
            moments = as_datetimes(values, "table", written=column.format, zone=zone)
        except DataError:
            moments = _cell_by_cell(values, column.format)
            # Another program may write dates in a format of its own.
            if moments.isna().all() and len(formats := possible_formats(values)) == 1:
                moments = as_datetimes(values, "table", written=formats[0], zone=zone)
        ticks = datetime_ticks(moments)
        per_day = _TICKS_PER_DAY[moments.dt.unit]
        # A difference of ticks may need more than 64 bits, and so may a change of the unit.
        days, rest = np.divmod(ticks, per_day)
        epoch = self._epochs.setdefault(column.name, _in_utc(moments.min()))
        first, first_rest = divmod(int(epoch.asm8.view(np.int64)), _TICKS_PER_DAY[epoch.unit])
        passed = (days - first) + (rest / per_day - first_rest / _TICKS_PER_DAY[epoch.unit])
        return np.where(moments.isna(), np.nan, passed)


def _in_utc(moment: Any) -> pd.Timestamp:
    if pd.isna(moment):
        return pd.Timestamp(0, tz="UTC")
    known = pd.Timestamp(moment)
    return known.tz_localize("UTC") if known.tzinfo is None else known.tz_convert("UTC")


def _cell_by_cell(values: "pd.Series[Any]", written: str | None) -> "pd.Series[Any]":
    """Read the moments that are in a format, or in ISO 8601, in UTC; others are missing."""
    # pandas would take numbers for nanoseconds since 1970.
    numbers = np.isin(cell_types(values), ["number", "truth"])
    others = values.astype(object).where(~numbers, None)
    found = pd.to_datetime(others, errors="coerce", utc=True, format="ISO8601")
    if written is None:
        return found
    own = parsed(values, written, strict=False)
    own = own.dt.tz_localize("UTC") if own.dt.tz is None else own.dt.tz_convert("UTC")
    either: pd.Series[Any] = own.where(own.notna(), found)
    return either


def _unseen_warning(table: TableColumns, name: str, known: Labels, source: str) -> list[str]:
    n_known = table.n_known[name]
    unseen = table.counts(name)[n_known:-1]
    if not unseen.any():
        return []
    labels = table.labels[name][n_known:]
    near = [(label, found) for label in labels if (found := known.near(label)) is not None]
    hint = ""
    if near:
        hint = f"; {near[0][0]!r} differs from {near[0][1]!r} only in case or spaces"
    return [
        f"{name}: {_share(unseen.sum(), table.n_rows)} of {source} has values that the real "
        f"table never has ({', '.join(map(repr, labels[:3]))}{', ...' * (len(labels) > 3)}){hint}"
    ]


def _number_warnings(
    table: TableColumns, column: Column, misfits: npt.NDArray[np.str_], source: str
) -> list[str]:
    values = table.sorted_numbers(column.name)
    if len(values) and not (np.isfinite(values[0]) and np.isfinite(values[-1])):
        raise DataError(f"{source}, column {column.name!r}: holds infinite values")
    if not len(misfits):
        return []
    found = " and ".join(CELL_TYPE_WORDS[name] for name in np.unique(misfits))
    wanted = CELL_TYPE_WORDS["moment" if column.kind == "datetime" else "number"]
    effect = "" if len(values) else ", and as no value is left, its distance is the largest"
    return [
        f"{column.name}: {_share(len(misfits), table.n_rows)} of {source} holds {found} where the "
        f"real table has {wanted}; taken as missing{effect}"
    ]


def _missing_warning(
    real: TableColumns, table: TableColumns, column: Column, odd: int, source: str
) -> list[str]:
    """Warn of missing values whose share chance does not explain.

    Cells of another type have their own warning and are not counted here.
    """
    name = column.name
    n_missing, n_in_real = table.n_missing(name) - odd, real.n_missing(name)
    pooled = (n_missing + n_in_real) / (table.n_rows + real.n_rows)
    error = math.sqrt(pooled * (1 - pooled) * (1 / table.n_rows + 1 / real.n_rows))
    if abs(n_missing / table.n_rows - n_in_real / real.n_rows) <= 4 * error:
        return []
    counted = {
        "categorical": "a category of their own",
        "continuous": "0",
        "datetime": "the earliest moment of the real table",
    }[column.kind]
    effect = f"JS distances leave them out, the correlation distance counts them as {counted}"
    if table.n_missing(name) == table.n_rows:
        effect = "as no value is left, its distance is the largest"
    return [
        f"{name}: missing in {_share(n_missing, table.n_rows)} of {source}, but in "
        f"{_share(n_in_real, real.n_rows)} of the real one; {effect}"
    ]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g}%"
