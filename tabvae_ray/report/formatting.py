"""Values as text for people: epochs, parameter values, documents."""

import json
from typing import Any

__all__ = ["epochs", "json_text", "value_text"]


def epochs(n: int) -> str:
    """Return a count of epochs: ``1 epoch``, ``2 epochs``."""
    return f"{n} epoch" if n == 1 else f"{n} epochs"


def value_text(value: Any) -> str:
    """Return the value of a parameter; four digits of a float."""
    return f"{value:.4g}" if isinstance(value, float) else json_text(value, indent=None).strip('"')


def json_text(document: Any, *, indent: int | None = 1) -> str:
    """Return a document as JSON for people to read."""
    return json.dumps(document, indent=indent, ensure_ascii=False)
