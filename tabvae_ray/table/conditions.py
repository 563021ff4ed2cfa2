"""Conditions on generated rows: values or ranges of some columns, and the codes that meet them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.errors import ConfigError, DataError, brief, closest
from tabvae_ray.table.coders.category_encoder import CategoryEncoder
from tabvae_ray.table.coders.discretizer import Discretizer, Floats
from tabvae_ray.table.coders.truncation import truncate
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import (
    column_numbers,
    column_positions,
    column_range,
    is_counted,
)
from tabvae_ray.table.dtypes import dtype_from_name, moment_dtype
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.spelling import spelled
from tabvae_ray.table.formats.typed_dates import typed_moment, typed_time
from tabvae_ray.table.grids.timeline import moments_at
from tabvae_ray.table.parsing import as_numbers
from tabvae_ray.table.values.decimals import exact_offset
from tabvae_ray.table.values.spans import is_span, spans_of

__all__ = ["Condition", "RowConditions"]

Mask = np.ndarray[Any, np.dtype[np.bool_]]

# Half the width of a suggested range, relative to the number in its middle.
_SUGGESTED_REACH = 0.01


@dataclass(frozen=True, eq=False)
class Condition:
    """Condition on one column.

    Args:
        column: The column.
        shares: ``(K_c,)`` share of the values of each code that meet the condition.
        coder: Encoder that draws only such values from the codes.
        positions: Categorical only: positions of the allowed categories.
        low: Numeric and datetime only: the smallest allowed number, as the encoder counts it.
        high: Likewise the largest.
        missing: Whether a missing value meets the condition.
    """

    column: Column
    shares: Floats
    coder: Discretizer | CategoryEncoder
    positions: tuple[int, ...] = ()
    low: float = np.inf
    high: float = -np.inf
    missing: bool = False

    def holds(self, values: pd.Series) -> Mask:
        """Return a mask ``(N,)`` of the values that meet the condition."""
        if self.column.kind == "categorical":
            positions = column_positions(values, self.column)
            wanted = [*self.positions, -1] if self.missing else list(self.positions)
            found: Mask = np.isin(positions, wanted)
            return found
        numbers = column_numbers(values, self.column, between=self.column.step is not None)
        if self.missing:
            return np.isnan(numbers)
        if self.column.kind == "continuous" and not is_counted(self.column):
            # What a rule computes may be beyond the range that the column's own numbers have.
            exact = as_numbers(values, "table", written=self.column.format)
            numbers = np.where(exact < float(self.column.minimum or 0), -np.inf, numbers)
            numbers = np.where(exact > float(self.column.maximum or 0), np.inf, numbers)
        return (numbers >= self.low) & (numbers <= self.high)


class RowConditions:
    """Conditions on some columns of a table, all of which a row has to meet.

    A condition is a value, or None for a missing value. For a numeric or datetime column it may be
    a range: a tuple of both ends, which are included, with None for an open end. For a categorical
    column it may be a list of allowed values.

    Example:
        >>> RowConditions.of({"Sex": "F", "Age": (60, None), "City": ["Oslo", "Bergen"]}, encoder)

    Args:
        conditions: At most one per column.
        encoder: Encoder of the table.

    Attributes:
        encoder: Encoder of the table that decodes to values that meet the conditions.
    """

    def __init__(self, conditions: Sequence[Condition], encoder: TableEncoder) -> None:
        self.conditions = list(conditions)
        self.encoder = encoder.with_coders({part.column.name: part.coder for part in conditions})

    @classmethod
    def of(cls, where: Mapping[str, Any], encoder: TableEncoder) -> Self:
        """Build the conditions that a user asks for.

        Raises:
            ConfigError: If a column or value does not exist, or no row can meet a condition.
        """
        if not isinstance(where, Mapping):
            raise ConfigError(
                'where: must be a mapping of columns to values, such as {"Sex": "F"}, but got '
                f"{brief(where)}"
            )
        made = []
        for name, wanted in where.items():
            if name not in encoder.columns:
                known = ", ".join(encoder.columns)
                is_identifier = name in encoder.spec.names
                why = "is an identifier, not modelled" if is_identifier else "is not a column"
                raise ConfigError(
                    f"where: {name!r} {why}; known are {known}{closest(name, encoder.columns)}"
                )
            made.append(_condition(encoder.spec[name], wanted, encoder))
        return cls(made, encoder)

    @property
    def allowed(self) -> dict[int, Floats]:
        """Share ``(K_c,)`` of the values of each code that are allowed, by position of a column."""
        place = {name: i for i, name in enumerate(self.encoder.columns)}
        return {place[condition.column.name]: condition.shares for condition in self.conditions}

    def hold(self, table: pd.DataFrame) -> Mask:
        """Return a mask ``(N,)`` of the rows that meet all conditions."""
        kept = np.ones(len(table), dtype=bool)
        for condition in self.conditions:
            kept &= condition.holds(table[condition.column.name])
        return kept


def _condition(column: Column, wanted: Any, encoder: TableEncoder) -> Condition:
    coder = encoder.coder(column.name)
    gap = np.zeros(int(column.missing))
    # Such as the unique values of a column, or positions of an array.
    is_list = pd.api.types.is_list_like(wanted) and not isinstance(wanted, tuple | Mapping)
    if not is_list and not isinstance(wanted, tuple) and pd.isna(wanted):
        if not column.missing:
            raise ConfigError(f"where: {column.name!r} has no missing values")
        return Condition(column, np.append(np.zeros(coder.n_codes), 1), coder, missing=True)
    if isinstance(coder, CategoryEncoder):
        absent = False
        if isinstance(wanted, tuple):
            positions = _between(column, wanted)
        else:
            values = list(wanted) if is_list else [wanted]
            if any(pd.api.types.is_list_like(value) for value in values):
                raise ConfigError(
                    f"where: {column.name!r} must be a list of values, but got {brief(wanted)}"
                )
            absent = column.missing and any(pd.isna(value) for value in values)
            min_rows = encoder.spec.min_rows
            positions = [_position(column, v, min_rows) for v in values if not pd.isna(v)]
        if not positions and not absent:
            raise ConfigError(f"where: {column.name!r}: no category matches {brief(wanted)}")
        part, shares = coder.only(positions)
        shares = np.append(shares, gap + absent)
        return Condition(column, shares, part, positions=tuple(positions), missing=absent)
    if is_list:
        raise ConfigError(
            f"where: {column.name!r} is {column.kind}: ask for a value or a tuple of two ends, "
            f"but got {brief(wanted)}"
        )
    low, high = _range(column, wanted)
    if low > coder.maximum or high < coder.minimum or low > high:
        raise ConfigError(
            f"where: {column.name!r}: no row can be {_in_words(wanted)}: the column goes from "
            f"{_end_in_words(column, column.minimum)} to {_end_in_words(column, column.maximum)}"
            + _beyond(encoder.spec.min_rows)
        )
    if coder.decimals is not None:
        low, high = _round_inwards(low, high, coder.decimals)
    truncated, shares = truncate(coder, low, high)
    if not shares.any():
        why = _why_none(column, low, coder)
        raise ConfigError(f"where: {column.name!r}: no row can be {_in_words(wanted)}: {why}")
    return Condition(column, np.append(shares, gap), truncated, low=low, high=high)


def _round_inwards(low: float, high: float, decimals: int) -> tuple[float, float]:
    """Return the smallest and the largest number with such decimals between two ends."""
    scale = 10.0**decimals
    ends = []
    for end, towards in ((low, np.ceil), (high, np.floor)):
        if np.isinf(end):
            ends.append(end)
            continue
        scaled = end * scale
        # A product may be slightly off, as 0.3 times 10 is slightly above 3.
        nearest = np.rint(scaled)
        is_near = decimals > 0 and abs(scaled - nearest) <= 4 * np.spacing(abs(scaled))
        rounded = nearest if is_near else towards(scaled)
        ends.append(round(float(rounded / scale), decimals))
    return ends[0], ends[1]


def _why_none(column: Column, low: float, coder: Discretizer) -> str:
    if column.kind == "datetime":
        return "the column has no moment there"
    if column.step is not None:
        return f"its values are {column.minimum} and steps of {column.step} from there"
    if coder.decimals == 0:
        return "the column has no integer there"
    if coder.decimals is not None:
        places = "decimal" if coder.decimals == 1 else "decimals"
        return f"the column has no value with {coder.decimals} {places} there"
    reach = _SUGGESTED_REACH * (abs(low) or coder.maximum - coder.minimum)
    ends = f"{low - reach:.6g} to {low + reach:.6g}"
    advice = f"ask for a range such as {ends}"
    return f"an exact value has probability zero in a continuous column; {advice}"


def _beyond(min_rows: int) -> str:
    if not min_rows:
        return ""
    return f"; fewer than {min_rows} rows of the table, if any, go further"


def _position(column: Column, value: Any, min_rows: int) -> int:
    categories = list(column.categories)
    for position, category in enumerate(categories):
        # Python holds True and 1 to be equal.
        if category == value and isinstance(category, bool) == isinstance(value, bool | np.bool_):
            return position
    some = ", ".join(map(repr, categories[:10])) + (", ..." if len(categories) > 10 else "")
    why = ""
    if min_rows:
        why = f": no row of the table has it, or fewer than {min_rows} have and it is left out"
    raise ConfigError(f"where: {column.name!r} is never {value!r}{why}; it may be {some}")


def _between(column: Column, wanted: tuple[Any, ...]) -> list[int]:
    if not all(isinstance(value, int | float) for value in column.categories):
        raise ConfigError(
            f"where: {column.name!r} is categorical: ask for a list of values in place of a range, "
            f"but got {brief(wanted)}"
        )
    low, high = _two_ends(column, wanted)
    return [
        position
        for position, value in enumerate(column.categories)
        if (low is None or value >= low) and (high is None or value <= high)
    ]


def _range(column: Column, wanted: Any) -> tuple[float, float]:
    """Return both ends of a range, or a single value twice, as the encoder counts the column."""
    first, last = _two_ends(column, wanted) if isinstance(wanted, tuple) else (wanted, wanted)
    low = -np.inf if first is None else _as_number(column, first)
    high = np.inf if last is None else _as_number(column, last, is_last=True)
    return low, high


def _as_number(column: Column, end: Any, *, is_last: bool = False) -> float:
    """Convert an end to the numbers of the encoder; a day to its first or its last moment."""
    try:
        if column.kind != "datetime":
            written = NumberFormat.parse(column.format or "")
            if isinstance(end, str) and written is not None:
                # As the column writes it, such as <0.5 or 12.00 DR.
                plain = written.plain([end])[0]
                end = end if plain is None else float(plain)
            try:
                number = float(end)
            except ValueError:
                raise ValueError("it is no number") from None
            if not np.isfinite(number):
                raise ValueError("must be finite")
            dtype = dtype_from_name(column.dtype)
            if is_counted(column) or pd.api.types.is_integer_dtype(dtype):
                return exact_offset(end, column.minimum, dtype) / (column.step or 1)
            values = pd.Series([number], name=column.name)
            return float(column_numbers(values, column, between=True)[0])
        if is_span(dtype_from_name(column.dtype)):
            moment = typed_time(end)
            moments = pd.Series([moment], name=column.name)
            return float(column_numbers(moments, column, between=True)[0])
        moment, after = _moment(column, end)
        is_whole = is_last and after is not None
        if is_whole and after is not None:
            moment = after
        if moment.tzinfo is not None and getattr(moment_dtype(column.dtype), "tz", None) is None:
            raise ValueError("the column has no time zone")
        # A moment without a time zone is in the time zone of the column.
        moments = pd.Series([moment], name=column.name)
        steps = float(column_numbers(moments, column, between=True)[0])
        return float(np.ceil(steps)) - 1 if is_whole else steps
    except (DataError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"where: {column.name!r} is {column.kind}: {end!r} cannot be compared with it: {error}"
        ) from None


def _moment(column: Column, end: Any) -> tuple[pd.Timestamp, pd.Timestamp | None]:
    """Return a moment, and the one after it if it stands for a day or longer."""
    if isinstance(end, str):
        return typed_moment(end, column.format)
    moment = pd.Timestamp(end)
    is_day = isinstance(end, date) and not isinstance(end, datetime)
    return moment, moment + pd.Timedelta(days=1) if is_day else None


def _two_ends(column: Column, wanted: tuple[Any, ...]) -> tuple[Any, Any]:
    if len(wanted) != 2 or wanted == (None, None):
        raise ConfigError(
            f"where: {column.name!r}: a range must be a tuple of two ends, one of which may be "
            f"None, but got {brief(wanted)}"
        )
    return wanted[0], wanted[1]


def _in_words(wanted: Any) -> str:
    if not isinstance(wanted, tuple):
        return str(wanted)
    low, high = wanted
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _end_in_words(column: Column, end: Any) -> str:
    if column.kind != "datetime" or end is None:
        return str(end)
    last = end == column.maximum
    number = column_range(column)[2] if last else 0.0
    moments = moments_at(np.array([number]), column)
    if column.format is not None:
        return str(spelled(moments, column.format).iloc[0])
    if is_span(dtype_from_name(column.dtype)):
        return str(spans_of(moments, dtype_from_name(column.dtype)).iloc[0])
    return str(moments.dt.tz_localize(None).iloc[0].isoformat())
