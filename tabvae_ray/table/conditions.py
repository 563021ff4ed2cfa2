"""What generated rows have to be: values or ranges of some columns, and what codes allow them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers, column_positions
from tabvae_ray.table.discretizer import Discretizer, Floats
from tabvae_ray.table.dtypes import moment_dtype
from tabvae_ray.table.encoding import CategoryEncoder, TableEncoder
from tabvae_ray.table.spec import TableSpec

__all__ = ["Condition", "RowConditions", "parse_where"]

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# How far the ends of a range that is suggested lie from a number, as a part of it.
_SUGGESTED = 0.01


@dataclass(frozen=True, eq=False)
class Condition:
    """What one column has to be.

    Args:
        column: The column.
        shares: ``(K_c,)`` the share of each code's values that are asked for.
        coder: Draws only those values from the codes.
        positions: Categorical only: positions of the categories asked for.
        low: Otherwise the smallest number asked for, as the encoder counts it.
        high: The largest.
        missing: Whether a missing value is asked for.
    """

    column: Column
    shares: Floats
    coder: Discretizer | CategoryEncoder
    positions: tuple[int, ...] = ()
    low: float = np.inf
    high: float = -np.inf
    missing: bool = False

    def holds(self, values: pd.Series) -> Mask:
        """Which values are as asked for: ``(N,)``."""
        if self.column.kind == "categorical":
            positions = column_positions(values, self.column)
            wanted = [*self.positions, -1] if self.missing else list(self.positions)
            found: Mask = np.isin(positions, wanted)
            return found
        numbers = column_numbers(values, self.column)
        if self.missing:
            return np.isnan(numbers)
        return (numbers >= self.low) & (numbers <= self.high)


class RowConditions:
    """Conditions on some columns of a table, all of which a row has to keep.

    A column's condition is a value, or None for a missing one; for a column of numbers or moments a
    tuple of two ends, both included, None for an open one; for a categorical one a list of values,
    any of which will do.

    Example:
        >>> RowConditions.of({"Sex": "F", "Age": (60, None), "City": ["Oslo", "Bergen"]}, encoder)

    Args:
        conditions: One per column.
        encoder: Of the table.

    Attributes:
        encoder: Of the table, but that the conditioned columns are decoded as asked for.
    """

    def __init__(self, conditions: Sequence[Condition], encoder: TableEncoder) -> None:
        self.conditions = list(conditions)
        self.encoder = encoder.with_coders({part.column.name: part.coder for part in conditions})

    @classmethod
    def of(cls, where: Mapping[str, Any], encoder: TableEncoder) -> Self:
        """Check what a user asks for.

        Raises:
            ConfigError: If a column or value does not exist, or no row could ever be so.
        """
        made = []
        for name, wanted in where.items():
            if name not in encoder.columns:
                known = ", ".join(encoder.columns)
                why = "is not modelled" if name in encoder.spec.names else "is no column"
                raise ConfigError(f"where: {name!r} {why}; known are {known}")
            made.append(_condition(encoder.spec[name], wanted, encoder))
        return cls(made, encoder)

    @property
    def allowed(self) -> dict[int, Floats]:
        """What share of each code's values is allowed, ``(K_c,)`` per column with a condition."""
        place = {name: i for i, name in enumerate(self.encoder.columns)}
        return {place[condition.column.name]: condition.shares for condition in self.conditions}

    def hold(self, table: pd.DataFrame) -> Mask:
        """Which rows keep all conditions: ``(N,)``."""
        kept = np.ones(len(table), dtype=bool)
        for condition in self.conditions:
            kept &= condition.holds(table[condition.column.name])
        return kept


def parse_where(texts: Sequence[str], spec: TableSpec) -> dict[str, Any]:
    """Conditions as a command line has them.

    ``Sex=F``; ``Age=60:70``, ``Age=60:``, ``Age=:70`` for numbers; ``Day=2024-01-01..2024-06-30``
    for moments (and numbers), where a day is all of it; ``City=`` for missing values. A categorical
    column may come again, then either value will do.

    Raises:
        ConfigError: If a text names no column, or is no condition of it.
    """
    found: dict[str, Any] = {}
    for text in texts:
        ends = [i for i, letter in enumerate(text) if letter == "=" and text[:i] in spec.names]
        if not ends:
            raise ConfigError(
                f"--where {text}: must be COLUMN=VALUE; columns are {', '.join(spec.names)}"
            )
        column, value = spec[text[: ends[0]]], text[ends[0] + 1 :]
        if column.kind == "categorical":
            found.setdefault(column.name, []).append(_category(column, value))
        elif column.name in found:
            raise ConfigError(f"--where {text}: {column.name!r} has a condition already")
        else:
            found[column.name] = _ends(column, value, text)
    return found


def _condition(column: Column, wanted: Any, encoder: TableEncoder) -> Condition:
    coder = encoder.coder(column.name)
    gap = np.zeros(int(column.missing))
    is_list = isinstance(wanted, list | set | frozenset)
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
            absent = column.missing and any(pd.isna(value) for value in values)
            positions = [_position(column, value) for value in values if not pd.isna(value)]
        if not positions and not absent:
            raise ConfigError(f"where: {column.name!r}: no category is as asked for: {wanted!r}")
        part, shares = coder.only(positions)
        shares = np.append(shares, gap + absent)
        return Condition(column, shares, part, positions=tuple(positions), missing=absent)
    if is_list:
        raise ConfigError(
            f"where: {column.name!r} is {column.kind}: ask for a value or a tuple of two ends, "
            f"but got {wanted!r}"
        )
    low, high = _range(column, wanted)
    if low > coder.maximum or high < coder.minimum or low > high:
        raise ConfigError(
            f"where: {column.name!r}: no row can be {_said(wanted)}: the column goes from "
            f"{_shown(column, column.minimum)} to {_shown(column, column.maximum)}"
        )
    if coder.decimals is not None:
        low, high = _inwards(low, high, coder.decimals)
    between, shares = coder.between(low, high)
    if not shares.any():
        why = _why_none(column, low, coder)
        raise ConfigError(f"where: {column.name!r}: no row can be {_said(wanted)}: {why}")
    return Condition(column, np.append(shares, gap), between, low=low, high=high)


def _inwards(low: float, high: float, decimals: int) -> tuple[float, float]:
    """The smallest and the largest number of so many decimals between two ends."""
    scale = 10.0**decimals
    ends = []
    for end, towards in ((low, np.ceil), (high, np.floor)):
        scaled = end * scale
        # 0.3 times 10 is a little above 3.
        nearest = np.rint(scaled)
        is_near = decimals > 0 and abs(scaled - nearest) <= 4 * np.spacing(abs(scaled))
        rounded = nearest if is_near else towards(scaled)
        ends.append(end if np.isinf(end) else round(float(rounded / scale), decimals))
    return ends[0], ends[1]


def _why_none(column: Column, low: float, coder: Discretizer) -> str:
    if column.kind == "datetime":
        return "no moment of the column lies there"
    if coder.decimals == 0:
        return "no whole number of the column lies there"
    if coder.decimals is not None:
        return f"no value of the column, with {coder.decimals} decimals, lies there"
    # Nearly all numbers of so many decimals have a probability of zero.
    reach = _SUGGESTED * (abs(low) or coder.maximum - coder.minimum)
    ends = f"{low - reach:.6g} to {low + reach:.6g}"
    return f"a single number of any decimals never comes; ask for a range such as {ends}"


def _position(column: Column, value: Any) -> int:
    categories = list(column.categories)
    for position, category in enumerate(categories):
        # True is no 1 here.
        if category == value and isinstance(category, bool) == isinstance(value, bool | np.bool_):
            return position
    some = ", ".join(map(repr, categories[:10])) + (", ..." if len(categories) > 10 else "")
    raise ConfigError(f"where: {column.name!r} is never {value!r}; it may be {some}")


def _between(column: Column, wanted: tuple[Any, ...]) -> list[int]:
    if not all(isinstance(value, int | float) for value in column.categories):
        raise ConfigError(
            f"where: {column.name!r} is categorical: ask for a list of values in place of a range, "
            f"but got {wanted!r}"
        )
    low, high = _two(column, wanted)
    return [
        position
        for position, value in enumerate(column.categories)
        if (low is None or value >= low) and (high is None or value <= high)
    ]


def _range(column: Column, wanted: Any) -> tuple[float, float]:
    """Both ends as the encoder counts the column."""
    first, last = _two(column, wanted) if isinstance(wanted, tuple) else (wanted, wanted)
    low = -np.inf if first is None else _as_number(column, first)
    high = np.inf if last is None else _as_number(column, last, is_last=True)
    return low, high


def _as_number(column: Column, end: Any, *, is_last: bool = False) -> float:
    """An end as the encoder counts the column; of a day, its first moment or its last one."""
    try:
        if column.kind != "datetime":
            number = float(end)
            if not np.isfinite(number):
                raise ValueError("must be finite")
            exact = column.model_copy(update={"decimals": None})
            return float(column_numbers(pd.Series([number], name=column.name), exact)[0])
        moment, dtype = pd.Timestamp(end), moment_dtype(column.dtype)
        is_day = isinstance(end, date) and not isinstance(end, datetime)
        is_whole = is_last and (is_day or (isinstance(end, str) and bool(_DAY.fullmatch(end))))
        if is_whole:
            moment += pd.Timedelta(days=1)
        if moment.tzinfo is not None and not isinstance(dtype, pd.DatetimeTZDtype):
            raise ValueError("the column has no time zone")
        # Where no time zone is said, the table's own is meant.
        steps = float(column_numbers(pd.Series([moment], name=column.name), column)[0])
        return float(np.ceil(steps)) - 1 if is_whole else steps
    except (DataError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"where: {column.name!r} is {column.kind}: {end!r} cannot be compared with it: {error}"
        ) from None


def _two(column: Column, wanted: tuple[Any, ...]) -> tuple[Any, Any]:
    if len(wanted) != 2 or wanted == (None, None):
        raise ConfigError(
            f"where: {column.name!r}: a range must be a tuple of two ends, one of which may be "
            f"None, but got {wanted!r}"
        )
    return wanted[0], wanted[1]


def _category(column: Column, text: str) -> Any:
    """The category that a text stands for; None for a missing value."""
    for category in column.categories:
        if str(category) == text or (isinstance(category, bool) and str(category).lower() == text):
            return category
    if text == "" and column.missing:
        return None
    try:
        number = float(text)
    except ValueError:
        number = None
    for category in column.categories:
        if number is not None and not isinstance(category, bool | str) and category == number:
            return category
    return text


def _ends(column: Column, value: str, text: str) -> Any:
    if value == "":
        return None
    separator = ".." if ".." in value or column.kind == "datetime" else ":"
    first, found, last = value.partition(separator)
    if column.kind == "datetime":
        return (first or None, last or None) if found else value
    try:
        numbers = [None if part == "" else float(part) for part in (first, last)]
    except ValueError:
        raise ConfigError(
            f"--where {text}: {column.name!r} is a column of numbers: must be a number or LOW:HIGH"
        ) from None
    return tuple(numbers) if found else numbers[0]


def _said(wanted: Any) -> str:
    if not isinstance(wanted, tuple):
        return str(wanted)
    low, high = wanted
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _shown(column: Column, end: float | None) -> str:
    if column.kind != "datetime" or end is None:
        return str(end)
    dtype = moment_dtype(column.dtype)
    unit = dtype.unit if isinstance(dtype, pd.DatetimeTZDtype) else np.datetime_data(dtype)[0]
    return str(np.array(int(end)).astype(f"M8[{unit}]"))
