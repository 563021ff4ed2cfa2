"""Columns in which nearly all cells are dates or times, and the cells that are not."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from tabvae_ray.table.formats.clock import CLOCK, clock_moments
from tabvae_ray.table.formats.finding import ROWS_OF_PERIODS, candidate_formats
from tabvae_ray.table.formats.spelling import parsed
from tabvae_ray.table.reading.cells import Cells, Mask

__all__ = ["are_odd", "days_among", "moments_among"]

_MOMENT = (
    r"^\d{4}[./-]\d{1,2}[./-]\d{1,2}([T, -].*)?$"
    r"|^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}([T ].*)?$|^\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}( .*)?$"
    r"|^[A-Za-z]{3,9} \d{1,2}(st|nd|rd|th)?,? \d{4}( .*)?$|^\d{4}年\d{1,2}月\d{1,2}日"
    r"|^\d{1,2}(st|nd|rd|th) [A-Za-z]{3,9} \d{4}( .*)?$"
    r"|^\d{1,2}:[\d:]+ \d{1,2}[./]\d{1,2}[./]\d{4}$"
    r"|^\d{1,2}[A-Za-z]{3}\d{4}([: ].*)?$"
    r"|^(\p{L}{2,10}\.?,? )?\d{1,2}([. /-]|\. | de )\p{L}{3,10}\.?([. /-]| del? )\d{2,4}([ ,T].*)?$"
    r"|^[A-Z][a-z]{2,8},? (\d{1,2} [A-Z][a-z]{2,8}|[A-Z][a-z]{2,8}  ?\d{1,2}),? \d{4}( .*)?$"
)
_PERIOD = (
    r"^\d{4}[/-]\d{1,2}$|^\d{1,2}[./-]\d{4}$|^\p{L}{3,10}[. -]+\d{2,4}$|^\d{4}-\p{L}{3}$"
    r"|^\d{4}[ -]?Q[1-4]$|^Q[1-4][ /-]\d{4}$|^\d{4}-?W\d{2}$"
)
# Digits without separators, and their formats.
_DIGITS = {
    r"^(19|20)\d{4}(\.0)?$": "%Y%m",
    r"^(19|20)\d{6}(\.0)?$": "%Y%m%d",
    r"^(19|20)\d{10}(\.0)?$": "%Y%m%d%H%M",
    r"^(19|20)\d{12}(\.0)?$": "%Y%m%d%H%M%S",
}

# In a smaller share than the first, odd cells are of any kind; up to the second, they are few
# different words, and up to the third, placeholders such as 0000-00-00 and --:--.
_ODD_SHARE, _WORD_SHARE, _PLACEHOLDER_SHARE = 0.01, 0.1, 0.5
_MOST_ODD, _MOST_PLACEHOLDERS = 1000, 5
# Fewer different dates than this, beside other text, are categories.
_FEWEST_DATES = 10
# So many different texts suggest formats.
_SAMPLE = 10_000


def moments_among(cells: Cells, rest: Mask, written: str | None = None) -> tuple[Mask, str]:
    """Return which cells of a column are dates or times, and which of both words they are.

    Text that only looks like a date, such as 31.02.2024, is one of them where not nearly all
    cells are dates in one format.

    Args:
        cells: The cells.
        rest: The cells that are not missing.
        written: Declared format of the column; None if it is to be found.
    """
    times = cells.match(CLOCK) & rest
    periods = cells.match(_PERIOD) & rest
    looks = times | (cells.match(_MOMENT) & rest)
    if _are_many(cells, periods):
        looks = looks | periods
    noun = "times" if times.any() and (times == looks).all() else "dates"
    total = cells.count(rest)
    if not total or (written is None and cells.count(looks) < (1 - _PLACEHOLDER_SHARE) * total):
        return looks, noun
    read = _read(cells, looks, rest, written)
    if read is None or not ((read == rest).all() or are_odd(cells, read, rest & ~read)):
        return looks, noun
    return read, noun


def are_odd(cells: Cells, fits: Mask, odd: Mask) -> bool:
    """Return True if the cells that are no dates are so few that they are taken for missing."""
    n_odd, total = cells.count(odd), cells.count(odd | fits)
    if int(fits.sum()) <= _FEWEST_DATES or int(odd.sum()) > _MOST_ODD:
        return False
    if n_odd <= _ODD_SHARE * total:
        return True
    if int(odd.sum()) > _MOST_PLACEHOLDERS or bool((cells.match("[1-8]") & odd).any()):
        return False
    are_empty = not bool((~cells.match(r"^[09.:/_ ?-]+$") & odd).any())
    return n_odd <= (_PLACEHOLDER_SHARE if are_empty else _WORD_SHARE) * total


def days_among(cells: Cells, rest: Mask) -> Mask | None:
    """Return the cells that are digits such as 20240305, None if not nearly all are days."""
    for pattern, written in _DIGITS.items():
        looks = cells.match(pattern) & rest
        if written == "%Y%m" and not _are_many(cells, looks):
            continue
        if cells.count(looks) < max(1, (1 - _PLACEHOLDER_SHARE) * cells.count(rest)):
            continue
        # pandas writes integers so where others are missing.
        are_floats = bool((cells.match(r"\.0$") & looks).any())
        read = _read(cells, looks, looks, f"{written}.0" if are_floats else written)
        if read is not None and ((read == rest).all() or are_odd(cells, read, rest & ~read)):
            return read
    return None


def _are_many(cells: Cells, periods: Mask) -> bool:
    """Return True for so many different months, quarters or weeks that they are no categories."""
    n_distinct = int(periods.sum())
    return n_distinct >= _FEWEST_DATES and cells.count(periods) < ROWS_OF_PERIODS * n_distinct


def _read(cells: Cells, looks: Mask, rest: Mask, written: str | None) -> Mask | None:
    """Return the cells that are moments in the format in which most of them are."""
    places = np.flatnonzero(rest)
    texts = pd.Series(cells.distinct.to_pylist(), dtype=object)[places]
    readers: list[Callable[[pd.Series], pd.Series]] = []
    if written is None:
        if (cells.match(r"^\d{4}-\d{2}-\d{2}") & looks).any():
            readers.append(_in_iso)
        if (cells.match(CLOCK) & looks).any():
            readers.append(partial(clock_moments, strict=False))
        sample = pd.Series(cells.words(looks)[:_SAMPLE], dtype=object)
        formats = list(candidate_formats(sample))
    else:
        formats = [written]
    readers += [partial(parsed, written=each, strict=False) for each in formats]
    best = np.zeros(len(rest), dtype=bool)
    for read in readers:
        try:
            known = read(texts).notna().to_numpy(bool)
        except (ValueError, TypeError, OverflowError):
            continue
        mask = np.zeros(len(rest), dtype=bool)
        mask[places] = known
        if cells.count(mask) > cells.count(best):
            best = mask
    return best if best.any() else None


def _in_iso(texts: pd.Series) -> pd.Series:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
