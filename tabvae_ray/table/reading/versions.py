"""Columns of a CSV file whose numbers are names, such as the versions 1.2, 1.9 and 1.10."""

import pandas as pd

from tabvae_ray.table.formats.numeral_finding import find_number_format, is_default
from tabvae_ray.table.reading.cells import Cells
from tabvae_ray.table.reading.hints import Say

__all__ = ["are_versions", "may_be_versions"]

# Numbers of more different texts are amounts, of which some happen to end in a zero.
_MOST_VERSIONS = 20
# So often, on average, each of them must stand in the column.
_MEAN_COUNT = 5


def may_be_versions(plain: pd.Series) -> bool:
    """Return True for decimals of which few differ.

    Args:
        plain: The column as pandas reads it.
    """
    return bool(pd.api.types.is_float_dtype(plain.dtype)) and plain.nunique() <= _MOST_VERSIONS


def are_versions(cells: Cells, say: Say) -> bool:
    """Return True if zeros at the end tell numbers apart, or are written for some alone; say so.

    Numbers as text would lose these zeros.

    Args:
        cells: The cells.
        say: Called with a warning.
    """
    rest = ~cells.are_null_words & ~cells.are_blank
    if not rest.any() or not (cells.match(r"^\d+(\.\d+)?$") | ~rest).all():
        return False
    texts = cells.words(rest)
    if len(texts) > _MOST_VERSIONS or cells.count(rest) < _MEAN_COUNT * len(texts):
        return False
    with_zero = [text for text in texts if "." in text and text.endswith("0")]
    if not with_zero or is_default(texts, whole=False) or find_number_format(texts) is not None:
        return False
    # Some programs write whole numbers so, and some write them both ways.
    if all("." not in text or text.endswith(".0") for text in texts):
        return False
    other = next((text for text in texts if text not in with_zero), texts[-1])
    say(
        f"its numbers have no single form, such as {with_zero[0]} and {other}, so they are read as "
        "text; declare kind continuous in the spec if they are amounts"
    )
    return True
