"""Days on which the moments of a column are: some weekdays, or one day of each month.

They are written ``Mon Tue Wed Thu Fri Sat``, ``1 of month`` or ``last of month``. On the *line* of
such a column only these days count, so that Monday follows Friday, or the first of May that of
April.
"""

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.values.spec_types import DAY_NAMES, OF_MONTH

__all__ = ["WEEKDAYS", "find_days", "from_line", "of_line", "off_days", "sentence"]

Ticks = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

WEEKDAYS = " ".join(DAY_NAMES[:5])
_WEEK = 7
# 1970-01-01 was a Thursday.
_FIRST_WEEKDAY = 3
# Fewer days may be weekdays by chance; other sets of weekdays must be less likely than this.
_FEWEST_WEEKDAYS = 30
_CHANCE = 1e-4
# How many sets of so many weekdays there are.
_SETS = (1, 7, 21, 35, 35, 21, 7)
# So many days that are all the first or the last of a month, or all another day of it, are no
# chance.
_FEWEST_ENDS, _FEWEST_MONTHS = 3, 6
# Fewer of many moments are odd.
_ODD_SHARE, _MANY = 0.005, 200


def find_days(ticks: Ticks, step: int, day: int) -> str | None:
    """Return the days on which all moments are, None for any days.

    Args:
        ticks: The moments.
        step: The step that they have.
        day: Ticks of a day.
    """
    days, counts = np.unique(ticks // day, return_counts=True)
    dates = days.view("M8[D]")
    of_month = (dates - dates.astype("M8[M]")).astype(np.int64) + 1
    is_last = (dates + 1).astype("M8[M]") != dates.astype("M8[M]")
    usual = int(np.bincount(of_month, weights=counts).argmax())
    for name, fits, fewest in (
        ("1 of month", of_month == 1, _FEWEST_ENDS),
        ("last of month", is_last, _FEWEST_ENDS),
        (f"{usual} of month", of_month == usual, _FEWEST_MONTHS),
    ):
        n_odd = int(counts[~fits].sum())
        if n_odd and (len(ticks) < _MANY or n_odd > _ODD_SHARE * len(ticks)):
            continue
        if fits.sum() >= fewest and OF_MONTH.fullmatch(name):
            return name
    weekdays = np.unique((days + _FIRST_WEEKDAY) % _WEEK)
    if step % (_WEEK * day) == 0 or len(weekdays) == _WEEK:
        return None
    name = " ".join(DAY_NAMES[i] for i in weekdays)
    if set(weekdays) <= set(range(5)) and len(days) >= _FEWEST_WEEKDAYS and len(weekdays) > 3:
        return WEEKDAYS
    n_sets = _SETS[len(weekdays)]
    return name if n_sets * (len(weekdays) / _WEEK) ** len(days) < _CHANCE else None


def of_line(ticks: Ticks, days: str, day: int, *, nearest: bool = False) -> Ticks:
    """Return ticks on the line.

    Args:
        ticks: The ticks.
        days: The days of the line.
        day: Ticks of a day.
        nearest: Whether another day is the nearest of the days, at the same time; otherwise it is
            where the next of them begins, so that all stay in order.
    """
    whole = ticks // day
    if OF_MONTH.fullmatch(days):
        months = whole.view("M8[D]").astype("M8[M]").astype(np.int64)
        own = _in_months(months, days)
        places, fits = months + (whole > own), whole == own
    else:
        allowed = _allowed(days)
        weeks, weekday = np.divmod(whole + _FIRST_WEEKDAY, _WEEK)
        places = weeks * len(allowed) + np.searchsorted(allowed, weekday)
        fits = np.isin(weekday, allowed)
    if nearest and not fits.all():
        before, after = whole - _days_at(places - 1, days), _days_at(places, days) - whole
        places, fits = places - (~fits & (before < after)), np.ones_like(fits)
    line: Ticks = places * day + np.where(fits, ticks % day, 0)
    return line


def from_line(line: Ticks, days: str, day: int) -> Ticks:
    """Return the ticks of places on the line."""
    places, rest = np.divmod(line, day)
    ticks: Ticks = _days_at(places, days) * day + rest
    return ticks


def off_days(ticks: Ticks, days: str, day: int) -> Mask:
    """Return which ticks are on other days."""
    line = of_line(ticks, days, day)
    off: Mask = from_line(line, days, day) != ticks
    return off


def sentence(days: str, step: int) -> str:
    """Return in words on which days moments are.

    Args:
        days: The days.
        step: Distance of moments in days of the line, 0 for less than one.
    """
    if days == WEEKDAYS:
        return "Monday to Friday"
    if not OF_MONTH.fullmatch(days):
        return f"only {days.replace(' ', ', ')}"
    which = days.partition(" ")[0]
    named = {"1": "first day", "last": "last day"}.get(which, f"day {which}")
    if step <= 1:
        return f"{named} of the month"
    if step % 12 == 0:
        years = step // 12
        return f"{named} of a month, every {'year' if years == 1 else f'{years} years'}"
    return f"{named} of every {step} months"


def _days_at(places: Ticks, days: str) -> Ticks:
    """Return the days, since 1970, of places of whole days on the line."""
    if OF_MONTH.fullmatch(days):
        return _in_months(places, days)
    allowed = _allowed(days)
    weeks, weekday = np.divmod(places, len(allowed))
    found: Ticks = weeks * _WEEK + allowed[weekday] - _FIRST_WEEKDAY
    return found


def _in_months(months: Ticks, days: str) -> Ticks:
    """Return the days, since 1970, of months since 1970."""
    which = days.partition(" ")[0]
    first = (months + (which == "last")).view("M8[M]").astype("M8[D]").astype(np.int64)
    found: Ticks = first - 1 if which == "last" else first + int(which) - 1
    return found


def _allowed(days: str) -> Ticks:
    return np.array([DAY_NAMES.index(name) for name in days.split(" ")], dtype=np.int64)
