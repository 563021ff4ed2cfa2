"""Values as text for people: parameter values, documents."""

import json
from typing import Any

__all__ = ["json_text", "value_text"]


def value_text(value: Any) -> str:
    """Return the value of a parameter; four digits of a float."""
    return f"{value:.4g}" if isinstance(value, float) else json_text(value, indent=None).strip('"')


def json_text(document: Any, *, indent: int | None = 1) -> str:
    """Return a document as JSON for people to read."""
    return json.dumps(document, indent=indent, ensure_ascii=False)
