"""What generated rows have to be: values or ranges of some columns, and which codes allow them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.table.dtypes import moment_dtype
from tabvae_ray.table.encoding import Encoder, TableEncoder, column_numbers, column_positions
from tabvae_ray.table.spec import Column, TableSpec

__all__ = ["Condition", "RowConditions", "parse_where"]

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class Condition:
    """What one column has to be.

    Args:
        column: The column.
        codes: ``(K_c,)`` codes that may stand for a value that is asked for.
        positions: Categorical only: positions of the categories asked for.
        low: Otherwise the smallest number asked for, as the encoder counts it.
        high: The largest.
        missing: Whether a missing value is asked for.
    """

    column: Column
    codes: Mask
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
    """

    def __init__(self, conditions: Sequence[Condition], encoder: TableEncoder) -> None:
        self.conditions = list(conditions)
        self.encoder = encoder

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
    def allowed(self) -> dict[int, Mask]:
        """Codes that the conditions allow, ``(K_c,)`` per column that has one."""
        place = {name: i for i, name in enumerate(self.encoder.columns)}
        return {place[condition.column.name]: condition.codes for condition in self.conditions}

    def hold(self, table: pd.DataFrame) -> Mask:
        """Which rows keep all conditions: ``(N,)``."""
        kept = np.ones(len(table), dtype=bool)
        for condition in self.conditions:
            kept &= condition.holds(table[condition.column.name])
        return kept


def parse_where(texts: Sequence[str], spec: TableSpec) -> dict[str, Any]:
    """Conditions as a command line has them.

    ``Sex=F``; ``Age=60:70``, ``Age=60:``, ``Age=:70`` for numbers; ``Day=2024-01-01..2024-06-30``
    for moments (and numbers); ``City=`` for missing values. A categorical column may come again,
    then either value will do.

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
    place = encoder.columns.index(column.name)
    codes = np.zeros(encoder.cardinalities[place], dtype=bool)
    coder = encoder.coder(column.name)
    is_list = isinstance(wanted, list | set | frozenset)
    if not is_list and not isinstance(wanted, tuple) and pd.isna(wanted):
        if not column.missing:
            raise ConfigError(f"where: {column.name!r} has no missing values")
        codes[-1] = True
        return Condition(column, codes, missing=True)
    if isinstance(coder, Encoder):
        absent = False
        if isinstance(wanted, tuple):
            positions = _between(column, wanted)
        else:
            values = list(wanted) if is_list else [wanted]
            absent = column.missing and any(pd.isna(value) for value in values)
            positions = [_position(column, value) for value in values if not pd.isna(value)]
        codes[coder.codes[positions]] = True
        codes[-1] |= absent
        if not codes.any():
            raise ConfigError(f"where: {column.name!r}: no category is as asked for: {wanted!r}")
        return Condition(column, codes, positions=tuple(positions), missing=absent)
    if is_list:
        raise ConfigError(
            f"where: {column.name!r} is {column.kind}: ask for a value or a tuple of two ends, "
            f"but got {wanted!r}"
        )
    low, high = _range(column, wanted)
    # A drawn value is rounded to the column's decimals, which may lead just out of its bin.
    slack = 0.0 if coder.decimals is None else 10.0**-coder.decimals
    n_atoms = len(coder.atoms)
    codes[:n_atoms] = (coder.atoms >= low) & (coder.atoms <= high)
    grid = coder.grid
    codes[n_atoms : coder.n_codes] = (grid[:, -1] + slack >= low) & (grid[:, 0] - slack <= high)
    if not codes.any() or low > coder.maximum or high < coder.minimum or low > high:
        raise ConfigError(
            f"where: {column.name!r}: no row can be {_said(wanted)}: the column goes from "
            f"{_shown(column, column.minimum)} to {_shown(column, column.maximum)}"
        )
    return Condition(column, codes, low=low, high=high)


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
    ends = _two(column, wanted) if isinstance(wanted, tuple) else (wanted, wanted)
    low, high = (None if end is None else _as_number(column, end) for end in ends)
    return -np.inf if low is None else low, np.inf if high is None else high


def _as_number(column: Column, end: Any) -> float:
    try:
        if column.kind == "datetime":
            moment, dtype = pd.Timestamp(end), moment_dtype(column.dtype)
            if isinstance(dtype, pd.DatetimeTZDtype):
                # Where no time zone is said, the table's own is meant.
                is_local = moment.tzinfo is None
                moment = moment.tz_localize(dtype.tz) if is_local else moment.tz_convert(dtype.tz)
            elif moment.tzinfo is not None:
                raise ValueError("the column has no time zone")
            return float(column_numbers(pd.Series([moment], name=column.name), column)[0])
        number = float(end)
        if not np.isfinite(number):
            raise ValueError("must be finite")
        return float(column_numbers(pd.Series([number], name=column.name), column)[0])
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
