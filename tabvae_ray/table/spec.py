"""What each column of a table is: inferred from the table, or declared by the user.

Kinds: ``continuous`` numbers, ``categorical`` values, ``datetime`` points in time, and
``identifier`` columns, whose values name rows and are not modelled.
"""

import re
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tabvae_ray.config import validation_messages
from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration

__all__ = ["Column", "Kind", "Scalar", "TableSpec", "check_table"]

Kind = Literal["continuous", "categorical", "datetime", "identifier"]
Scalar = bool | int | float | str

MAX_DECIMALS = 15


class Column(BaseModel):
    """One column of a table.

    Args:
        name: Its name.
        kind: What its values are.
        dtype: Its pandas dtype, as text; see :func:`dtype_name`.
        missing: Whether values are missing.
        categories: Categorical only: the values, in the order of their text, or in their own order
            where the dtype has one.
        ordered: Whether a category dtype is ordered.
        levels: All categories of a category dtype in its order, if no row has some of them: those
            are never generated.
        levels_dtype: The dtype of a category dtype's categories, as text.
        minimum: Continuous and datetime only: the smallest value; ticks of the dtype for a
            datetime.
        maximum: Likewise the largest.
        decimals: Continuous only: decimal places that hold every value, None for more than 15.
        step: Datetime only: the greatest number of ticks that divides all distances.
        fill: Identifier only: ``drop`` leaves the column out of synthetic rows, ``number`` fills it
            with 0, 1, 2, ...
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    kind: Kind
    dtype: str = Field(max_length=200)
    missing: bool = False
    categories: tuple[Scalar, ...] = ()
    ordered: bool = False
    levels: tuple[Scalar, ...] = ()
    levels_dtype: str | None = Field(None, max_length=200)
    minimum: int | float | None = None
    maximum: int | float | None = None
    decimals: int | None = Field(None, ge=0, le=MAX_DECIMALS)
    step: int | None = Field(None, ge=1)
    fill: Literal["drop", "number"] = "drop"


class TableSpec(BaseModel):
    """The columns of a table, in its order, and the target if there is one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[Column, ...] = Field(min_length=1)
    target: str | None = None

    @classmethod
    def infer(
        cls,
        table: pd.DataFrame,
        *,
        declared: SpecDeclaration | None = None,
        source: str = "table",
    ) -> Self:
        """Infer the spec of a table.

        Numbers are continuous, except for booleans and for integers of at most ten values, which
        are categorical like all text. Text whose values all differ is an identifier.

        Args:
            table: The real rows.
            declared: What the user says of some or all columns; goes before what is inferred.
            source: What error messages call the table.

        Raises:
            DataError: If the table is empty, a name occurs twice, a declared column is absent, or
                a column cannot be what it is declared to be.
        """
        from tabvae_ray.table.inference import infer_column

        declared = declared or SpecDeclaration()
        check_shape(table, source)
        for name in declared.names:
            if name not in table.columns:
                raise DataError(f"{source}: column {name!r}: declared in the spec, but not there")
        columns = tuple(
            infer_column(table[name], declared, source)
            for name in table.columns
            if name not in declared.drop
        )
        if all(column.kind == "identifier" for column in columns):
            raise DataError(f"{source}: has no columns to model, only identifiers")
        spec = cls(columns=columns, target=declared.target)
        if spec.target in spec.identifier:
            raise DataError(f"{source}: target: {spec.target!r} is an identifier")
        return spec

    @classmethod
    def from_mapping(cls, mapping: object, source: str = "spec") -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            DataError: Naming every key that breaks a rule.
        """
        try:
            spec = cls.model_validate(mapping)
        except ValidationError as error:
            lines = (f"{source}: {line}" for line in validation_messages(error))
            raise DataError("\n".join(lines)) from None
        if len(set(spec.names)) != len(spec.names):
            raise DataError(f"{source}: columns: must have different names")
        if spec.target is not None and spec.target not in spec.names:
            raise DataError(f"{source}: target: there is no column {spec.target!r}")
        for column in spec.columns:
            _check_column(column, source)
        return spec

    def to_mapping(self) -> dict[str, Any]:
        """The spec as plain values for JSON."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

    @property
    def continuous(self) -> tuple[str, ...]:
        """Names of the continuous columns."""
        return self._of_kind("continuous")

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the categorical columns."""
        return self._of_kind("categorical")

    @property
    def datetime(self) -> tuple[str, ...]:
        """Names of the datetime columns."""
        return self._of_kind("datetime")

    @property
    def identifier(self) -> tuple[str, ...]:
        """Names of the identifier columns."""
        return self._of_kind("identifier")

    def __getitem__(self, name: str) -> Column:
        # Not from a cached dict: pydantic's copies would keep the one of the original.
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def _of_kind(self, kind: Kind) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind == kind)


def check_table(table: pd.DataFrame, spec: TableSpec, source: str = "table") -> None:
    """Check that a table has the columns of a spec, of the right kinds.

    Raises:
        DataError: Naming the first column that does not fit, and why.
    """
    check_shape(table, source)
    for column in spec.columns:
        if column.name not in table.columns:
            raise DataError(f"{source}: column {column.name!r}: in the spec, but not in the table")
        values = table[column.name]
        if column.kind == "continuous":
            numbers = as_numbers(values, source)
            if not column.missing and np.isnan(numbers).any():
                raise DataError(
                    f"{source}: column {column.name!r}: has missing values, but the spec has none"
                )
        elif column.kind == "datetime":
            as_datetimes(values, source)


def as_numbers(values: pd.Series, source: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The column as float64 with NaN where a value is missing.

    Raises:
        DataError: If a value is no number, or infinite.
    """
    where = f"{source}: column {values.name!r}"
    if pd.api.types.is_complex_dtype(values.dtype):
        raise DataError(f"{where}: values of dtype {values.dtype} are not supported; convert them")
    if not pd.api.types.is_numeric_dtype(values.dtype):
        converted = pd.to_numeric(values.astype(object), errors="coerce")
        bad = values[converted.isna() & values.notna()]
        if len(bad):
            raise DataError(f"{where}: must be numbers to be continuous, but has {bad.iloc[0]!r}")
        values = converted
    numbers: np.ndarray[Any, np.dtype[np.float64]] = values.to_numpy(np.float64, na_value=np.nan)
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise DataError(f"{where}: must be finite, but row {infinite[0]} is {numbers[infinite[0]]}")
    return numbers


def as_datetimes(values: pd.Series, source: str) -> pd.Series:
    """The column as datetimes; text is parsed as ISO 8601.

    Raises:
        DataError: If a value is no point in time.
    """
    where = f"{source}: column {values.name!r}"
    if pd.api.types.is_numeric_dtype(values.dtype):
        raise DataError(f"{where}: must be datetimes, but is of dtype {values.dtype}")
    if isinstance(values.dtype, pd.ArrowDtype):
        values = pd.to_datetime(values.astype(object))
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    try:
        return pd.to_datetime(values, format="ISO8601")
    except (ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{where}: must be datetimes: {reason}") from None


def check_shape(table: pd.DataFrame, source: str) -> None:
    if len(table.columns) == 0:
        raise DataError(f"{source}: has no columns")
    if not all(isinstance(name, str) for name in table.columns):
        odd = next(name for name in table.columns if not isinstance(name, str))
        raise DataError(f"{source}: column names must be text, but one is {odd!r}")
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise DataError(f"{source}: column {twice[0]!r}: occurs more than once")
    if len(table) == 0:
        raise DataError(f"{source}: has no rows")


def datetime_ticks(moments: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Ticks of the dtype's unit since 1970 (UTC); the smallest int64 where missing."""
    if moments.dt.tz is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks: np.ndarray[Any, np.dtype[np.int64]] = moments.to_numpy().view(np.int64)
    return ticks


def dtype_name(dtype: Any) -> str:
    """A dtype as text that :func:`dtype_from_name` reads.

    pandas' own text is ambiguous: Arrow's ``string`` has the same as the string dtype that is
    backed by Arrow, and the storage of a string dtype is left out.
    """
    if isinstance(dtype, pd.ArrowDtype) and dtype.pyarrow_dtype == pa.string():
        return _ARROW_STRING
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    return str(dtype)


def dtype_from_name(name: str) -> Any:
    """The dtype that :func:`dtype_name` named.

    Raises:
        TypeError: If there is none of that name.
    """
    if name == _ARROW_STRING:
        return pd.ArrowDtype(pa.string())
    return pd.api.types.pandas_dtype(name)


def moment_dtype(name: str) -> Any:
    """The dtype of a datetime column by its name, or the one of pandas' own in place of Arrow's."""
    dtype = dtype_from_name(name)
    if not isinstance(dtype, pd.ArrowDtype):
        return dtype
    arrow = dtype.pyarrow_dtype
    if not pa.types.is_timestamp(arrow):
        return np.dtype("M8[s]")
    return (
        np.dtype(f"M8[{arrow.unit}]")
        if arrow.tz is None
        else pd.DatetimeTZDtype(arrow.unit, arrow.tz)
    )


_ARROW_STRING = "arrow[string]"
_DTYPE = re.compile(r"[A-Za-z0-9_\[\], /+:=\-]*")


def is_dtype_name(name: str) -> bool:
    """Whether :func:`dtype_from_name` reads it; what looks like anything else is not tried."""
    if not _DTYPE.fullmatch(name):
        return False
    try:
        dtype_from_name(name)
    except (TypeError, ValueError, NotImplementedError):
        return False
    return True


def _check_column(column: Column, source: str) -> None:
    """Rules that a spec read from a file has to keep, and an inferred one keeps by construction."""
    where = f"{source}: column {column.name!r}"
    for name in filter(None, (column.dtype, column.levels_dtype)):
        if not is_dtype_name(name):
            raise DataError(f"{where}: {name!r} is no dtype")
    dtype = dtype_from_name(column.dtype)
    if not _suits(dtype, column.kind):
        raise DataError(f"{where}: {column.dtype!r} is no dtype of a {column.kind} column")
    if column.kind == "categorical":
        kinds = {type(value) for value in column.categories}
        if len(kinds) != 1 or len(set(column.categories)) != len(column.categories):
            raise DataError(f"{where}: categories must be different values of one type, at least 1")
        levels = set(column.levels)
        if levels and not (len(levels) == len(column.levels) and levels >= {*column.categories}):
            raise DataError(f"{where}: levels must be different values, the categories among them")
        try:
            _ = pd.Series(column.categories, dtype=dtype)
            _ = pd.Index(column.levels, dtype=dtype_from_name(column.levels_dtype or "object"))
        except (ArithmeticError, TypeError, ValueError, pa.ArrowException):
            raise DataError(f"{where}: its categories are not of dtype {column.dtype}") from None
    if column.kind in ("continuous", "datetime"):
        low, high = column.minimum, column.maximum
        if low is None or high is None or low > high:
            raise DataError(f"{where}: must have minimum <= maximum, but got {low} and {high}")
    if column.kind == "datetime" and column.step is None:
        raise DataError(f"{where}: a datetime must have a step")


def _suits(dtype: Any, kind: Kind) -> bool:
    types = pd.api.types
    if kind == "continuous":
        return types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)
    if kind == "datetime":
        if isinstance(dtype, pd.ArrowDtype):
            arrow = dtype.pyarrow_dtype
            return bool(pa.types.is_timestamp(arrow) or pa.types.is_date(arrow))
        return types.is_datetime64_any_dtype(dtype)
    return True
