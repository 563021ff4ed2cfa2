"""Pairs of date-times in a sample of the rows, and the steps from one to the other."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.formats.zones import wall_clock
from tabvae_ray.table.rules.column_views import ColumnView, Floats, Mask, TableView, seconds_of
from tabvae_ray.table.rules.forms.dates import MomentPart, moved, part_of
from tabvae_ray.table.values.offsets import (
    FRIDAY,
    LASTING,
    Offset,
    OffsetUnit,
    business_days_between,
    on_calendar,
    weekdays,
)

__all__ = [
    "AGREEING",
    "DAY",
    "SPREAD",
    "Pair",
    "Part",
    "Steps",
    "after_business_days",
    "after_constants",
    "is_known_enough",
    "is_span",
    "lasting",
    "mode",
    "pairs",
]

# Share of the sample that a candidate must agree with.
AGREEING = 0.97
DAY = 86_400
# Of a moment and what follows it by a rule, the distances are within so many days: months differ by
# three, and a weekend adds two.
SPREAD = 6
_LONGEST_SPAN, _MICROSECONDS = 100 * DAY, 10**6

Clock = npt.NDArray[np.datetime64]
Part = tuple[MomentPart, int]
Steps = tuple[Offset, ...]


class Pair(NamedTuple):
    """Two moments as clocks in the time zone of the first show them, in rows that have both.

    Args:
        of: The name of the first column.
        part: The part of it that is meant.
        months: How many months later that counts.
        column: The name of the second one.
        rows: ``(S,)`` true for rows of the sample that have both.
        base: ``(N,)`` what clocks show at the first one.
        own: ``(N,)`` what they show at the second one.
        lasted: ``(N,)`` seconds in between, whatever clocks show.
        zoned: Whether the first column has a time zone, in which clocks may be set.
    """

    of: str
    part: MomentPart
    months: int
    column: str
    rows: Mask
    base: Clock
    own: Clock
    lasted: Floats
    zoned: bool

    @property
    def apart(self) -> Floats:
        """``(N,)`` seconds between what clocks show."""
        return np.round((self.own - self.base).astype(np.int64) / _MICROSECONDS, 5)

    def after(self, counts: Any, unit: OffsetUnit) -> "Pair":
        """Return the rest of the way after some days or longer units."""
        rest = self._replace(base=on_calendar(self.base, counts, unit))
        return rest._replace(lasted=rest.apart)

    def agrees(self, steps: Steps) -> bool:
        """Return whether steps of days and longer units lead from one to the other."""
        rest = self
        for step in steps:
            rest = rest.after(step.count, step.unit)
        return float((rest.base == self.own).mean()) >= AGREEING


def pairs(moments: Sequence[ColumnView], some: TableView, parts: Sequence[Part]) -> Iterator[Pair]:
    """Yield all pairs of two columns, of times of day and durations among themselves.

    Args:
        moments: The columns of moments.
        some: Rows that candidates are looked for in.
        parts: The parts of the first column, and how many months later they count; those that are
            the moment itself are left out.
    """
    bases = {view.name: _bases(some[view.name], parts) for view in moments}
    for of, column in permutations(moments, 2):
        own, zoned = some[column.name].seconds, some[of.name].moments
        assert own is not None and zoned is not None
        shown = _shown(own, zoned.dt.tz)
        for (part, months), (base, seconds) in bases[of.name].items():
            known = ~(np.isnat(base) | np.isnat(shown))
            if is_span(own) == is_span(seconds) and is_known_enough(known):
                # Seconds since 1970 are not exact to the microsecond.
                lasted = np.round((own - seconds)[known], 5)
                clocks = base[known], shown[known]
                in_zone = zoned.dt.tz is not None
                yield Pair(of.name, part, months, column.name, known, *clocks, lasted, in_zone)


def is_span(seconds: Floats) -> bool:
    """Return whether moments are those of times of day or durations, which count from 1970."""
    return bool(np.nanmax(np.abs(seconds), initial=0.0) < _LONGEST_SPAN)


def is_known_enough(known: Mask) -> bool:
    """Return whether so many rows of a sample have both values that they tell a candidate."""
    return bool(known.sum() >= min(30, len(known) / 2)) and bool(known.any())


def after_constants(pair: Pair) -> list[Steps]:
    """Return the days or hours that are between the moments of most rows, the likeliest first.

    On clocks that are set, a number of hours is none of days: then each may be meant.
    """
    found: list[tuple[float, Steps]] = []
    apart, share = mode(pair.apart)
    days, rest = divmod(round(apart), DAY)
    if share >= AGREEING and apart % 1 == 0 and (not rest or abs(apart) > 2 * DAY):
        first = (Offset(count=days, unit="days"),) if days else ()
        found.append((share, (*first, lasting(rest)) if rest else first))
    lasted, share = mode(pair.lasted)
    if share >= AGREEING and lasted % 1 == 0 and (not found or (pair.zoned and lasted)):
        found.append((share, (lasting(round(lasted)),)))
    return [steps for _, steps in sorted(found, key=lambda each: -each[0])]


def after_business_days(pair: Pair) -> Iterator[Steps]:
    """Yield steps that may lead to business days, where most moments are on some."""
    days, ends = (moments.astype("M8[D]") for moments in (pair.base, pair.own))
    weekday = weekdays(ends)
    same_time = pair.own - ends == pair.base - days
    if min((weekday <= FRIDAY).mean(), same_time.mean()) < AGREEING:
        return
    regular = weekdays(days) <= FRIDAY
    if regular.any():
        count = round(mode(business_days_between(days[regular], ends[regular]))[0])
        step = Offset(count=count, unit="business days")
        yield (step,)
        if count > 0 and not regular.all():
            yield (Offset(count=0, unit="business days"), step)
    # A number of days, or else the business day after that, or before it.
    apart = (ends - days).astype(np.int64).astype(np.float64)
    for far, beyond, back in ((weekday != 0, 0, 0), (weekday != FRIDAY, 1, -1)):
        count = round(mode(apart[far])[0]) + beyond if far.any() else 0
        if count:
            yield (Offset(count=count, unit="days"), Offset(count=back, unit="business days"))


def lasting(seconds: int) -> Offset:
    """Return seconds as hours or minutes, if they are whole ones."""
    for unit in ("hours", "minutes"):
        if seconds % LASTING[unit] == 0:
            return Offset(count=seconds // LASTING[unit], unit=unit)
    return Offset(count=seconds, unit="seconds")


def mode(values: Floats) -> tuple[float, float]:
    """Return the most frequent value, and its share."""
    distinct, counts = np.unique(values, return_counts=True)
    place = int(counts.argmax())
    return float(distinct[place]), float(counts[place] / len(values))


def _bases(view: ColumnView, parts: Sequence[Part]) -> dict[Part, tuple[Clock, Floats]]:
    """Return what clocks show, and seconds, of a moment and of those of its parts that differ."""
    moments, own = view.moments, view.seconds
    assert moments is not None and own is not None
    found: dict[Part, tuple[Clock, Floats]] = {}
    for part, months in parts:
        if part == "moment":
            seconds = own
        elif is_span(own):
            continue
        else:
            later = moved(moments, [Offset(count=months, unit="months")] if months else [])
            seconds = seconds_of(part_of(later, part))
        if part == "moment" or not (seconds == own)[~np.isnan(own)].all():
            found[part, months] = _shown(seconds, moments.dt.tz), seconds
    return found


def _shown(seconds: Floats, zone: Any) -> Clock:
    """Return what clocks in a time zone show at seconds since 1970."""
    ticks = np.rint(np.nan_to_num(seconds) * _MICROSECONDS).astype(np.int64).view("M8[us]")
    shown: pd.Series = pd.Series(np.where(np.isnan(seconds), np.datetime64("NaT"), ticks))
    if zone is not None:
        shown = wall_clock(shown.dt.tz_localize("UTC").dt.tz_convert(zone))
    return np.asarray(shown.to_numpy())
