"""Candidates of date-times that are some days, business days or months after others."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.formats.zones import wall_clock
from tabvae_ray.table.rules.column_views import ColumnView, Floats, Mask, TableView, seconds_of
from tabvae_ray.table.rules.forms.dates import DateOf, MomentPart, is_clock, part_of
from tabvae_ray.table.values.offsets import LASTING, Offset, business_days_between, on_calendar

__all__ = ["AGREEING", "is_known_enough", "is_span", "offset_candidates"]

# Share of the sample that a candidate must agree with.
AGREEING = 0.97
# Of a moment and what follows it by a rule, the distances are within so many days: months differ by
# three, and a weekend adds two.
_SPREAD = 6
_LONGEST_SPAN = 100 * 86_400
_DAY, _MICROSECONDS = 86_400, 10**6
_PARTS: tuple[MomentPart, ...] = (
    *("moment", "date", "start of the week", "start of the month", "start of the quarter"),
    "start of the year",
)
# Values that fewer of the sample have are exceptions.
_FEW = 0.02
# So many different numbers of months at most lie between two moments: two, beside exceptions.
_MOST_MONTHS = 3

Clock = npt.NDArray[np.datetime64]
Whole = npt.NDArray[np.int64]
_Steps = tuple[Offset, ...]


class _Pair(NamedTuple):
    """What clocks show, in the time zone of the first column, in rows that have both."""

    base: Clock
    own: Clock
    # Seconds from one to the other, whatever clocks show.
    lasted: Floats

    def agrees(self, steps: _Steps) -> bool:
        """Return whether steps of days and longer lead from one to the other."""
        return _share(self._after(steps) == self.own) >= AGREEING

    def without(self, steps: _Steps) -> "_Pair":
        """Return the rest of the way after some steps."""
        rest = self._replace(base=self._after(steps))
        return rest._replace(lasted=rest.apart)

    @property
    def apart(self) -> Floats:
        """Seconds between what clocks show."""
        return (self.own - self.base).astype(np.int64) / _MICROSECONDS

    def _after(self, steps: _Steps) -> Clock:
        found = self.base
        for step in steps:
            found = on_calendar(found, step)
        return found


def offset_candidates(moments: list[ColumnView], some: TableView) -> list[DateOf]:
    """Return candidates, the plainest first, and those that go back in time after others.

    Args:
        moments: The columns of moments.
        some: Rows that candidates are looked for in.
    """
    place = {view.name: i for i, view in enumerate(moments)}
    found: list[tuple[tuple[int, bool], DateOf]] = []
    bases = {view.name: _bases(some[view.name]) for view in moments}
    for of, column in permutations(moments, 2):
        own, zone = some[column.name].seconds, some[of.name].moments
        assert own is not None and zone is not None
        shown = _shown(own, zone.dt.tz)
        for part, (base, seconds) in bases[of.name].items():
            known = ~(np.isnat(base) | np.isnat(shown))
            if is_span(own) != is_span(seconds) or not is_known_enough(known):
                continue
            pair = _Pair(base[known], shown[known], (own - seconds)[known])
            if is_clock(of):
                ways: Iterator[_Steps] = _around_the_clock(pair)
            else:
                ways = _ways(pair, part)
            for steps in ways:
                # Of two equal columns, the first one says what the other is.
                if not steps and (part != "moment" or place[of.name] > place[column.name]):
                    continue
                rule = DateOf(column=column.name, of=of.name, part=part, offsets=steps)
                n_words = len(steps) + (part != "moment")
                found.append(((n_words, any(step.count < 0 for step in steps)), rule))
    return [rule for _, rule in sorted(found, key=lambda each: each[0])]


def is_span(seconds: Floats) -> bool:
    """Return whether moments are those of times of day or durations, which count from 1970."""
    return bool(np.nanmax(np.abs(seconds), initial=0.0) < _LONGEST_SPAN)


def is_known_enough(known: Mask) -> bool:
    """Return whether so many rows of a sample have both values that they tell a candidate."""
    return bool(known.sum() >= min(30, len(known) / 2)) and bool(known.any())


def _bases(view: ColumnView) -> dict[MomentPart, tuple[Clock, Floats]]:
    """Return what clocks show, and seconds, of a moment and of those of its parts that differ."""
    moments, own = view.moments, view.seconds
    assert moments is not None and own is not None
    found: dict[MomentPart, tuple[Clock, Floats]] = {}
    for part in _PARTS[:1] if is_span(own) else _PARTS:
        seconds = own if part == "moment" else seconds_of(part_of(moments, part))
        if part == "moment" or not (seconds == own)[~np.isnan(own)].all():
            found[part] = _shown(seconds, moments.dt.tz), seconds
    return found


def _shown(seconds: Floats, zone: Any) -> Clock:
    """Return what clocks in a time zone show at seconds since 1970."""
    ticks = np.rint(np.nan_to_num(seconds) * _MICROSECONDS).astype(np.int64).view("M8[us]")
    shown: pd.Series = pd.Series(np.where(np.isnan(seconds), np.datetime64("NaT"), ticks))
    if zone is not None:
        shown = wall_clock(shown.dt.tz_localize("UTC").dt.tz_convert(zone))
    return np.asarray(shown.to_numpy())


def _ways(pair: _Pair, part: MomentPart) -> Iterator[_Steps]:
    """Yield steps that lead from one moment to another in most rows."""
    ordered = np.sort(pair.apart)
    most = int((1 - _FEW) * len(ordered))
    if ordered[most - 1] - ordered[len(ordered) - most] > _SPREAD * _DAY:
        return
    constant = _constant(pair)
    if constant is not None:
        # The way back says the same of the moments themselves.
        if part != "moment" or all(step.count > 0 for step in constant):
            yield constant
        return
    months = _months_between(pair.base, pair.own)
    values, counts = np.unique(months, return_counts=True)
    usual = [int(value) for value in values[counts >= _FEW * len(months)]]
    # A day before the next month is in this one.
    each = [*usual, usual[-1] + 1] if 0 < len(usual) <= _MOST_MONTHS else []
    for n_months in (0, *(n for n in each if n)):
        unit = ("years", 12) if n_months % 12 == 0 else ("months", 1)
        first = (Offset(count=n_months // unit[1], unit=unit[0]),) if n_months else ()
        rest = pair.without(first)
        constant = _constant(rest) if n_months else None
        if constant is not None:
            yield (*first, *constant)
            continue
        for steps in _business_days(rest):
            if rest.agrees(steps):
                yield (*first, *steps)


def _constant(pair: _Pair) -> _Steps | None:
    """Return the days or hours that lie between the moments of most rows."""
    apart, share = _mode(pair.apart)
    on_clocks = share >= AGREEING
    if on_clocks and apart % _DAY == 0:
        days = round(apart / _DAY)
        return (Offset(count=days, unit="days"),) if days else ()
    lasted, share = _mode(pair.lasted)
    if share < AGREEING or lasted % 1:
        return None
    # On clocks that are set, a number of hours is none of days.
    days = int(lasted // _DAY) if on_clocks and abs(lasted) > 2 * _DAY else 0
    first = (Offset(count=days, unit="days"),) if days else ()
    return (*first, _lasting(round(lasted) - days * _DAY))


def _lasting(seconds: int) -> Offset:
    for unit in ("hours", "minutes"):
        if seconds % LASTING[unit] == 0:
            return Offset(count=seconds // LASTING[unit], unit=unit)
    return Offset(count=seconds, unit="seconds")


def _business_days(pair: _Pair) -> Iterator[_Steps]:
    """Yield steps that end on business days, where most moments are on some."""
    days, ends = (moments.astype("M8[D]") for moments in (pair.base, pair.own))
    weekday = _weekdays(ends)
    if _share(weekday < 5) < AGREEING or _share(pair.own - ends == pair.base - days) < AGREEING:
        return
    regular = _weekdays(days) < 5
    if regular.any():
        count = round(_mode(business_days_between(days[regular], ends[regular]))[0])
        step = Offset(count=count, unit="business days")
        yield (step,)
        if count > 0 and not regular.all():
            yield (Offset(count=0, unit="business days"), step)
    # A number of days, or else the business day after that, or before it.
    after = ((ends - days).astype(np.int64) * 1.0)[weekday != 0]
    if len(after) and (count := round(_mode(after)[0])):
        yield (Offset(count=count, unit="days"), Offset(count=0, unit="business days"))
    before = ((ends - days).astype(np.int64) * 1.0)[weekday != 4]
    if len(before) and (count := round(_mode(before)[0]) + 1):
        yield (Offset(count=count, unit="days"), Offset(count=-1, unit="business days"))


def _around_the_clock(pair: _Pair) -> Iterator[_Steps]:
    """Yield what is between times of day, of which the first one of a day follows the last."""
    seconds, share = _mode(np.round(pair.lasted % _DAY, 3) % _DAY)
    if share >= AGREEING and seconds % 1 == 0 and seconds <= _DAY / 2:
        yield (_lasting(round(seconds)),) if seconds else ()


def _months_between(start: Clock, end: Clock) -> Whole:
    first, last = (moments.astype("M8[M]").astype(np.int64) for moments in (start, end))
    found: Whole = last - first
    return found


def _weekdays(days: Clock) -> Whole:
    """Return weekdays, Monday as 0."""
    found: Whole = (days.astype("M8[D]").astype(np.int64) + 3) % 7
    return found


def _mode(values: Floats) -> tuple[float, float]:
    """Return the most frequent value, and its share."""
    distinct, counts = np.unique(values, return_counts=True)
    place = int(counts.argmax())
    return float(distinct[place]), float(counts[place] / len(values))


def _share(mask: Mask) -> float:
    return float(mask.mean())
