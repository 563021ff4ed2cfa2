"""Formats of times of day and of durations, such as ``%H:%M`` and ``%-D days %H:%M:%S``.

The moments are as far from 1970-01-01 as a time of day is from midnight, or as a duration is long.
Hours may be more than 23. ``%-D days, %-H:%M:%S`` is the text of Python's durations, which leaves
out days where there are none.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["CLOCK", "clock_format", "clock_moments", "clock_texts", "is_clock"]

# In the syntax of Arrow's regular expressions, too.
CLOCK = (
    r"^(-?\d{1,5}:[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?( ?[AaPp][Mm])?"
    r"|-?\d{1,5} days?(,? [+-]?\d{1,2}:[0-5]\d:[0-5]\d(\.\d{1,9})?)?)$"
)
_FORMAT = re.compile(
    r"%-D days(,? %-?H:%M:%S(\.%\d?f)?)?|%-?H:%M(:%S([.,]%\d?f)?)?|%-?I:%M(:%S([.,]%\d?f)?)? ?%[pP]"
)
_PARTS = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d{1,5}) days?(?P<comma>,)?)?(?: ?\+?(?P<hour>\d{1,5}):"
    r"(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"(?P<half> ?[AaPp][Mm])?"
)
# Fewer different times without seconds than this may be ratios or scores, such as 16:10.
_FEWEST_TIMES = 10
_SECOND = 10**9
_DAY = 86_400 * _SECOND


def is_clock(written: str | None) -> bool:
    """Return True for the format of a time of day or a duration."""
    return written is not None and _FORMAT.fullmatch(written) is not None


def clock_format(texts: pd.Series) -> str | None:
    """Return the format in which all of some different texts are times, None if one is no time."""
    if texts.empty or not all(re.match(CLOCK, text) for text in texts.head(100)):
        return None
    parts = _parts(texts)
    if parts is None or _ticks(parts)[1].any():
        return None
    has = parts.notna().any().map(bool)
    is_long = has["days"] or has["second"] or has["half"]
    if (not is_long and len(texts) < _FEWEST_TIMES) or parts["half"].nunique() > 4:
        return None
    single = texts.str.contains(r"(?:^|[ -])\d:").any()
    zeros = texts.str.contains(r"(?:^|[ +-])0\d:").any()
    hour = ("%-" if single and not zeros else "%") + ("I" if has["half"] else "H")
    written = f"{hour}:%M" + (":%S" if has["second"] else "")
    if has["fraction"]:
        longest = int(parts["fraction"].str.len().max())
        mark = "," if texts.str.contains(r"\d,\d").any() else "."
        written += f"{mark}%f" if longest == 6 else f"{mark}%{longest}f"
    if has["half"]:
        half = parts["half"].dropna().iloc[0]
        return f"{written}{' ' * half.startswith(' ')}%{'p' if half.isupper() else 'P'}"
    if not has["days"]:
        return written
    return f"%-D days{',' * bool(has['comma'])} {written}" if has["hour"] else "%-D days"


def clock_moments(values: pd.Series, *, strict: bool = True) -> pd.Series:
    """Read text of times or durations as moments.

    Args:
        values: The text.
        strict: Whether to raise an error for other text; otherwise it is missing.

    Raises:
        ValueError: If a text is no time.
    """
    codes, distinct = pd.factorize(values)
    texts = pd.Series(distinct, dtype=object).astype(str)
    parts = _parts(texts)
    if parts is None:
        ticks, broken = np.zeros(0, np.int64), np.zeros(0, bool)
    else:
        ticks, broken = _ticks(parts)
    if strict and broken.any():
        raise ValueError(f"{texts[broken].iloc[0]!r} is no time such as 08:30:00")
    found = ticks.view("M8[ns]")
    if not (ticks % 1000).any():
        # Nanoseconds are kept where they are needed only, as 64 bits of them span 292 years.
        found = found.astype("M8[us]")
    found = np.append(np.where(broken, np.datetime64("NaT"), found), np.datetime64("NaT"))
    return pd.Series(found[codes], index=values.index, name=values.name)


def clock_texts(moments: pd.Series, written: str) -> list[str]:
    """Write moments, none of which is missing, in the format of a time or a duration."""
    ticks: list[int] = moments.astype("M8[ns]").to_numpy().view(np.int64).tolist()
    return [_text(tick, written) for tick in ticks]


def _text(tick: int, written: str) -> str:
    sign = ""
    days, rest = 0, tick
    if "%-D" in written:
        days, rest = divmod(tick, _DAY)
    elif "%I" in written or "%-I" in written:
        rest = tick % _DAY
    elif tick < 0:
        sign, rest = "-", -tick
    seconds, fraction = divmod(rest, _SECOND)
    hour, second = divmod(seconds, 3600)
    place = {
        "%M": f"{second // 60:02}",
        "%S": f"{second % 60:02}",
        "%p": "AM" if hour < 12 else "PM",
        "%P": "am" if hour < 12 else "pm",
        "%H": f"{hour:02}",
        "%-H": str(hour),
        "%I": f"{(hour - 1) % 12 + 1:02}",
        "%-I": str((hour - 1) % 12 + 1),
    }
    text = written
    if "days," in written:
        count = f"{days} day{'s' * (abs(days) != 1)}, " if days else ""
        text = written.replace("%-D days, ", count)
    elif "%-D" in written:
        # pandas writes durations below zero as days before, and the time since.
        text = written.replace("%-D days ", f"{days} days {'+' if days < 0 else ''}")
        text = text.replace("%-D", str(days))
    if found := re.search(r"%(\d?)f", text):
        digits = int(found[1] or 6)
        text = text.replace(found[0], f"{fraction // 10 ** (9 - digits):0{digits}}")
    return sign + re.sub(r"%-?[HIMSpP]", lambda directive: place[directive[0]], text)


def _parts(texts: pd.Series) -> pd.DataFrame | None:
    """Return the parts of each text, with missing ones where a text is no time."""
    if texts.empty:
        return None
    are_times = texts.str.match(CLOCK)
    found: pd.DataFrame = texts.where(are_times, "").str.extract(f"^{_PARTS.pattern}$")
    return found.where(found != "", None)


def _ticks(parts: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return nanoseconds of texts, and which texts are no time."""

    def whole(name: str, default: int = 0) -> npt.NDArray[np.int64]:
        found: Any = pd.to_numeric(parts[name]).fillna(default)
        numbers: npt.NDArray[np.int64] = found.to_numpy(np.int64)
        return numbers

    broken = (parts["hour"].isna() & parts["days"].isna()).to_numpy()
    hour, has_half = whole("hour"), parts["half"].notna().to_numpy()
    broken = broken | (has_half & ((hour < 1) | (hour > 12)))
    is_late = parts["half"].str.strip().str.upper().eq("PM").to_numpy(bool, na_value=False)
    hour = np.where(has_half, hour % 12 + 12 * is_late, hour)
    digits = parts["fraction"].str.ljust(9, "0")
    fraction: Any = pd.to_numeric(digits).fillna(0)
    seconds = 3600 * hour + 60 * whole("minute") + whole("second")
    rest = seconds * _SECOND + fraction.to_numpy(np.int64)
    sign = np.where(parts["sign"].notna(), -1, 1)
    has_days = parts["days"].notna().to_numpy()
    ticks = np.where(has_days, sign * whole("days") * _DAY + rest, sign * rest)
    return ticks, broken
