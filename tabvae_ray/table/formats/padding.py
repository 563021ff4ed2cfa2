"""Spaces around the cells of a CSV column, as in files with columns of a fixed width.

A padding is a template with ``{}`` for the value: ``" {}"`` has a space before it, ``{:>8}`` fills
it with spaces on the left to a width of 8, ``{:<8}`` on the right.
"""

import re
from collections.abc import Sequence

import pandas as pd

__all__ = ["find_padding", "is_padding", "padded"]

_TEMPLATE = re.compile(r" {0,99}\{(:[<>]\d{1,3})?\} {0,99}")


def is_padding(text: str) -> bool:
    """Return True if a text, which may come from a stranger, is a padding."""
    return _TEMPLATE.fullmatch(text) is not None


def find_padding(texts: Sequence[str]) -> str | None:
    """Return the padding that all texts have, None if they have none or several.

    Args:
        texts: The different texts of a column. Those of spaces alone are not looked at.
    """
    shown = [text for text in texts if text.strip(" ")]
    if not any(text[0] == " " or text[-1] == " " for text in shown):
        return None
    before = min(len(text) - len(text.lstrip(" ")) for text in shown)
    after = min(len(text) - len(text.rstrip(" ")) for text in shown)
    # Longer texts have no spaces to spare.
    width = min(map(len, shown))
    for first, last, align in (
        *((before, after, ""), (0, after, ">"), (before, 0, "<")),
        *((before, after, ">"), (before, after, "<")),
    ):
        inside = f"{{:{align}{width - first - last}}}" if align else "{}"
        made = f"{' ' * first}{inside}{' ' * last}"
        if width < 1000 and all(made.format(text.strip(" ")) == text for text in shown):
            return made if is_padding(made) else None
    return None


def padded(texts: pd.Series, padding: str) -> pd.Series:
    """Return values as text with spaces around them; missing ones stay missing."""
    return texts.map(lambda value: padding.format(str(value)), na_action="ignore")
