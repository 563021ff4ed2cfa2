"""Steps that compute columns of a row, in the order in which their inputs are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.errors import ExportError
from tabvae_ray.table.formats.zones import at_wall_clock, midnights, wall_clock
from tabvae_ray.table.rules.column_views import Floats, TableView, seconds_of
from tabvae_ray.table.rules.forms.column_rule import numbers_of
from tabvae_ray.table.rules.forms.dates import moved_by
from tabvae_ray.table.rules.forms.formula import SECONDS, Duration
from tabvae_ray.table.rules.rule import Constraint, Rule
from tabvae_ray.table.values.offsets import (
    FRIDAY,
    SUNDAY,
    Clock,
    is_bearable,
    known_years,
    weekdays,
)

__all__ = ["EndOf", "in_order", "start_of_end", "steps_of"]


@dataclass(frozen=True)
class EndOf:
    """A duration from which its end is computed, not the duration from its ends.

    A difference of two moments is as uncertain as the bins that they are drawn from; a duration
    that is drawn itself is not.
    """

    duration: Duration

    @property
    def column(self) -> str:
        """Return the name of the end."""
        return self.duration.end

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the start and of the duration."""
        return self.duration.start, self.duration.column


def steps_of(rules: Sequence[Rule]) -> list[Any]:
    """Return what is computed, in an order in which all inputs are there."""
    computed = [rule for rule in rules if not isinstance(rule, Constraint)]
    taken = {rule.column for rule in computed}
    steps: list[Any] = []
    for rule in computed:
        turned = isinstance(rule, Duration) and rule.end not in taken
        if turned and isinstance(rule, Duration) and rule.unit not in ("months", "years"):
            taken.add(rule.end)
            steps.append(EndOf(rule))
        else:
            steps.append(rule)
    try:
        return in_order(steps)
    except ExportError:
        return in_order(computed)


def start_of_end(rule: Duration, rows: TableView) -> tuple[Floats, Floats]:
    """Return when the end of a duration can be at the earliest, and how much later it was drawn.

    Returns:
        ``(N,)`` seconds since 1970, and ``(N,)`` seconds after that.
    """
    start, old = rows[rule.start].seconds, rows[rule.end].seconds
    spent = numbers_of(rows, rule.column)
    assert start is not None and old is not None
    if rule.unit in SECONDS:
        unit = SECONDS[rule.unit]
        within = np.mod(old - start, unit) if rule.whole else np.zeros(len(old))
        return start + spent * unit, within
    first, last = rows[rule.start].moments, rows[rule.end].moments
    assert first is not None and last is not None
    days_begin = [seconds_of(midnights(moments)) for moments in (first, last)]
    day = SECONDS["days"]
    if rule.unit == "calendar days":
        low = seconds_of(moved_by(midnights(first), spent, "days"))
    else:
        low = _after_working_days(first, last, spent, both=rule.unit == "weekdays")
    within = np.minimum(old - days_begin[1], day - 1)
    # On the first day, not before the start.
    return low, np.where(low == days_begin[0], np.maximum(within, start - days_begin[0]), within)


def in_order(rules: Sequence[Any]) -> list[Any]:
    """Return rules, or steps, so that each comes after those that compute its inputs.

    Raises:
        ExportError: If they go in a circle.
    """
    waiting, ordered = list(rules), []
    while waiting:
        later = {rule.column for rule in waiting}
        ready = [rule for rule in waiting if not later & set(rule.given)]
        if not ready:
            names = ", ".join(sorted(later))
            raise ExportError(f"rules: {names} are computed from each other in a circle")
        ordered += ready
        waiting = [rule for rule in waiting if rule not in ready]
    return ordered


def _after_working_days(start: pd.Series, end: pd.Series, counts: Floats, *, both: bool) -> Floats:
    """Return ``(N,)`` seconds since 1970 of midnights some days of Monday to Friday after moments.

    Args:
        start: The moments.
        end: Drawn ends, which say how many of the ends are on weekends.
        counts: How many such days.
        both: Whether the first and the last day are among them.
    """
    first, last = (wall_clock(part).to_numpy().astype("M8[D]") for part in (start, end))
    sound = is_bearable(counts, "business days")
    whole = np.where(sound, counts, 0).astype(np.int64)
    found = np.busday_offset(first, np.maximum(whole - both, 0), roll="forward")
    # As many days lead to a Monday as to the weekend before it, or to a Friday as to that after it.
    found = _over_weekends(found, last, FRIDAY if both else 0, 0 if both else -2)
    # Backwards, the start is counted and the end is not, or not even the day after it.
    before = np.busday_offset(first, np.minimum(whole, 0), roll="backward") - both
    before = _over_weekends(before, last, FRIDAY - both, 0)
    found = np.where(whole < 0, before, np.maximum(found, first))
    if both:
        # Without any such day, both are on one weekend, or the end is on the day before the start.
        sunday = first + np.where(weekdays(last) == SUNDAY, SUNDAY - weekdays(first), 0)
        earlier = (weekdays(first) <= FRIDAY) & (whole < 0).any()
        found = np.where(whole == 0, np.where(earlier, first - 1, sunday), found)
    sound &= known_years(found, zoned=start.dt.tz is not None)
    later = pd.Series(np.where(sound, found, np.datetime64("NaT")), index=start.index)
    return seconds_of(at_wall_clock(later, start.dt.tz))


def _over_weekends(days: Clock, drawn: Clock, edge: int, least: int) -> Clock:
    """Return days of which some beside a weekend are as far in it as drawn ones are.

    Args:
        days: ``(N,)`` days of Monday to Friday.
        drawn: ``(N,)`` days that may be on weekends.
        edge: The weekday of the days that are moved.
        least: How many days they are moved by at least; at most, it is two more.
    """
    from_edge = (weekdays(drawn) - edge + 3) % 7 - 3
    near = (from_edge >= least) & (from_edge <= least + 2) & ~np.isnat(drawn)
    if not near.any():
        return days
    usual = from_edge[near]
    moved = np.where(near, from_edge, usual[drawn.astype(np.int64) % len(usual)])
    later: Clock = days + np.where(weekdays(days) == edge, moved, 0)
    return later
