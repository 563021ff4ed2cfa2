"""Find columns that are parts of a date-time, or the time between two."""

from collections.abc import Iterator
from itertools import chain, permutations
from typing import get_args

import numpy as np

from tabvae_ray.table.rules.column_views import ColumnView, TableView
from tabvae_ray.table.rules.finding.evidence import is_rule
from tabvae_ray.table.rules.forms.column_rule import agrees
from tabvae_ray.table.rules.forms.dates import DateOf
from tabvae_ray.table.rules.forms.formula import (
    SECONDS,
    DatePart,
    Duration,
    Formula,
    Part,
    Unit,
    date_part,
)

__all__ = ["find_moment_rules"]

_SAMPLE, _AGREEING = 256, 0.97
# Weeks and weekdays may count from 0, 1 or Sunday; a column that is 1 off is still the same part.
_OFFSETS = (0, 1, -1)


def find_moment_rules(table: TableView, rng: np.random.Generator) -> list[Formula | DateOf]:
    """Find numbers and dates that date-times determine.

    Args:
        table: The real rows.
        rng: Source of the samples.

    Returns:
        One rule for each column at most.
    """
    moments = [view for view in table.columns.values() if view.moments is not None]
    numbers = [view for view in table.columns.values() if view.is_exact]
    if not moments:
        return []
    some = table.take(rng.permutation(table.n_rows)[:_SAMPLE])
    found: dict[str, Formula | DateOf] = {}
    candidates = (
        _dates(moments, some),
        _parts(moments, numbers, some),
        _durations(moments, numbers, some),
    )
    for candidate in chain(*candidates):
        if candidate.column not in found:
            exceptions = is_rule(candidate, table, rng)
            if exceptions is not None:
                found[candidate.column] = candidate.model_copy(update={"exceptions": exceptions})
    return list(found.values())


def _dates(moments: list[ColumnView], some: TableView) -> Iterator[DateOf]:
    for of, column in permutations(moments, 2):
        rule = DateOf(column=column.name, of=of.name)
        expected = rule.expected(some)
        start, own = some[of.name].seconds, some[column.name].seconds
        assert start is not None and own is not None
        known = ~(np.isnan(expected) | np.isnan(own))
        # Of two columns of dates that are the same, neither is the date of the other.
        if known.sum() < min(30, len(own) / 2) or (start == expected)[known].all():
            continue
        if (expected == own)[known].mean() >= _AGREEING:
            yield rule


def _parts(
    moments: list[ColumnView], numbers: list[ColumnView], some: TableView
) -> Iterator[Formula]:
    for moment in moments:
        own = some[moment.name].moments
        assert own is not None
        for part in get_args(Part):
            values = date_part(own, part)
            if len(np.unique(values[~np.isnan(values)])) < 2:
                continue
            for offset in _OFFSETS:
                for number in numbers:
                    if _mostly(values + offset, some[number.name]):
                        yield DatePart(column=number.name, of=moment.name, part=part, offset=offset)


def _durations(
    moments: list[ColumnView], numbers: list[ColumnView], some: TableView
) -> Iterator[Formula]:
    for start, end in permutations(moments, 2):
        first, last = some[start.name].seconds, some[end.name].seconds
        assert first is not None and last is not None
        for unit in get_args(Unit):
            for whole in (False, True) if unit in SECONDS else (False,):
                rule = Duration(column="", start=start.name, end=end.name, unit=unit, whole=whole)
                expected = rule.expected(some)
                for number in numbers:
                    if _mostly(expected, some[number.name]):
                        yield rule.model_copy(update={"column": number.name})


def _mostly(expected: "np.ndarray[tuple[int], np.dtype[np.float64]]", view: ColumnView) -> bool:
    assert view.numbers is not None
    known = ~(np.isnan(expected) | np.isnan(view.numbers))
    if known.sum() < min(30, len(expected) / 2):
        return False
    close = agrees(expected[known], view.numbers[known], view.tolerance)
    return bool(close.mean() >= _AGREEING)
