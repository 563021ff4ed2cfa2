"""Find columns that are parts of a date-time, or the time between two."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import chain, permutations, product
from typing import Literal, TypeVar, get_args

import numpy as np

from tabvae_ray.table.formats.zones import wall_clock
from tabvae_ray.table.rules.column_views import ColumnView, Floats, TableView
from tabvae_ray.table.rules.finding.dates.fiscal import fiscal_parts, fiscal_texts
from tabvae_ray.table.rules.finding.dates.offsets import offset_candidates
from tabvae_ray.table.rules.finding.dates.pairs import AGREEING, is_known_enough, is_span
from tabvae_ray.table.rules.finding.dates.said import category_candidates, number_candidates
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import is_rule
from tabvae_ray.table.rules.forms.column_rule import agrees
from tabvae_ray.table.rules.forms.date_text import DATE_TEXTS, DateText
from tabvae_ray.table.rules.forms.dates import MOMENT_PARTS, Age, DateOf, MomentRule
from tabvae_ray.table.rules.forms.formula import (
    SECONDS,
    DatePart,
    Duration,
    Formula,
    Unit,
)
from tabvae_ray.table.rules.forms.parts import PARTS, Part, date_part

__all__ = ["find_date_texts", "find_moment_rules"]

_Candidate = TypeVar("_Candidate", Formula | MomentRule, DateText)

_SAMPLE = 256
_LENGTHS: dict[Literal["years", "months"], int] = {"years": 372, "months": 31}
_MIN_AGES = 50
# More than what rounding to whole numbers takes away.
_FAR = 0.6
# Weeks and weekdays may count from 0, 1 or Sunday; a column that is 1 off is still the same part.
_OFFSETS = (0, 1, -1)
# What counts from any day or year may be further off.
_COUNTED = ("year", "days since 1970", "seconds since 1970", "milliseconds since 1970")
# Parts of times of day and of durations.
_PARTS_OF_SPANS: tuple[Part, ...] = (
    "hour",
    "minute",
    "second",
    "hhmm",
    "hhmmss",
    "minute of the day",
    "second of the day",
    "days since 1970",
    "seconds since 1970",
    "milliseconds since 1970",
)


def find_moment_rules(table: TableView, rng: np.random.Generator) -> list[Formula | MomentRule]:
    """Find numbers and dates that date-times determine.

    Args:
        table: The real rows.
        rng: Source of the samples.

    Returns:
        One rule for each column at most.
    """
    moments = [view for view in table.columns.values() if view.moments is not None]
    numbers = [view for view in table.columns.values() if view.is_exact and not view.is_flag]
    if not moments:
        return []
    some = table.take(rng.permutation(table.n_rows)[:_SAMPLE])
    later = offset_candidates(moments, some)
    after = list(number_candidates(moments, numbers, some))
    candidates = (
        [rule for rule in later if not rule.offsets],
        _dates(moments, table, some),
        [rule for rule in later if rule.offsets],
        _parts(moments, numbers, some, spans=False),
        fiscal_parts(moments, numbers, some),
        (rule for rule in after if rule.unit != "days"),
        _durations(moments, [*numbers, *(view for view in moments if view.is_span)], some),
        (rule for rule in after if rule.unit == "days"),
        category_candidates(moments, table, some),
        _parts(moments, numbers, some, spans=True),
        _ages(moments, numbers),
    )
    return _first_rules(chain(*candidates), table, rng)


def find_date_texts(table: TableView, rng: np.random.Generator) -> list[DateText]:
    """Find categories that are date-times in a text format, one rule for each column at most."""
    moments = [view for view in table.columns.values() if view.moments is not None]
    if not moments:
        return []
    some = table.take(rng.permutation(table.n_rows)[:_SAMPLE])
    labelled = [
        view
        for view in table.columns.values()
        if view.column.kind == "categorical"
        and len(view.column.categories) > 1
        and all(isinstance(value, str) for value in view.column.categories[:3])
    ]
    calendar = _texts(moments, labelled, some)
    return _first_rules(chain(calendar, fiscal_texts(moments, labelled, some)), table, rng)


def _first_rules(
    candidates: Iterable[_Candidate], table: TableView, rng: np.random.Generator
) -> list[_Candidate]:
    """Return the first candidate of each column that all rows keep, or all but a few.

    None is computed from itself by way of others.
    """
    found: dict[str, _Candidate] = {}
    given: dict[str, tuple[str, ...]] = {}
    inexact: list[_Candidate] = []

    def fits(candidate: _Candidate) -> bool:
        column = candidate.column
        return column not in found and not leads_to(column, candidate.given, given)

    for candidate in candidates:
        if not fits(candidate):
            continue
        exceptions = is_rule(candidate, table, rng)
        if exceptions == 0:
            found[candidate.column], given[candidate.column] = candidate, candidate.given
        elif exceptions is not None:
            inexact.append(candidate.model_copy(update={"exceptions": exceptions}))
    for candidate in inexact:
        if fits(candidate):
            found[candidate.column], given[candidate.column] = candidate, candidate.given
    return list(found.values())


def _dates(moments: list[ColumnView], table: TableView, some: TableView) -> Iterator[DateOf]:
    for of in moments:
        start, whole = some[of.name].seconds, of.seconds
        assert start is not None and whole is not None
        made = []
        for part in MOMENT_PARTS:
            if is_span(start) and part.startswith("time"):
                continue
            rule = DateOf(column="", of=of.name, part=part)
            expected = rule.expected(some)
            # Of two columns of dates that are the same, neither is the date of the other.
            if not _is_same(start, expected) or not _is_same(whole, rule.expected(table)):
                made.append((rule, expected))
        for column in moments:
            own = some[column.name].seconds
            assert own is not None
            if column.name == of.name or (is_span(own) and is_span(start)):
                continue
            for rule, expected in made:
                known = ~(np.isnan(expected) | np.isnan(own))
                if is_span(own) != rule.part.startswith("time") or not is_known_enough(known):
                    continue
                if (expected == own)[known].mean() >= AGREEING:
                    yield rule.model_copy(update={"column": column.name})


def _is_same(start: Floats, expected: Floats) -> bool:
    return bool((start == expected)[~np.isnan(expected)].all())


def _parts(
    moments: list[ColumnView], numbers: list[ColumnView], some: TableView, *, spans: bool
) -> Iterator[Formula]:
    for moment in moments:
        own, seconds = some[moment.name].moments, some[moment.name].seconds
        assert own is not None and seconds is not None
        if is_span(seconds) != spans:
            continue
        for part in _PARTS_OF_SPANS if spans else PARTS:
            values = date_part(own, part)
            if len(np.unique(values[~np.isnan(values)])) < 2:
                continue
            for number in numbers:
                for offset in _offsets(values, some[number.name], part):
                    if _mostly(values + offset, some[number.name]):
                        yield DatePart(column=number.name, of=moment.name, part=part, offset=offset)


def _offsets(values: Floats, number: ColumnView, part: str) -> tuple[int, ...]:
    if part not in _COUNTED:
        return _OFFSETS
    assert number.numbers is not None
    apart = number.numbers - values
    apart = apart[~np.isnan(apart)]
    return (round(float(np.median(apart))),) if len(apart) else ()


def _texts(
    moments: list[ColumnView], labelled: list[ColumnView], some: TableView
) -> Iterator[DateText]:
    for moment, written in product(moments, DATE_TEXTS if labelled else ()):
        seconds = some[moment.name].seconds
        assert seconds is not None
        if is_span(seconds):
            continue
        rule = DateText(column="", of=moment.name, format=written)
        texts = set(rule.coded(some)[1])
        for view in labelled:
            # Most of the texts are categories, before the rows are compared.
            if len(texts.intersection(view.column.categories)) >= 0.9 * len(texts) > 1:
                candidate = rule.model_copy(update={"column": view.name})
                if candidate.broken(some).mean() <= 1 - AGREEING:
                    yield candidate


def _durations(
    moments: list[ColumnView], numbers: list[ColumnView], some: TableView
) -> Iterator[Formula]:
    few = [some[number.name] for number in numbers]
    values = [view.numbers for view in few if view.numbers is not None]
    if not values:
        return
    counts, only_spans = np.stack(values, axis=1), all(view.is_span for view in few)
    for start, end in permutations(moments, 2):
        first, last = some[start.name].seconds, some[end.name].seconds
        assert first is not None and last is not None
        # What lies between two spans is said as their difference.
        of_spans = start.is_span or end.is_span
        if of_spans and only_spans:
            continue
        for unit in get_args(Unit):
            for whole in (False, True) if unit in SECONDS else (False,):
                rule = Duration(column="", start=start.name, end=end.name, unit=unit, whole=whole)
                expected = rule.expected(some)
                # Most columns are far away in many rows, which is quickly seen of all of them.
                far = np.abs(counts - expected[:, None]) > _FAR + 2e-9 * np.abs(expected[:, None])
                known = (~np.isnan(expected)).astype(float) @ ~np.isnan(counts)
                for place in np.flatnonzero(far.sum(axis=0) <= (1 - AGREEING) * known):
                    if few[place].is_span and (unit != "seconds" or whole or of_spans):
                        continue
                    if _mostly(expected, few[place]):
                        yield rule.model_copy(update={"column": few[place].name})


def _ages(moments: list[ColumnView], numbers: list[ColumnView]) -> Iterator[Age]:
    """Yield ages on the earliest day that all rows allow.

    Dates are compared on a scale of months of 31 days, on which a year is always as long.
    """
    for moment, number in product(moments, numbers):
        assert moment.moments is not None and number.numbers is not None
        wall = wall_clock(moment.moments)
        born = (372 * wall.dt.year + 31 * wall.dt.month + wall.dt.day).to_numpy(np.float64)
        known = ~(np.isnan(born) | np.isnan(number.numbers))
        ages = number.numbers[known]
        if known.sum() < _MIN_AGES or (ages % 1 != 0).any():
            continue
        for unit, length in _LENGTHS.items():
            first = int((born[known] + length * ages).max())
            if first < (born[known] + length * (ages + 1)).min():
                year, rest = divmod(first - 32, 372)
                day = date(year, rest // 31 + 1, 1) + timedelta(days=rest % 31)
                yield Age(column=number.name, of=moment.name, day=day, unit=unit)


def _mostly(expected: Floats, view: ColumnView) -> bool:
    assert view.numbers is not None
    known = ~(np.isnan(expected) | np.isnan(view.numbers))
    if not is_known_enough(known):
        return False
    close = agrees(expected[known], view.numbers[known], view.tolerance)
    return bool(close.mean() >= AGREEING)
