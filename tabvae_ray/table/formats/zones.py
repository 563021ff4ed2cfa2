"""Time zones: what clocks in one show, and those that the offsets of text suggest."""

from datetime import timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "are_of_several_offsets",
    "at_wall_clock",
    "in_zone_of_offsets",
    "midnights",
    "wall_clock",
]

# One zone for each rule of summer time that tables often have; others with the same offsets have
# the same times.
_ZONES = (
    *("Europe/London", "Europe/Berlin", "Europe/Helsinki", "America/New_York", "America/Chicago"),
    *("America/Denver", "America/Los_Angeles", "America/Anchorage", "America/Halifax"),
    *("America/St_Johns", "Australia/Sydney", "Australia/Adelaide", "Pacific/Auckland"),
)
_OFFSET = r"([+-])(\d{2}):?(\d{2})?$"
# A few offsets may be odd: the moments are the same in any zone.
_MIN_SHARE = 0.99


def wall_clock(moments: pd.Series) -> pd.Series:
    """Return what clocks show at moments in their time zone; without a zone, the moments."""
    return moments if moments.dt.tz is None else moments.dt.tz_localize(None)


def at_wall_clock(shown: pd.Series, zone: Any) -> pd.Series:
    """Return the moments at which clocks in a time zone show something; the same without a zone.

    Of two such moments it is the first. Of what clocks pass over it is the moment at which they do.
    """
    if zone is None:
        return shown
    first = np.ones(len(shown), dtype=bool)
    moments: pd.Series = shown.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return moments


def midnights(moments: pd.Series) -> pd.Series:
    """Return where the days of moments begin in their time zone."""
    return at_wall_clock(wall_clock(moments).dt.normalize(), moments.dt.tz)


def are_of_several_offsets(texts: pd.Series) -> bool:
    """Return True if texts of moments have different offsets from UTC."""
    return _minutes(texts).nunique() > 1


def in_zone_of_offsets(texts: pd.Series, moments: pd.Series) -> pd.Series:
    """Return moments of text in the time zone whose summer time its offsets follow.

    Args:
        texts: Text with different offsets from UTC, such as +01:00 and +02:00.
        moments: Its moments in UTC, which are returned if no known zone has the offsets. If nearly
            all have one offset, they are returned with that.
    """
    minutes = _minutes(texts)
    present = moments[texts.notna()]
    naive = present.dt.tz_localize(None)
    usual = int(minutes.mode().iloc[0])
    if (minutes == usual).mean() > _MIN_SHARE:
        if usual == 0:
            return moments
        fixed: pd.Series = moments.dt.tz_convert(timezone(timedelta(minutes=usual)))
        return fixed
    wanted = pd.to_timedelta(minutes, unit="min")
    for zone in _ZONES:
        local = present.dt.tz_convert(zone).dt.tz_localize(None)
        if (local - naive == wanted).mean() >= _MIN_SHARE:
            zoned: pd.Series = moments.dt.tz_convert(zone)
            return zoned
    return moments


def _minutes(texts: pd.Series) -> pd.Series:
    """Return the offsets from UTC of the texts that are present; that of ``Z`` is 0."""
    parts = texts[texts.notna()].astype(str).str.extract(_OFFSET).fillna("0")
    minutes = parts[1].astype(int) * 60 + parts[2].astype(int)
    return minutes.where(parts[0] != "-", -minutes)
