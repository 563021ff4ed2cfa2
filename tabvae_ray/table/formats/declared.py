"""Check of a format that a spec declares."""

import re

from tabvae_ray.errors import brief
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.truth_words import parse_truth_format
from tabvae_ray.table.values.spec_types import Kind

__all__ = ["format_error", "is_format"]


def format_error(written: str, kind: Kind) -> str | None:
    """Return a line that says what a format of a column must be, None if it is one.

    Args:
        written: The format.
        kind: Kind of the column.
    """
    if kind == "identifier":
        return None
    if kind == "datetime":
        is_known, example = is_format(written), "%d/%m/%Y"
    else:
        is_known, example = NumberFormat.parse(written) is not None, "${:,.2f}"
        if kind == "categorical" and parse_truth_format(written) is not None:
            return None
    return None if is_known else f"format: must be one such as {example}, but got {brief(written)}"


def is_format(written: str) -> bool:
    """Return True for a format of moments that reads what it writes."""
    # Other declarations are checked without pandas, which is slow to import.
    import pandas as pd

    from tabvae_ray.table.formats.clock import is_clock
    from tabvae_ray.table.formats.spelling import UNIX_UNITS, parsed, spelled

    if is_clock(written) or written in UNIX_UNITS:
        return True
    moment = pd.Series([pd.Timestamp("2001-02-03 04:05:06", tz="UTC")])
    try:
        return "%" in written and bool(parsed(spelled(moment, written), written).notna().all())
    except (ValueError, TypeError, OverflowError, re.error):
        return False
