"""Types of the keys of a spec, and their validation, which need neither pandas nor Arrow."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from tabvae_ray.errors import DataError

__all__ = [
    "DAY_NAMES",
    "OF_MONTH",
    "OF_THE_ROWS",
    "Bound",
    "Days",
    "Kind",
    "MissingValues",
    "Scalar",
    "columns_by_name",
]


Kind = Literal["continuous", "categorical", "datetime", "identifier"]
Scalar = bool | int | float | str

# Properties of columns that follow from their values. Kinds, dtypes and formats stay in other rows.
OF_THE_ROWS = (
    *("minimum", "maximum", "categories", "missing", "decimals", "step", "clock", "weekdays"),
    *("days", "digits", "unit"),
)

_NUMBER = re.compile(r"[+-]?\d{1,76}(\.\d{1,76})?")


def _as_bound(value: object) -> object:
    """Convert the text of a decimal, as JSON holds it."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    return value


# Smallest or largest number of a column. JSON and YAML hold decimals as text.
Bound = Annotated[int | float | Decimal | None, BeforeValidator(_as_bound)]


def _as_texts(value: object) -> object:
    if isinstance(value, str | int | float):
        value = [value]
    if isinstance(value, list | tuple):
        return tuple("null" if item is None else str(item) for item in value)
    return value


# YAML reads some markers as other types than text, such as -9 and a null.
MissingValues = Annotated[tuple[str, ...] | None, BeforeValidator(_as_texts)]


DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OF_MONTH = re.compile(r"(last|[1-9]|1\d|2[0-8]) of month")


def _as_days(text: str) -> str:
    """Check that a text names days.

    Raises:
        ValueError: If it does not.
    """
    names = text.split(" ")
    are_names = names == [name for name in DAY_NAMES if name in names]
    if OF_MONTH.fullmatch(text) or (are_names and 0 < len(names) < len(DAY_NAMES)):
        return text
    raise ValueError("must be such as 'last of month', '15 of month' or 'Mon Tue Sat'")


# Days on which moments are: one of each month, up to the 28th, or weekdays in their order.
Days = Annotated[str, AfterValidator(_as_days)]


def columns_by_name(mapping: object, source: str) -> object:
    """Turn a spec, whose columns are a list, into a declaration of all columns by name.

    An export may be given in place of its spec.
    """
    if isinstance(mapping, dict) and {"spec", "encoder", "decoder"} <= mapping.keys():
        mapping = mapping["spec"]
    if not isinstance(mapping, dict) or not isinstance(mapping.get("columns"), list):
        return mapping
    # Values that few rows have are left out of its ranges and categories.
    is_published = bool(mapping.get("min_rows"))
    columns: dict[str, Any] = {}
    for i, column in enumerate(mapping["columns"]):
        if not isinstance(column, dict) or not isinstance(column.get("name"), str):
            raise DataError(f"{source}: columns.{i}: must be a mapping with a name")
        if column["name"] in columns:
            raise DataError(f"{source}: column {column['name']!r}: declared more than once")
        # A spec leaves out values that are defaults; a declaration would have them inferred.
        defaults: dict[str, Any] = {} if is_published else {"missing": False}
        if column.get("kind") == "categorical" and not is_published:
            defaults |= {"ordered": False, "levels": ()}
        if column.get("kind") == "identifier":
            defaults |= {"fill": "drop"}
        # The source of identifiers is learnt from the table again.
        left_out = ("name", "made_of", *((*OF_THE_ROWS, "levels") if is_published else ()))
        properties = {key: value for key, value in column.items() if key not in left_out}
        columns[column["name"]] = {**defaults, **properties}
    rules = {"find": is_published, "add": () if is_published else mapping.get("rules", ())}
    # How many rows share its values is counted again.
    kept = {key: value for key, value in mapping.items() if key != "min_rows"}
    return {"others": "drop", **kept, "columns": columns, "rules": rules}
