"""What each column of a table is: inferred from the table, or declared by the user.

Kinds: ``continuous`` numbers, ``categorical`` values, ``datetime`` points in time, and
``identifier`` columns, whose values name rows and are not modelled.
"""

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tabvae_ray.config import validation_messages
from tabvae_ray.errors import DataError
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import Kind, Scalar, SpecDeclaration, read_mapping
from tabvae_ray.table.dtypes import (
    dtype_from_name,
    is_dtype_name,
    moment_dtype,
    number_limits,
)
from tabvae_ray.table.values import as_datetimes, as_numbers

__all__ = ["Column", "Kind", "Scalar", "TableSpec", "check_column", "check_table"]

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
        format: Datetime only: how its text is written, as ``strptime`` reads it; ISO 8601 if None.
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
    format: str | None = Field(None, max_length=200)
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
        are categorical like all text, unless all of it is ISO 8601 moments. Text whose values
        differ, all or nearly, is an identifier.

        Args:
            table: The real rows.
            declared: What the user says of some or all columns; goes before what is inferred.
            source: What error messages call the table.

        Raises:
            DataError: If the table is empty, a name occurs twice, or naming every declared column
                that is absent and every column that cannot be what it is declared to be.
        """
        from tabvae_ray.table.inference import infer_column

        declared = declared or SpecDeclaration()
        check_shape(table, source)
        errors = [
            f"{source}: column {name!r}: declared in the spec, but not there"
            for name in dict.fromkeys(declared.names)
            if name not in table.columns
        ]
        columns = []
        for name in table.columns:
            if not declared.leaves_out(name):
                try:
                    columns.append(infer_column(table[name], declared, source))
                except DataError as error:
                    errors.append(str(error))
        if errors:
            raise DataError("\n".join(errors))
        if all(column.kind == "identifier" for column in columns):
            raise DataError(f"{source}: has no columns to model, only identifiers")
        spec = cls(columns=tuple(columns), target=declared.target)
        if spec.target in spec.identifier:
            raise DataError(f"{source}: target: {spec.target!r} is an identifier")
        return spec

    @classmethod
    def load(cls, location: Location | str) -> Self:
        """Read a YAML or JSON file that holds what :meth:`to_mapping` gave.

        Raises:
            DataError: If it is neither, or breaks a rule.
            StorageError: If it cannot be read.
        """
        source = Location(location)
        return cls.from_mapping(read_mapping(source), str(source))

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
            check_column(column, source)
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
        DataError: Naming every column that does not fit, and why.
    """
    check_shape(table, source)
    errors = []
    for column in spec.columns:
        try:
            _check_values(table, column, source)
        except DataError as error:
            errors.append(str(error))
    if errors:
        raise DataError("\n".join(errors))


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


def check_column(column: Column, source: str) -> None:
    """Check the rules that a spec read from a file has to keep; an inferred one does.

    Raises:
        DataError: Saying which one it breaks.
    """
    where = f"{source}: column {column.name!r}"
    for name in filter(None, (column.dtype, column.levels_dtype)):
        if not is_dtype_name(name):
            raise DataError(f"{where}: {name!r} is no dtype of a table's column")
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
        _check_range(column, dtype, where)


def _check_range(column: Column, dtype: Any, where: str) -> None:
    low, high = column.minimum, column.maximum
    if low is None or high is None or low > high:
        raise DataError(f"{where}: must have minimum <= maximum, but got {low} and {high}")
    span = f"{_brief(low)} to {_brief(high)}"
    limits: tuple[int | float, int | float] = (-(2**63) + 1, 2**63 - 1)
    if column.kind == "datetime":
        if column.step is None or column.step > limits[1]:
            raise DataError(f"{where}: a datetime must have a step below 2**63")
    else:
        limits = number_limits(dtype)
    whole = column.kind == "datetime" or pd.api.types.is_integer_dtype(dtype)
    if not (limits[0] <= low and high <= limits[1]) or (whole and (low % 1 or high % 1)):
        raise DataError(f"{where}: {span} are no values of dtype {column.dtype}")
    if not np.isfinite(float(high) - float(low)):
        raise DataError(f"{where}: must span less than 1.8e308, but is {span}")
    largest = float(np.finfo(np.float64).max) / 10.0 ** (column.decimals or 0)
    if max(-low, high) > largest:
        raise DataError(f"{where}: {column.decimals} decimals are too many for {_brief(high)}")


def _brief(number: int | float) -> str:
    text = str(number)
    return text if len(text) <= 25 else f"{text[:20]}..."


def _check_values(table: pd.DataFrame, column: Column, source: str) -> None:
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
        zone = getattr(moment_dtype(column.dtype), "tz", None)
        as_datetimes(values, source, written=column.format, zone=zone)


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
