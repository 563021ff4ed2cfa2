"""Keys of a declared column, and the kinds of column that they are for."""

from typing import Any, get_args

from tabvae_ray.table.values.spec_types import Kind

__all__ = ["KINDS_OF_KEYS", "possible_kinds"]

_TRUTH_DTYPES = ("bool", "boolean", "bool[pyarrow]")

# The kinds of column that have a key.
KINDS_OF_KEYS: dict[str, tuple[Kind, ...]] = {
    "fill": ("identifier",),
    "pattern": ("identifier",),
    "generator": ("identifier",),
    "format": ("datetime", "continuous", "categorical"),
    "timezone": ("datetime",),
    "step": ("datetime", "continuous"),
    "clock": ("datetime",),
    "weekdays": ("datetime",),
    "days": ("datetime",),
    "categories": ("categorical",),
    "ordered": ("categorical",),
    "levels": ("categorical",),
    "levels_dtype": ("categorical",),
    "rare_label": ("categorical",),
    "decimals": ("continuous",),
    "digits": ("continuous",),
    "unit": ("continuous",),
    "minimum": ("continuous", "datetime"),
    "maximum": ("continuous", "datetime"),
}


def possible_kinds(mapping: dict[str, Any]) -> set[Kind]:
    """Return the kinds of columns that have all keys of a declaration without a kind."""
    given = {key: value for key, value in mapping.items() if value is not None}
    kinds = (KINDS_OF_KEYS[key] for key in KINDS_OF_KEYS.keys() & given)
    possible: set[Kind] = {*get_args(Kind)}.intersection(*kinds)
    written, dtype = given.get("format"), given.get("dtype")
    if dtype in _TRUTH_DTYPES:
        return possible & {"categorical"}
    if isinstance(written, str):
        suited: set[Kind] = {"continuous", "categorical"} if "{" in written else {"datetime"}
        # Numbers in a format are amounts, unless another key is for categories.
        possible &= suited - ({"categorical"} if "continuous" in possible else set())
    if isinstance(dtype, str) and dtype.startswith("datetime64"):
        possible &= {"datetime"}
    return possible
