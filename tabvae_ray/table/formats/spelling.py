"""Reading and writing of moments in a format.

A format is one of ``strptime`` with a few additions: ``%-d`` has no leading zero, ``%e`` is a day
with a space in place of the zero, ``%^b`` is in capitals, ``%P`` is am or pm in small letters,
``%3f`` is a fraction of 3 digits, ``%:z`` is an offset such as +01:00 and ``%:::z`` one such as
+01. A ``Z`` at the end stands for UTC. ``%o`` is the end of an ordinal, as in 3rd, and ``%q`` the
number of a quarter; a week, as in ``%G-W%V``, stands for its Monday. Names of months may stand in
brackets, see :mod:`tabvae_ray.table.formats.month_names`. Numbers that count from 1970 have one of
the formats ``unix_s``, ``unix_ms``, ``unix_us`` and ``unix_ns``. Those of times of day and
durations are in :mod:`tabvae_ray.table.formats.clock`.
"""

import re

import numpy as np
import pandas as pd

from tabvae_ray.table.formats.clock import clock_moments, clock_texts, is_clock
from tabvae_ray.table.formats.month_names import NAMES, english, in_english, named
from tabvae_ray.table.formats.zones import in_zone_of_offsets, wall_clock

__all__ = ["UNIX_UNITS", "date_part", "has_time", "has_zone", "parsed", "readable", "spelled"]

UNIX_UNITS = {"unix_s": "s", "unix_ms": "ms", "unix_us": "us", "unix_ns": "ns"}

_FRACTION = re.compile(r"%(\d?)f")
_PARTS = re.compile(rf"(%\d?f|%:*z|%[qo]|{NAMES.pattern})")
# Where the digits are in ISO 8601.
_PLACES = {
    "%Y": slice(0, 4), "%m": slice(5, 7), "%d": slice(8, 10),
    "%H": slice(11, 13), "%M": slice(14, 16), "%S": slice(17, 19),
}  # fmt: skip
_ORDINALS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
_DIGITS = re.compile(r"(%[YmdHMS]|[^%])+")
_COLON_OFFSET = re.compile(r"%(:+)z")
_TIME = re.compile(r"[T ,:]*%-?[HI]")


def readable(written: str) -> str:
    """Return a format as pandas reads it."""
    if written.endswith("Z"):
        written = f"{written[:-1]}%z"
    written = _FRACTION.sub("%f", _COLON_OFFSET.sub("%z", written))
    written = in_english(written).replace("%e", "%d").replace("%o", "")
    return written.replace("%-", "%").replace("%^", "%").replace("%P", "%p")


def has_time(written: str) -> bool:
    """Return True if a format has a time of the day."""
    return written in UNIX_UNITS or "%H" in readable(written) or "%I" in readable(written)


def has_zone(written: str) -> bool:
    """Return True if text in a format says its offset from UTC."""
    return "%z" in readable(written)


def date_part(written: str) -> str:
    """Return the part of a format before the time of the day."""
    found = _TIME.search(written)
    return written if found is None else written[: found.start()]


def parsed(values: pd.Series, written: str, *, strict: bool = True) -> pd.Series:
    """Read text or numbers as moments in a format.

    Moments of different offsets get the time zone that has them, or UTC. Numbers since 1970 have no
    time zone.

    Args:
        values: Text, or numbers such as 20240305.
        written: The format.
        strict: Whether to raise an error for a cell in another format; otherwise it is missing.

    Raises:
        ValueError: If a cell is not in the format.
    """
    if written in UNIX_UNITS:
        return _since_1970(values, UNIX_UNITS[written], strict=strict)
    if is_clock(written):
        return clock_moments(values, strict=strict)
    if pd.api.types.is_numeric_dtype(values.dtype):
        values = _whole(values, strict=strict).astype("string").astype(object)
        values = values.where(values.notna(), None)
    if not has_zone(written):
        return _moments(values, written, strict=strict)
    try:
        return _moments(values, written, strict=strict)
    except (ValueError, TypeError):
        moments = _moments(values, written, strict=strict, utc=True)
        return in_zone_of_offsets(values, moments) if strict else moments


def spelled(moments: pd.Series, written: str) -> pd.Series:
    """Write moments in a format, as text or as ``Int64``; missing ones stay missing."""
    if written in UNIX_UNITS:
        ticks = _in_utc(moments).to_numpy().astype(f"M8[{UNIX_UNITS[written]}]").view(np.int64)
        return pd.Series(pd.array(ticks, dtype="Int64"), index=moments.index).mask(moments.isna())
    codes, distinct = pd.factorize(moments)
    different = pd.Series(distinct)
    if written.endswith("Z") or (has_zone(written) and different.dt.tz is None):
        different = _in_utc(different).dt.tz_localize("UTC")
    write = clock_texts if is_clock(written) else _text
    texts = [*(write(different, written) if len(different) else ()), None]
    return pd.Series([texts[code] for code in codes], index=moments.index, dtype=object)


def _moments(values: pd.Series, written: str, *, strict: bool, utc: bool = False) -> pd.Series:
    plain = readable(written)
    if NAMES.search(written):
        values = english(values, written)
    if "%o" in written:
        values = values.astype("str").str.replace(r"(?<=\d)(st|nd|rd|th)\b", "", regex=True)
    if "%q" in plain:
        values, plain = _months_of_quarters(values, plain), plain.replace("%q", "%m")
    if "%V" in plain:
        # A week stands for its Monday.
        values, plain = values.astype(object) + " 1", f"{plain} %u"
    if strict:
        return pd.to_datetime(values, format=plain, utc=utc)
    return pd.to_datetime(values, format=plain, utc=utc, errors="coerce")


def _months_of_quarters(values: pd.Series, plain: str) -> pd.Series:
    """Return text with the first month of each quarter in its place."""
    before, _, after = (re.escape(part).replace("%Y", r"\d{4}") for part in plain.partition("%q"))
    pattern = re.compile(f"({before})([1-4])({after})")
    return values.astype(object).map(
        lambda text: pattern.sub(lambda part: f"{part[1]}{3 * int(part[2]) - 2:02}{part[3]}", text),
        na_action="ignore",
    )


def _text(moments: pd.Series, written: str) -> list[str]:
    naive = wall_clock(moments)
    texts = [""] * len(moments)
    for part in _PARTS.split(written):
        if part:
            texts = list(map(str.__add__, texts, _part(moments, naive, part)))
    return texts


def _part(moments: pd.Series, naive: pd.Series, part: str) -> list[str]:
    """Write a part of a format: a fraction, names, an offset, digits, or anything else."""
    if fraction := _FRACTION.fullmatch(part):
        digits = int(fraction[1] or 6)
        whole = naive.dt.microsecond.astype("int64") * 1000 + naive.dt.nanosecond
        return [f"{number:0{digits}}" for number in (whole // 10 ** (9 - digits)).tolist()]
    if part == "%o":
        return [_ORDINALS.get(day, "th") for day in naive.dt.day]
    if part == "%q":
        return [str(quarter) for quarter in naive.dt.quarter]
    if NAMES.fullmatch(part):
        return named(naive, part)
    if part.endswith("z") and part.startswith("%"):
        seconds = (naive - _in_utc(moments)).dt.total_seconds().astype("int64").tolist()
        known = {offset: _offset(offset // 60, part.count(":")) for offset in set(seconds)}
        return [known[offset] for offset in seconds]
    if _DIGITS.fullmatch(part) and naive.dt.year.between(0, 9999).all():
        return _plain_digits(naive, part)
    return [str(text) for text in naive.dt.strftime(part)]


def _offset(minutes: int, colons: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    text = f"{'-' if minutes < 0 else '+'}{hours:02}"
    if colons == 3 and not rest:
        return text
    return f"{text}{':' * (colons > 0)}{rest:02}"


def _plain_digits(naive: pd.Series, part: str) -> list[str]:
    """Write moments in a format of digits, many times faster than ``strftime`` does."""
    iso = np.datetime_as_string(naive.to_numpy(), unit="s")
    letters = iso.view(np.dtype("U1")).reshape(len(iso), -1)
    columns = []
    for directive in re.findall("%.|[^%]", part):
        place = _PLACES.get(directive)
        fixed = (
            np.full((len(iso), 1), directive, dtype="U1") if place is None else letters[:, place]
        )
        columns.append(fixed)
    joined = np.ascontiguousarray(np.concatenate(columns, axis=1))
    found: list[str] = joined.view(f"U{joined.shape[1]}")[:, 0].tolist()
    return found


def _in_utc(moments: pd.Series) -> pd.Series:
    """Return moments without a time zone, in UTC."""
    return moments if moments.dt.tz is None else moments.dt.tz_convert("UTC").dt.tz_localize(None)


def _since_1970(values: pd.Series, unit: str, *, strict: bool) -> pd.Series:
    whole = _whole(values, strict=strict)
    ticks = whole.fillna(0).to_numpy(np.int64).view(f"M8[{unit}]")
    return pd.Series(ticks, index=values.index, name=values.name).mask(whole.isna())


def _whole(values: pd.Series, *, strict: bool) -> pd.Series:
    """Return numbers, or text of digits, as nullable integers."""
    if not pd.api.types.is_numeric_dtype(values.dtype):
        values = _digits(values, strict=strict)
    if pd.api.types.is_integer_dtype(values.dtype):
        return values.astype("Int64")
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    absent = np.isnan(numbers)
    broken = ~absent & ((np.rint(numbers) != numbers) | (np.abs(numbers) >= 2.0**63))
    if broken.any():
        if strict:
            raise ValueError(f"{numbers[broken][0]} is not a whole number")
        absent |= broken
    exact = np.where(absent, 0, numbers).astype(np.int64)
    return pd.Series(pd.arrays.IntegerArray(exact, absent), index=values.index, name=values.name)


def _digits(values: pd.Series, *, strict: bool) -> pd.Series:
    texts = values.astype(object)
    return pd.to_numeric(texts) if strict else pd.to_numeric(texts, errors="coerce")
