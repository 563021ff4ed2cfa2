"""Choose the likely one of several readings of dates."""

import numpy as np
import pandas as pd

from tabvae_ray.table.values.days import find_days
from tabvae_ray.table.values.spec_types import OF_MONTH

__all__ = ["likely_format"]

# Fewer dates, or times of day, may be in order, or close together, by chance.
_FEWEST = 10


def likely_format(fits: dict[str, pd.Series], texts: pd.Series) -> str | None:
    """Return the format in which moments look as if they were meant so, None if none does.

    In one alone all are the same day of their months, or the rows are in the order of time, but
    not of text, or, with many times of day, the moments are close together: what happens does so
    on more days of March than on the third of each month.

    Args:
        fits: The moments that different texts are, by format.
        texts: The texts, in the order of rows.
    """
    # Of a table that is sorted by text, the order says nothing.
    by_text = texts.is_monotonic_increasing or texts.is_monotonic_decreasing
    tests: list[list[str]] = [
        [written for written, days in fits.items() if _are_days_of_months(days)],
        [written for written, days in fits.items() if not by_text and _are_in_order(days)],
    ]
    spans = {written: days.max() - days.min() for written, days in fits.items()}
    times = {days.dt.time.nunique() for days in fits.values()}
    if min(times) >= _FEWEST:
        shortest = 2 * min(spans.values())
        tests.append([written for written, span in spans.items() if span <= shortest])
    return next((found[0] for found in tests if len(found) == 1), None)


def _are_in_order(moments: pd.Series) -> bool:
    """Return True if enough moments rise, or fall, from row to row."""
    is_sorted = moments.is_monotonic_increasing or moments.is_monotonic_decreasing
    return len(moments) >= _FEWEST and is_sorted


def _are_days_of_months(moments: pd.Series) -> bool:
    """Return True for the first of some months, and for another day of months of several years."""
    days = moments.dt.tz_localize(None).to_numpy("M8[D]").astype(np.int64)
    name = find_days(days, 1, 1) or ""
    several = name == "1 of month" or moments.dt.year.nunique() > 1
    return several and OF_MONTH.fullmatch(name) is not None
