"""Read and write JSON and YAML documents, within bounds."""

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tabvae_ray.storage import Location

__all__ = ["plain", "read_json", "validation_messages"]


# Nothing that a search writes is nested any deeper.
_MAX_DEPTH = 32


def plain(value: Any) -> Any:
    """The value for JSON: NaN and infinities become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def read_json(file: Location) -> Any:
    """A document that a search has written.

    Raises:
        ValueError: If it is not JSON, or is nested deeper than anything that a search writes.
    """
    try:
        document = json.loads(file.read_bytes())
    except RecursionError:
        document = None
        depth = math.inf
    else:
        depth = _depth(document)
    if depth > _MAX_DEPTH:
        raise ValueError(f"it must be nested at most {_MAX_DEPTH} deep")
    return document


def _depth(document: Any) -> int:
    """How deep it is nested; no further than is too deep already."""
    depth, level = 0, [document]
    while depth <= _MAX_DEPTH:
        inner = [
            item.values() if isinstance(item, dict) else item
            for item in level
            if isinstance(item, dict | list)
        ]
        level = [item for items in inner for item in items]
        if not inner:
            break
        depth += 1
    return depth


def validation_messages(error: ValidationError) -> list[str]:
    """One line per broken rule: dotted name, rule, value."""
    lines = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"]) or "(top level)"
        if item["type"] == "extra_forbidden":
            lines.append(f"{name}: no such key")
        else:
            rule = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            if item["type"] in ("model_type", "model_attributes_type", "dict_type"):
                rule = "a mapping"
            lines.append(f"{name}: must be {rule}, but got {item['input']!r}")
    return lines
