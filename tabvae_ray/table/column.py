"""One column of a spec, and its rules."""

from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import ConfigDict, Field

from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.errors import DataError, brief
from tabvae_ray.table.arrow_types import ARROW_TYPES, arrow_type_from_name, as_arrow
from tabvae_ray.table.dtypes import (
    dtype_from_name,
    dtype_name,
    float_type,
    is_dtype_name,
    number_limits,
)
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.padding import is_padding
from tabvae_ray.table.formats.truth_words import parse_truth_format
from tabvae_ray.table.identifiers.fake import GeneratorName
from tabvae_ray.table.identifiers.source import IdentifierSource
from tabvae_ray.table.values.decimals import is_decimal, series_of
from tabvae_ray.table.values.object_types import (
    OBJECT_TYPES,
    PERIOD_FORMATS,
    is_object_type,
    kinds_of_object_type,
)
from tabvae_ray.table.values.spans import is_span
from tabvae_ray.table.values.spec_types import Bound, Days, Kind, MissingValues, Scalar

__all__ = [
    "MARKERS",
    "MAX_DECIMALS",
    "MAX_DIGITS",
    "MIN_DIGITS",
    "PADDINGS",
    "UNNAMED",
    "Column",
    "as_stored",
    "check_column",
]

# Key of a DataFrame's attrs: the columns that have no name in their CSV file.
UNNAMED = "unnamed_columns"
# Key of a DataFrame's attrs: the spaces around the cells of a CSV file, by column.
PADDINGS = "paddings"
# Key of a DataFrame's attrs: texts of a file that were recognised as missing, and how many cells
# have each, by column.
MARKERS = "missing_markers"

MAX_DECIMALS = 15
# Fewer significant digits are rather the decimals of small numbers. Programs write 6, 7 or 15.
MIN_DIGITS, MAX_DIGITS = 5, 15


class Column(ShortRepr):
    """Kind and properties of one column.

    Args:
        name: Name of the column.
        kind: Kind of its values.
        dtype: Name of its dtype, see :func:`tabvae_ray.table.dtypes.dtype_name`.
        missing: Whether values are missing.
        missing_values: Texts that are missing, declared or recognised.
        categories: Categorical only: the values that occur, in the order of the category dtype, or
            sorted as text.
        ordered: Whether a category dtype is ordered.
        levels: All categories of a category dtype in its order, if some of them do not occur in any
            row. Those are never generated.
        levels_dtype: Name of the dtype of the categories of a category dtype.
        rare_label: Categorical only: declared value that is generated in place of values that too
            few rows have; None if other categories are.
        minimum: Continuous and datetime only: smallest value; for a datetime in ticks of the dtype,
            and a decimal where float64 does not tell the values apart.
        maximum: Likewise the largest value.
        decimals: Continuous only: decimal places that hold all values but a few odd ones, None for
            more than 15.
        digits: Continuous only: significant digits that hold all values, None where decimals say
            it, or for more than 15.
        unit: Continuous only: number of which the values are multiples as float64 computes them,
            such as 3 * 1.15078 = 3.4523399999999995; None where they are rounded to the decimals.
        step: Distance between values: all distances are multiples of it, but for a few odd values.
            It is a number for a continuous column, and ticks of the dtype for a datetime.
        clock: Datetime only: ``local`` if range and step count on the clock of the time zone, so
            that midnight stays midnight when summer time begins.
        weekdays: Datetime only: whether all moments are on days from Monday to Friday. The step
            then leaves out weekends.
        days: Datetime only: other days on which all moments are, which the step then counts, see
            :mod:`tabvae_ray.table.values.days`.
        format: Format in which text has the values. For a datetime see
            :mod:`tabvae_ray.table.formats.spelling`; None is ISO 8601. For numbers see
            :mod:`tabvae_ray.table.formats.numerals.number_format`; None is that of Python.
        fill: Identifier only: ``drop`` leaves the column out of synthetic rows, ``number`` fills it
            with 0, 1, 2, ..., and ``generate`` with new identifiers.
        pattern: Identifier only: declared pattern of new identifiers, or template of text from
            other columns, see :mod:`tabvae_ray.table.composed.template`.
        generator: Identifier only: declared generator of new identifiers.
        made_of: Identifier only, with ``generate``: source of new identifiers.
        unnamed: Whether the CSV file that the table was read from has no name for the column.
        padding: Spaces around the cells of the CSV file that the table was read from, see
            :mod:`tabvae_ray.table.formats.padding`.
        arrow_type: Name of the Arrow type in the Parquet file that the table was read from.
        written_dtype: Dtype of the text that the table has for moments or numbers, or of the
            numbers or categories that it has for moments; None in CSV, which has text alone. Also
            a type of :mod:`tabvae_ray.table.values.object_types`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    kind: Kind
    dtype: str = Field(max_length=200)
    missing: bool = False
    missing_values: MissingValues = None
    categories: tuple[Scalar, ...] = ()
    ordered: bool = False
    levels: tuple[Scalar, ...] = ()
    levels_dtype: str | None = Field(None, max_length=200)
    rare_label: Scalar | None = None
    minimum: Bound = None
    maximum: Bound = None
    decimals: int | None = Field(None, ge=0, le=MAX_DECIMALS)
    digits: int | None = Field(None, ge=MIN_DIGITS, le=MAX_DIGITS)
    unit: float | None = Field(None, gt=0)
    step: int | float | None = Field(None, gt=0)
    clock: Literal["local"] | None = None
    weekdays: bool = False
    days: Days | None = None
    format: str | None = Field(None, max_length=200)
    fill: Literal["drop", "number", "generate"] = "drop"
    pattern: str | None = None
    generator: GeneratorName | None = None
    made_of: IdentifierSource | None = None
    unnamed: bool = False
    padding: str | None = Field(None, max_length=300)
    arrow_type: str | None = Field(None, max_length=200)
    written_dtype: str | None = Field(None, max_length=200)

    @property
    def is_span(self) -> bool:
        """True for durations and times of day."""
        return self.kind == "datetime" and is_span(dtype_from_name(self.dtype))


def as_stored(column: Column, table: pd.DataFrame, given: pd.DataFrame) -> Column:
    """Return a column with what its table says of it: the Arrow type if it fits, and no name.

    Args:
        column: The column.
        table: The rows, as they were read.
        given: The rows as the user has them.
    """
    if is_object_type(column.written_dtype or ""):
        # The table of a search that goes on has the plain type.
        return column
    if (own := table.attrs.get(OBJECT_TYPES, {}).get(column.name)) is not None:
        written = column.format or PERIOD_FORMATS.get(own.partition("-")[0].rstrip("]"))
        return column.model_copy(update={"written_dtype": own, "format": written})
    if UNNAMED in table.attrs:
        is_unnamed = column.name in table.attrs[UNNAMED]
        padding = column.padding or table.attrs.get(PADDINGS, {}).get(column.name)
        return column.model_copy(update={"unnamed": is_unnamed, "padding": padding})
    name = table.attrs.get(ARROW_TYPES, {}).get(column.name)
    values = table[column.name]
    if column.kind == "datetime" and isinstance(values.dtype, pd.CategoricalDtype):
        column = column.model_copy(update={"written_dtype": "category"})
    elif _is_written_otherwise(values, column):
        example = values.dropna().head(1).to_frame()
        text = str(pa.Schema.from_pandas(example, preserve_index=False).field(0).type)
        dtype = given[column.name].dtype
        # What is text in a category dtype is written as text.
        own = text if name is None or isinstance(dtype, pd.CategoricalDtype) else name
        update = {"written_dtype": dtype_name(dtype), "arrow_type": column.arrow_type or own}
        return column.model_copy(update=update)
    if name is None or column.arrow_type is not None:
        return column
    if column.kind == "datetime" and column.format is not None:
        # Text or numbers, into which dates are turned when they are written.
        return column.model_copy(update={"arrow_type": name})
    dtype = values.dtype if column.dtype == "category" else dtype_from_name(column.dtype)
    try:
        as_arrow(
            values.head(0).astype(dtype).to_frame(),
            pa.schema([(column.name, arrow_type_from_name(name))]),
        )
    except (DataError, TypeError, ValueError, pa.ArrowException):
        return column
    return column.model_copy(update={"arrow_type": name})


def _is_written_otherwise(values: pd.Series, column: Column) -> bool:
    """Return True for text that holds moments or numbers, and for numbers that hold moments."""
    if isinstance(values.dtype, pd.CategoricalDtype) or not is_dtype_name(dtype_name(values.dtype)):
        return False
    if column.kind == "datetime" and pd.api.types.is_numeric_dtype(values.dtype):
        return True
    is_text = pd.api.types.infer_dtype(values, skipna=True) == "string"
    return is_text and column.kind in ("continuous", "datetime")


def check_column(column: Column, source: str) -> None:
    """Check the rules of a column that was read from a file; inferred columns follow them.

    Raises:
        DataError: Naming the rule that is broken.
    """
    where = f"{source}: column {column.name!r}"
    for name in filter(None, (column.dtype, column.levels_dtype, column.written_dtype)):
        is_written = name == column.written_dtype and is_object_type(name)
        if not is_written and not is_dtype_name(name):
            raise DataError(f"{where}: {name!r} is not a supported dtype")
    if column.arrow_type is not None and arrow_type_from_name(column.arrow_type) is None:
        raise DataError(f"{where}: {column.arrow_type!r} is not a supported Arrow type")
    if column.padding is not None and not is_padding(column.padding):
        given = brief(column.padding)
        raise DataError(f"{where}: padding: must be such as '{{:>8}}', but is {given}")
    dtype = dtype_from_name(column.dtype)
    written = column.written_dtype or ""
    if is_object_type(written):
        is_zoned = getattr(dtype, "tz", None) is not None
        if column.kind not in kinds_of_object_type(written) or is_zoned:
            raise DataError(
                f"{where}: written_dtype: {written} is not for {column.kind} columns of dtype "
                f"{column.dtype}"
            )
    if not _suits(dtype, column.kind):
        raise DataError(f"{where}: {column.dtype!r} is not a dtype of a {column.kind} column")
    if column.kind == "categorical":
        kinds = {type(value) for value in column.categories}
        if len(kinds) != 1 or len(set(column.categories)) != len(column.categories):
            raise DataError(f"{where}: categories must be different values of one type, at least 1")
        if column.rare_label is not None and {type(column.rare_label)} != kinds:
            raise DataError(f"{where}: rare_label must be of the type of the categories")
        levels = set(column.levels)
        if levels and not (len(levels) == len(column.levels) and levels >= {*column.categories}):
            raise DataError(f"{where}: levels must be different values, the categories among them")
        try:
            _ = series_of(column.categories, dtype)
            _ = pd.Index(column.levels, dtype=dtype_from_name(column.levels_dtype or "object"))
        except (ArithmeticError, TypeError, ValueError, pa.ArrowException):
            raise DataError(f"{where}: categories must be of dtype {column.dtype}") from None
    if column.format is not None and column.kind in ("continuous", "categorical"):
        of_truths = bool(column.categories) and isinstance(column.categories[0], bool)
        parse = parse_truth_format if of_truths else NumberFormat.parse
        if parse(column.format) is None:
            noun = "truth values" if of_truths else "numbers"
            if not of_truths and parse_truth_format(column.format) is not None:
                raise DataError(f"{where}: format {brief(column.format)} needs dtype bool")
            raise DataError(f"{where}: {brief(column.format)} is not a format of {noun}")
    if column.days is not None and column.weekdays:
        raise DataError(f"{where}: must have weekdays or days, but has both")
    if column.kind in ("continuous", "datetime"):
        _check_range(column, dtype, where)
    if column.made_of is not None:
        if column.kind != "identifier" or column.fill != "generate":
            raise DataError(f"{where}: made_of is for identifiers with `fill: generate` only")
        try:
            column.made_of.check()
        except ValueError as error:
            raise DataError(f"{where}: {error}") from None


def _check_range(column: Column, dtype: Any, where: str) -> None:
    low, high = column.minimum, column.maximum
    if low is None or high is None or low > high:
        raise DataError(f"{where}: must have minimum <= maximum, but got {low} and {high}")
    span = f"{_brief(low)} to {_brief(high)}"
    if any(isinstance(end, Decimal) for end in (low, high)) and not is_decimal(dtype):
        raise DataError(f"{where}: {span} must be numbers, as text is for decimals only")
    limits: tuple[Any, Any] = (-(2**63) + 1, 2**63 - 1)
    if column.kind == "datetime":
        if column.step is None or column.step % 1 or column.step > limits[1]:
            raise DataError(f"{where}: a datetime must have a step below 2**63, a whole number")
    else:
        limits = number_limits(dtype)
        _check_step(column, dtype, where)
        _check_unit(column, dtype, where)
    whole = column.kind == "datetime" or pd.api.types.is_integer_dtype(dtype)
    if not (limits[0] <= low and high <= limits[1]) or (whole and (low % 1 or high % 1)):
        raise DataError(f"{where}: {span} are not values of dtype {column.dtype}")
    if not np.isfinite(float(high) - float(low)):
        raise DataError(f"{where}: must span less than 1.8e308, but is {span}")
    largest = float(np.finfo(np.float64).max) / 10.0 ** (column.decimals or 0)
    if max(-float(low), float(high)) > largest:
        raise DataError(f"{where}: {column.decimals} decimals are too many for {_brief(high)}")


def _check_unit(column: Column, dtype: Any, where: str) -> None:
    """Check that the unit of a column of numbers is one of its decimals, in float64."""
    if column.unit is None:
        return
    if column.decimals is None or column.digits is not None:
        raise DataError(f"{where}: a unit needs decimals, and no significant digits")
    if column.unit != round(column.unit, column.decimals):
        raise DataError(f"{where}: a unit of {column.unit} must have {column.decimals} decimals")
    if float_type(column.dtype) is not np.float64 or not pd.api.types.is_float_dtype(dtype):
        raise DataError(f"{where}: a unit needs a dtype of 64-bit floats, not {column.dtype}")


def _check_step(column: Column, dtype: Any, where: str) -> None:
    """Check that the step of a column of numbers is a multiple of its last decimal."""
    if column.step is None:
        return
    decimals = 0 if pd.api.types.is_integer_dtype(dtype) else column.decimals
    if decimals is None or column.step < 0.5 * 10.0**-decimals:
        raise DataError(f"{where}: a step needs decimals, and must not be below the last of them")
    off = abs(round(column.step, decimals) - column.step)
    if off > 1e-9 * column.step:
        raise DataError(f"{where}: a step of {column.step} must have {decimals} decimals")


def _brief(number: Any) -> str:
    text = str(number)
    return text if len(text) <= 25 else f"{text[:20]}..."


def _suits(dtype: Any, kind: Kind) -> bool:
    types = pd.api.types
    if kind == "continuous":
        return types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)
    if kind == "datetime":
        if is_span(dtype):
            return True
        if isinstance(dtype, pd.ArrowDtype):
            arrow = dtype.pyarrow_dtype
            return bool(pa.types.is_timestamp(arrow) or pa.types.is_date(arrow))
        return types.is_datetime64_any_dtype(dtype)
    return True
