"""Candidates of date-times that are as long after others as a number or a category says."""

from collections.abc import Iterator, Sequence

import numpy as np

from tabvae_ray.table.rules.column_views import Codes, ColumnView, Floats, TableView
from tabvae_ray.table.rules.finding.dates.pairs import (
    AGREEING,
    DAY,
    SPREAD,
    Pair,
    Part,
    Steps,
    after_business_days,
    after_constants,
    is_known_enough,
    is_span,
    mode,
    pairs,
)
from tabvae_ray.table.rules.forms.dates import DateAfter, DateBy
from tabvae_ray.table.rules.rule import agrees_within_groups
from tabvae_ray.table.values.offsets import (
    FRIDAY,
    LASTING,
    Offset,
    OffsetUnit,
    business_days_between,
    is_bearable,
    on_calendar,
    weekdays,
)

__all__ = ["category_candidates", "number_candidates"]

_PARTS: tuple[Part, ...] = (("moment", 0), ("date", 0))
# Units that a number may count, and their usual days. What lasts as long on any day is a duration.
_COUNTED: dict[OffsetUnit, float] = {
    **{"months": 30.436875, "years": 365.2425},
    **{"business days": 1.4, "days": 1.0},
}
# Units that a category may say a number of, and what comes after it.
_SAID: tuple[tuple[OffsetUnit, Steps], ...] = (
    *(("days", ()), ("business days", ()), ("months", ()), ("hours", ()), ("minutes", ())),
    ("months", (Offset(count=-1, unit="days"),)),
)
_MAX_CATEGORIES, _FEWEST = 20, 5


def number_candidates(
    moments: Sequence[ColumnView], numbers: Sequence[ColumnView], some: TableView
) -> Iterator[DateAfter]:
    """Yield date-times that are as many months, business days or others after one as a number says.

    Args:
        moments: The columns of moments.
        numbers: The columns of numbers.
        some: Rows that candidates are looked for in.
    """
    views = [some[view.name] for view in numbers]
    values = [view.numbers for view in views if view.numbers is not None]
    if not values:
        return
    counts = np.stack(values, axis=1)
    for pair in pairs(moments, some, _PARTS):
        if _is_span(pair):
            continue
        few = counts[pair.rows]
        for unit, days in _COUNTED.items():
            for i in np.flatnonzero(_spread(pair.apart[:, None] / DAY - days * few) <= SPREAD):
                for steps in _ways(pair, few[:, i], unit):
                    yield DateAfter(
                        column=pair.column,
                        of=pair.of,
                        part=pair.part,
                        number=views[i].name,
                        unit=unit,
                        offsets=steps,
                    )


def _ways(pair: Pair, numbers: Floats, unit: OffsetUnit) -> Iterator[Steps]:
    """Yield what comes after the number."""
    known = ~np.isnan(numbers)
    sound = known & is_bearable(numbers, unit)
    if not is_known_enough(known) or sound.sum() < AGREEING * known.sum():
        return
    counts = numbers[sound].astype(np.int64)
    if len(np.unique(counts)) < 2:
        return
    rest = pair._replace(base=pair.base[sound], own=pair.own[sound], lasted=pair.lasted[sound])
    rest = rest.after(counts, unit)
    constants = after_constants(rest)
    if constants:
        # Days and nothing else are a duration.
        yield from (steps for steps in constants if steps or unit != "days")
    elif unit != "business days":
        yield from (steps for steps in after_business_days(rest) if rest.agrees(steps))


def category_candidates(
    moments: Sequence[ColumnView], table: TableView, some: TableView
) -> Iterator[DateBy]:
    """Yield date-times that are as many days, business days or months after one as a category says.

    Args:
        moments: The columns of moments.
        table: All rows, from which the numbers come.
        some: Rows that candidates are looked for in.
    """
    labelled = table.labelled(_MAX_CATEGORIES)
    for pair in pairs(moments, some, _PARTS) if labelled else ():
        if _is_span(pair) or _mostly_one(pair):
            continue
        counted = [(way, _counts(pair, *way)) for way in _SAID]
        # Beside exceptions, there are no more numbers than categories.
        most = _MAX_CATEGORIES + (1 - AGREEING) * len(pair.own)
        few = [(way, counts) for way, counts in counted if len(np.unique(counts)) <= most]
        for view in labelled if few else ():
            codes = some[view.name].codes[pair.rows]
            for way, counts in few:
                rule = _fitted(pair, view, way, table) if _agrees(codes, counts) else None
                if rule is not None:
                    yield rule
                    # On clocks that are set, days may be a number of hours.
                    if not pair.zoned or rule.unit in LASTING:
                        break


def _agrees(codes: Codes, counts: Floats) -> bool:
    """Return whether most rows have the usual number of their category."""
    known = ~np.isnan(counts)
    if not is_known_enough(known):
        return False
    usual = agrees_within_groups(codes[known], np.unique(counts[known], return_inverse=True)[1])
    return float(usual.mean()) >= AGREEING


def _counts(pair: Pair, unit: OffsetUnit, then: Steps) -> Floats:
    """Return ``(N,)`` how many units are between the moments, odd numbers where none fits.

    They are NaN where two numbers fit: of a weekend, the Monday is 0 and 1 business days after it.
    """
    for step in then:
        pair = pair._replace(own=on_calendar(pair.own, -step.count, step.unit))
    if unit in LASTING:
        return pair.lasted / LASTING[unit]
    if unit == "days":
        return pair.apart / DAY
    first, last = (clock.astype("M8[D]") for clock in (pair.base, pair.own))
    if unit == "business days":
        counts = business_days_between(first, last)
        # Those from a weekend count as from the business day on its other side.
        counts += np.where(weekdays(first) > FRIDAY, np.sign((last - first).astype(np.int64)), 0)
    else:
        months = [days.astype("M8[M]").astype(np.int64) for days in (first, last)]
        counts = (months[1] - months[0]).astype(np.float64)
    fits = pair.after(counts.astype(np.int64), unit).base == pair.own
    if unit == "business days":
        fits_both = fits & (counts == 1) & (weekdays(first) > FRIDAY)
        counts = np.where(fits_both, np.nan, counts)
    return np.where(fits, counts, pair.apart / DAY + 0.5)


def _fitted(
    pair: Pair, view: ColumnView, way: tuple[OffsetUnit, Steps], table: TableView
) -> DateBy | None:
    """Return the rule with the number of each category, if all rows say that they differ."""
    both = (table[pair.of], table[pair.column])
    (whole,) = (
        each
        for each in pairs(both, table, [(pair.part, 0)])
        if (each.of, each.column) == (pair.of, pair.column)
    )
    unit, then = way
    counts, codes = _counts(whole, unit, then), view.codes[whole.rows]
    counts, codes = counts[~np.isnan(counts)], codes[~np.isnan(counts)]
    found = {}
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        place = int(np.flatnonzero(view.codes == code)[0])
        count, share = mode(counts[rows])
        if view.missing[place] or len(rows) < _FEWEST:
            continue
        if share < AGREEING or count % 1 or not is_bearable(count, unit):
            return None
        found[view.value_at(place)] = round(count)
    if len(set(found.values())) < 2:
        return None
    labels = sorted(found, key=str)
    return DateBy(
        column=pair.column,
        of=pair.of,
        part=pair.part,
        by=view.name,
        labels=tuple(labels),
        counts=tuple(found[label] for label in labels),
        unit=unit,
        offsets=then,
    )


def _is_span(pair: Pair) -> bool:
    return is_span((pair.own - np.datetime64(0, "s")) / np.timedelta64(1, "s"))


def _mostly_one(pair: Pair) -> bool:
    """Return whether most rows have one distance, which no category needs to say."""
    return mode(pair.apart)[1] >= AGREEING


def _spread(values: Floats) -> Floats:
    """Return ``(C,)`` how far apart most values of each column are, infinite without any."""
    ordered = np.sort(values, axis=0)
    n_known = (~np.isnan(values)).sum(axis=0)
    columns = np.arange(values.shape[1])
    low = ordered[((1 - AGREEING) * n_known).astype(np.int64), columns]
    high = ordered[np.maximum((AGREEING * n_known).astype(np.int64) - 1, 0), columns]
    return np.where(n_known > 0, high - low, np.inf)
