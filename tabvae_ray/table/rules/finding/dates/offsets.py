"""Candidates of date-times that are some days, business days or months after others."""

from collections.abc import Iterator, Sequence

import numpy as np

from tabvae_ray.table.formats.zones import wall_clock
from tabvae_ray.table.rules.column_views import ColumnView, TableView
from tabvae_ray.table.rules.finding.dates.pairs import (
    AGREEING,
    DAY,
    SPREAD,
    Pair,
    Part,
    Steps,
    after_business_days,
    after_constants,
    lasting,
    mode,
    pairs,
)
from tabvae_ray.table.rules.forms.dates import DateOf, MomentPart, is_clock
from tabvae_ray.table.values.offsets import LASTING, Offset

__all__ = ["offset_candidates"]

_LAST: MomentPart = "last second of the day"
_YEAR: MomentPart = "start of the year"
_QUARTER: MomentPart = "start of the quarter"
_PARTS: tuple[MomentPart, ...] = (
    *("moment", "date", "start of the week", "start of the month", _QUARTER, _YEAR, _LAST),
)
# Values that fewer of the sample have are exceptions.
_FEW = 0.02
# So many different numbers of months at most lie between two moments: two, beside exceptions.
_MOST_MONTHS = 3


def offset_candidates(moments: Sequence[ColumnView], some: TableView) -> list[DateOf]:
    """Return candidates, the plainest first, and those that go back in time after others.

    Args:
        moments: The columns of moments.
        some: Rows that candidates are looked for in.
    """
    place = {view.name: i for i, view in enumerate(moments)}
    found: list[tuple[tuple[int, bool, int], DateOf]] = []
    parts = [*((part, 0) for part in _PARTS), *_fiscal_parts(moments, some)]
    for pair in pairs(moments, some, parts):
        for steps in _around_the_clock(pair) if is_clock(some[pair.of]) else _ways(pair):
            # Of two equal columns, the first one says what the other is.
            if not steps and (pair.part != "moment" or place[pair.of] > place[pair.column]):
                continue
            rule = DateOf(
                column=pair.column,
                of=pair.of,
                part=pair.part,
                months=pair.months,
                offsets=steps,
            )
            n_words = len(steps) + (pair.part != "moment") + (pair.months != 0)
            back = any(step.count < 0 for step in steps[:1])
            found.append(((n_words, back, sum(abs(step.count) for step in steps[1:])), rule))
    return [rule for _, rule in sorted(found, key=lambda each: each[0])]


def _fiscal_parts(moments: Sequence[ColumnView], some: TableView) -> list[Part]:
    """Return the starts of years and quarters that do not begin with January.

    Columns that only have the first or last days of some months tell them.
    """
    found: dict[Part, None] = {}
    for view in moments:
        own = some[view.name].moments
        assert own is not None
        days = wall_clock(own).dropna().to_numpy().astype("M8[D]")
        for beyond in (0, 1):
            later = days + beyond
            months = later.astype("M8[M]")
            if not len(days) or (months.astype("M8[D]") != later).any():
                continue
            of_year = np.unique(months.astype(np.int64) % 12)
            if len(of_year) == 1 and of_year[0]:
                found[_YEAR, -int(of_year[0])] = None
            elif len(np.unique(of_year % 3)) == 1 and of_year[0] % 3:
                found[_QUARTER, -int(of_year[0] % 3)] = None
    return list(found)


def _ways(pair: Pair) -> Iterator[Steps]:
    """Yield steps that lead from one moment to another in most rows."""
    ordered = np.sort(pair.apart)
    most = int((1 - _FEW) * len(ordered))
    if ordered[most - 1] - ordered[len(ordered) - most] > SPREAD * DAY:
        return
    constants = after_constants(pair)
    for constant in constants:
        # The way back says the same of the moments themselves.
        if pair.part == "moment":
            plain = all(step.count > 0 for step in constant)
        else:
            # Hours before a last second are hours after a date.
            plain = pair.part != _LAST or all(step.unit not in LASTING for step in constant)
        if plain:
            yield constant
    if constants:
        return
    first, last = (clock.astype("M8[M]").astype(np.int64) for clock in (pair.base, pair.own))
    values, counts = np.unique(last - first, return_counts=True)
    usual = [int(value) for value in values[counts >= _FEW * len(ordered)]]
    # A day before the next month is in this one.
    months = [*usual, usual[-1] + 1] if 0 < len(usual) <= _MOST_MONTHS else []
    for count in (0, *(each for each in months if each)):
        step = Offset(count=count, unit="months")
        if count % 12 == 0:
            step = Offset(count=count // 12, unit="years")
        rest = pair.after(step.count, step.unit)
        constants = after_constants(rest) if count else []
        if constants:
            yield from ((step, *constant) for constant in constants)
            continue
        for steps in after_business_days(rest):
            if rest.agrees(steps):
                yield (step, *steps) if count else steps


def _around_the_clock(pair: Pair) -> Iterator[Steps]:
    """Yield what is between times of day, of which the first one of a day follows the last."""
    seconds, share = mode(np.round(pair.lasted % DAY, 3) % DAY)
    if share >= AGREEING and seconds % 1 == 0 and seconds <= DAY / 2:
        yield (lasting(round(seconds)),) if seconds else ()
