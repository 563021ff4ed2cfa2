"""Search for the format in which a column writes its dates."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.errors import warn
from tabvae_ray.table.formats.clock import clock_format
from tabvae_ray.table.formats.date_shapes import (
    DATES,
    ISO,
    PERIODS,
    SHORT_YEARS,
    Shapes,
    as_spelled,
    time_format,
)
from tabvae_ray.table.formats.month_names import english, find_names
from tabvae_ray.table.formats.spelling import UNIX_UNITS, parsed, readable, spelled
from tabvae_ray.table.values.likely_dates import likely_format

__all__ = [
    "ROWS_OF_PERIODS",
    "candidate_formats",
    "find_formats",
    "format_hint",
    "iso_format",
    "look_like_days",
    "possible_formats",
]

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# So many distinct texts decide on the spelling; all of them must be dates.
_SPELLED = 10_000
_SHAPES = 3
# Fewer digits or two-digit years than this may be days by chance.
_FEWEST_DAYS = 10
_MOST_ODD = 0.01
# Months, quarters and weeks that more rows share, on average, are categories.
ROWS_OF_PERIODS = 20
# Moments that numbers since 1970 are taken for: 2000 to 2034, in seconds. They span a day or more.
_UNIX_SPAN = (946_684_800, 2_051_222_400)
_DAY_SECONDS = 86_400
# Formats of digits, and by how much they exceed months.
_DIGITS = (("%Y%m", 1), ("%Y%m%d", 100), ("%Y%m%d%H%M", 10**6), ("%Y%m%d%H%M%S", 10**8))
# Day and month before a year, and what separates them.
_DAY_ORDER = re.compile(r"(%[dm](.?)%[dm])\2%[Yy]")


class _Readings(NamedTuple):
    """Formats in which all texts of a column are dates.

    Those in ``formats`` mean different days. Those in ``same`` mean the same days as one of them,
    with day and month swapped, as of 03/03/2024. The first is only the default if several fit and
    nothing in the column speaks for one; otherwise it is evidence for other columns.
    """

    formats: list[str]
    same: list[str]
    is_default: bool


def find_formats(
    columns: Mapping[str, pd.Series],
    source: str,
    *,
    dates: Collection[str] = (),
    declared: Iterable[str] = (),
) -> dict[str, str]:
    """Find the formats in which all texts of columns are dates; warn of columns that two fit.

    Where nothing in a column says whether the day or the month comes first, it is as in the others
    with the same separator, if these agree. ISO 8601 is left to :func:`iso_format`.

    Args:
        columns: Columns of a table.
        source: Name of the table in warnings.
        dates: Names of columns of which the user says that they have dates. One that two formats
            fit has none.
        declared: Formats of other columns.
    """
    readings = {name: _readings(columns[name], is_date=name in dates) for name in columns}
    told = [read.formats[0] for read in readings.values() if read.formats and not read.is_default]
    orders = {_day_order(written) for written in (*told, *declared)} - {None}
    found = {}
    for name, (formats, same, is_default) in readings.items():
        if not formats or (name in dates and len(formats) > 1):
            continue
        likely = [*formats, *same]
        if is_default:
            # The first stays so where the other columns have both orders, or none.
            likely.sort(key=lambda written: _day_order(written) not in orders)
        where = f"{source}: column {name!r}"
        if name not in dates:
            _say_if_spelled_otherwise(columns[name], likely[0], where)
        if len(formats) == 1 or _takes_likely(likely, where):
            found[name] = likely[0]
    return found


def possible_formats(values: pd.Series, *, is_date: bool = False) -> list[str]:
    """Return the formats in which all texts of a column are dates, if they mean other days.

    The first is the likely one, see :func:`likely_format`. Text of times of day or of durations
    has one format.

    Args:
        values: A column.
        is_date: Whether the user says that it has dates; otherwise seasons, and months, quarters
            and weeks that many rows share have no format.
    """
    return _readings(values, is_date=is_date).formats


def _readings(values: pd.Series, *, is_date: bool) -> _Readings:
    texts, none = _distinct(values), _Readings([], [], is_default=False)
    if texts is None:
        return none
    if (clock := clock_format(texts)) is not None:
        return _Readings([clock], [], is_default=False)
    sample = texts.head(_SPELLED)
    usual, short = _candidates(sample, DATES), _candidates(sample, SHORT_YEARS)
    kinds = [usual, short, _named(sample, DATES + SHORT_YEARS)]
    are_many = _FEWEST_DAYS <= len(texts) and values.count() < ROWS_OF_PERIODS * len(texts)
    if is_date or are_many:
        kinds += [_candidates(sample, PERIODS), _named(sample, PERIODS)]
    for candidates in kinds:
        fits: dict[str, pd.Series] = {}
        same: list[str] = []
        for written in dict.fromkeys(candidates):
            days = _days(texts, written)
            if days is None or (not is_date and _are_seasons(days, written)):
                continue
            twin = next((known for known, other in fits.items() if days.equals(other)), None)
            if twin is None:
                fits[written] = days
            elif _day_order(twin) != _day_order(written):
                same.append(written)
        if not fits:
            continue
        first = next(iter(fits))
        if "%Y" not in first and len(texts) < _FEWEST_DAYS:
            return none
        likely = likely_format(fits, texts) if len(fits) > 1 else None
        is_default = likely is None and len(fits) + len(same) > 1
        return _Readings([*dict.fromkeys([likely or first, *fits])], same, is_default)
    return none


def _day_order(written: str) -> str | None:
    """Return the day and the month of a format, such as ``%d/%m``; None if a year is before."""
    found = _DAY_ORDER.search(readable(written))
    return None if found is None else found[1]


def _takes_likely(formats: list[str], where: str) -> bool:
    """Return True if a column is read in the first of several formats; warn that it is, or not."""
    names = [readable(written) for written in formats]
    if "%Y" in names[0]:
        warn(
            f"{where}: its dates fit {names[0]} and {names[1]}, and {names[0]} is taken; declare "
            "the format in the spec if it is the other"
        )
        return True
    warn(
        f"{where}: its text looks like dates in one of the formats {', '.join(names)}, but is "
        f"taken for text; declare {{kind: datetime, format: '{names[0]}'}} in the spec"
    )
    return False


def iso_format(texts: pd.Series, moments: pd.Series) -> str | None:
    """Find the format of text in ISO 8601, such as ``%Y-%m-%dT%H:%M:%SZ``.

    Args:
        texts: The text, and missing values.
        moments: Its moments.

    Returns:
        The format that gives the texts again, or most of them and all moments; None if none does.
    """
    known = texts.notna()
    sample = pd.DataFrame({"text": texts[known].astype(object), "moment": moments[known]})
    sample = sample.drop_duplicates("text").head(_SPELLED).reset_index(drop=True)
    best: tuple[float, str] | None = None
    for written in dict.fromkeys(_candidates(sample["text"], ISO)):
        again = spelled(sample["moment"], written)
        share = float((again == sample["text"]).mean())
        if share < 1 - _MOST_ODD:
            same = parsed(again, written, strict=False) == sample["moment"]
            if float(same.mean()) < 1 - _MOST_ODD:
                continue
        if best is None or share > best[0]:
            best = share, written
    return None if best is None else best[1]


def candidate_formats(sample: pd.Series) -> Iterator[str]:
    """Yield the formats that the most frequent shapes of some different texts suggest."""
    dates = DATES + SHORT_YEARS + PERIODS
    yield from dict.fromkeys((*_candidates(sample, dates), *_named(sample, dates)))


def look_like_days(values: pd.Series) -> bool:
    """Return True for numbers that are all days from 1900 to 2100, such as 20240305.

    A time may follow, as in 20240305123000, or the day may be left out, as in 202403, unless many
    rows share a month.
    """
    whole = _integers(values)
    if whole is None or not len(whole):
        return False
    for written, factor in _DIGITS:
        if ((whole >= 1900_01 * factor) & (whole < 2101_01 * factor)).all():
            distinct = np.unique(whole)
            if written == "%Y%m" and len(whole) >= ROWS_OF_PERIODS * len(distinct):
                return False
            return len(distinct) >= _FEWEST_DAYS and bool(_are_days(distinct, written).all())
    return False


def format_hint(values: pd.Series) -> str | None:
    """Return the format of numbers that look like moments, None for other values.

    The numbers count from 1970, or nearly all of them are digits such as 20240305.
    """
    whole = _integers(values)
    if whole is None or len(np.unique(whole)) < _FEWEST_DAYS:
        return None
    for name, per_second in zip(UNIX_UNITS, (1, 10**3, 10**6, 10**9), strict=True):
        low, high = (end * per_second for end in _UNIX_SPAN)
        spans_a_day = int(whole.max()) - int(whole.min()) >= _DAY_SECONDS * per_second
        if low <= whole.min() and whole.max() <= high and spans_a_day:
            return name
    for written, factor in _DIGITS:
        inside = (whole >= 1900_01 * factor) & (whole < 2101_01 * factor)
        if inside.mean() >= 0.9 and _are_days(whole[inside], written).mean() > 0.95:
            return written
    return None


def _are_days(whole: Integers, written: str) -> Mask:
    days = pd.to_datetime(pd.Series(whole.astype(str)), format=written, errors="coerce")
    mask: Mask = days.notna().to_numpy()
    return mask


def _say_if_spelled_otherwise(values: pd.Series, written: str, where: str) -> None:
    """Warn if more than a few dates are not written as synthetic ones will be."""
    texts = pd.Series(values.dropna().unique()[:_SPELLED], dtype=object)
    made = spelled(parsed(texts, written), written)
    others = (made != texts).to_numpy()
    if others.mean() > _MOST_ODD:
        warn(
            f"{where}: some of its dates are written like {texts[others].iloc[0]!r}, and synthetic "
            f"ones are written like {made[others].iloc[0]!r}"
        )


def _integers(values: pd.Series) -> Integers | None:
    """Return the present values as int64, None if one is no whole number below 2**62."""
    types, dtype = pd.api.types, values.dtype
    if not types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        return None
    if types.is_complex_dtype(dtype):
        return None
    present = values.dropna()
    numbers = present.to_numpy(np.float64)
    if len(numbers) == 0 or not (np.abs(numbers) < 2.0**62).all():
        return None
    if types.is_integer_dtype(dtype):
        return present.to_numpy(np.int64)
    return None if (np.rint(numbers) != numbers).any() else numbers.astype(np.int64)


def _distinct(values: pd.Series) -> pd.Series | None:
    """Return the distinct texts of a column, None if it does not hold text alone."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return None
    if pd.api.types.infer_dtype(values, skipna=True) != "string":
        return None
    return pd.Series(values.dropna().unique()).astype(object)


def _days(texts: pd.Series, written: str) -> pd.Series | None:
    """Return the moments of texts in a format, None if one is not in it."""
    try:
        moments = parsed(texts, written)
    except (ValueError, TypeError, OverflowError):
        return None
    if re.match("%[Ymd]%[Ymd]", written) or "%d" not in readable(written):
        # Other digits are days, or months, by chance.
        years = moments.dt.year
        if len(texts) < _FEWEST_DAYS or not years.between(1900, 2100).all():
            return None
    return moments


def _are_seasons(months: pd.Series, written: str) -> bool:
    """Return True if all months are a year and the next one, such as 2004-05 and 2011-12."""
    if readable(written) not in ("%Y-%m", "%Y/%m"):
        return False
    return bool((months.dt.month == (months.dt.year + 1) % 100).all())


def _candidates(sample: pd.Series, dates: Shapes) -> Iterator[str]:
    """Yield formats that the most frequent shapes of text suggest."""
    shapes = sample.str.replace(r"\d", "0", regex=True)
    for shape in shapes.value_counts().index[:_SHAPES]:
        text = sample[(shapes == shape).to_numpy()].iloc[0]
        for pattern, formats in dates:
            found = pattern.match(text)
            time = None if found is None else time_format(text[found.end() :], sample)
            if time is not None:
                yield from (as_spelled(date + time, sample.tolist()) for date in formats)


def _named(sample: pd.Series, dates: Shapes) -> Iterator[str]:
    """Yield formats of dates with months in other words than the usual directives have."""
    parts = find_names(sample)
    if not parts:
        return
    months, *days = parts
    # A weekday stands before the date.
    between = re.sub(r"^[^\d\s,]+|\d.*", "", sample.iloc[0]) if days else ""
    before = "".join((*days, between))
    plain = english(sample, f"{before}{months}").str.removeprefix(between)
    for written in _candidates(plain, dates):
        yield before + re.sub(r"%\^?b", months, written)
