"""Find columns that always have one category where another column has certain values."""

from collections.abc import Collection, Mapping

import numpy as np

from tabvae_ray.table.rules.column_views import ColumnView, Label, TableView
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, unlikely
from tabvae_ray.table.rules.finding.short_numbers import shortest
from tabvae_ray.table.rules.forms.fixed import Fixed

__all__ = ["find_fixed", "find_fixed_in_ranges"]

_SAMPLE, _MAX_CATEGORIES, _MAX_LEVELS = 2_000, 30, 3_000
_AGREEING = 0.97
# Values beside which a column is fixed are listed, and each has so many rows.
_MAX_VALUES, _MIN_ROWS_EACH = 8, 10
# Where nothing fixes it, a column varies.
_MOST_USUAL = 0.95
# Of the rows beyond a limit, those nearest to it, and how many of them must be otherwise.
_EDGE, _MIN_EDGE, _NEXT, _MOST = 0.1, 30, 20, 0.4
# Of two columns that are merely correlated, some rows at the end are alike.
_MIN_INSIDE = 30
_MIN_NUMBERS = 3


def find_fixed(
    table: TableView,
    given: Mapping[str, Collection[str]],
    related: Collection[frozenset[str]],
    grouped: Collection[str],
    rng: np.random.Generator,
) -> list[Fixed]:
    """Find columns that always have one category where another one has certain values.

    Args:
        table: The real rows.
        given: Columns that other rules compute, and what from.
        related: Pairs of columns of which another rule says more.
        grouped: Columns that exclude others, of which each would fix many.
        rng: Source of the sample.
    """
    # Numbers of few values, such as 0 and 1, fix categories, too.
    numbers = [
        view
        for view in table.labelled(_MAX_CATEGORIES)
        if view.n_codes > 1 and view.numbers is not None and not view.is_flag
    ]
    labelled = _labelled(table, grouped)
    views = [*labelled, *(view for view in numbers if view.name not in grouped)]
    if len(views) < 2 or sum(view.n_codes for view in views) > _MAX_LEVELS:
        return []
    rows = rng.permutation(table.n_rows)[:_SAMPLE]
    marks = [view.codes[rows][:, None] == np.arange(view.n_codes) for view in views]
    together = np.concatenate(marks, axis=1).astype(np.float32)
    together = together.T @ together
    ends = np.cumsum([view.n_codes for view in views])
    found: list[Fixed] = []
    # Of two columns of two categories, each says the same of the other.
    said = set(related)
    # What is exactly so is so the other way round.
    both: set[frozenset[str]] = set()
    for i, view in enumerate(labelled):
        if view.name in given:
            continue
        own = together[:, ends[i] - view.n_codes : ends[i]]
        # Each value of each column: is this one nearly always the same beside it?
        alike = own.max(axis=1) >= _AGREEING * own.sum(axis=1)
        for j, other in enumerate(views):
            part = alike[ends[j] - other.n_codes : ends[j]]
            pair = frozenset((view.name, other.name))
            if i == j or not part.any() or pair in (related if view.n_codes > 2 else said):
                continue
            if leads_to(view.name, (other.name,), given):
                continue
            rules = _of_pair(view, other)
            if view.n_codes == 2 < other.n_codes and other.name not in given:
                # The other column then is its one remaining category, which says the same.
                rules = [rule for rule in rules if len(rule.values) < other.n_codes - 1]
            if pair in both:
                rules = [rule for rule in rules if not rule.exactly]
            found += rules
            said |= {pair} if rules else set()
            both |= {pair} if any(rule.exactly for rule in rules) else set()
    return _without_implied(found)


def find_fixed_in_ranges(
    table: TableView,
    given: Mapping[str, Collection[str]],
    related: Collection[frozenset[str]],
    grouped: Collection[str],
    rng: np.random.Generator,
) -> list[Fixed]:
    """Find columns that always have one category below or above a number, one rule for each.

    Args:
        table: The real rows.
        given: Columns that other rules compute, and what from.
        related: Pairs of columns of which another rule says more.
        grouped: Columns that exclude others.
        rng: Source of the sample.
    """
    views = [view for view in _labelled(table, grouped) if view.name not in given]
    best: dict[str, tuple[float, Fixed]] = {}
    if not views:
        return []
    rows = rng.permutation(table.n_rows)[:_SAMPLE]
    codes = np.stack([view.codes[rows] for view in views], axis=1)
    for other in table.columns.values():
        if other.column.kind != "continuous" or other.numbers is None:
            continue
        numbers = other.numbers[rows]
        order = np.argsort(numbers, kind="stable")[: (~np.isnan(numbers)).sum()]
        for above in (False, True):
            ordered = codes[order[::-1] if above else order]
            if len(ordered) < _MIN_ROWS_EACH:
                continue
            alike = ordered == ordered[0]
            for i in np.flatnonzero((alike[:_MIN_ROWS_EACH].all(axis=0)) & ~alike.all(axis=0)):
                view = views[i]
                pair = frozenset((view.name, other.name))
                if pair in related or leads_to(view.name, (other.name,), given):
                    continue
                found = _beyond(view, other, int(ordered[0, i]), above=above)
                if found is not None and found[0] > best.get(view.name, (0.0,))[0]:
                    best[view.name] = found
    return [best[view.name][1] for view in views if view.name in best]


def _labelled(table: TableView, grouped: Collection[str]) -> list[ColumnView]:
    return [
        view
        for view in table.labelled(_MAX_CATEGORIES)
        if view.n_codes > 1
        and view.name not in grouped
        # What numbers must be 0 is said otherwise.
        and (view.is_flag or view.numbers is None)
    ]


def _beyond(
    view: ColumnView, other: ColumnView, code: int, *, above: bool
) -> tuple[float, Fixed] | None:
    """Return the range of a number in which a column is one category, and how sure that is."""
    assert other.numbers is not None
    sign = -1.0 if above else 1.0
    known = ~np.isnan(other.numbers) & ~view.missing
    numbers, own = sign * other.numbers[known], view.codes[known] == code
    if own.all():
        return None
    # Equal numbers may come in any order.
    end = float(numbers[~own].min())
    inside = numbers < end
    n_inside, rest = int(inside.sum()), own[~inside]
    if n_inside < _MIN_INSIDE or len(np.unique(numbers[inside])) < _MIN_NUMBERS:
        return None
    if rest.mean() > _MOST_USUAL:
        return None
    # The limit is where the rows say, so the chance is that of all rows, not of those beyond it.
    if not unlikely(float(own.mean()), n_inside, 0.0):
        return None
    # Just beyond the limit it varies as elsewhere, or else both are merely correlated.
    beyond = np.sort(numbers[~inside])
    for n_near in (_NEXT, max(min(int(_EDGE * len(rest)), n_inside), _MIN_EDGE)):
        edge = own[~inside & (numbers <= beyond[:n_near][-1])]
        if 1 - edge.mean() < _MOST * (1 - rest.mean()):
            return None
    last = float(numbers[inside].max())
    # From the limit on it is above; below it the limit itself is out.
    limit = shortest(-end, -last) if above else shortest(last, end)
    rule = Fixed(
        column=view.name, label=_value(view, code), other=other.name, limit=limit, above=above
    )
    return -n_inside * float(np.log(own.mean())), rule


def _of_pair(view: ColumnView, other: ColumnView) -> list[Fixed]:
    """Return one rule for each category that certain values of another column fix."""
    known = np.flatnonzero(~view.missing & ~other.missing)
    n_rows, width = len(view.codes), view.n_codes
    pairs = other.codes[known] * width + view.codes[known]
    counts = np.bincount(pairs, minlength=width * other.n_codes).reshape(-1, width)
    sizes, usual = counts.sum(axis=1), counts.argmax(axis=1)
    broken = sizes - counts.max(axis=1)
    fixing = (broken < MAX_EXCEPTIONS * sizes) & (sizes >= _MIN_ROWS_EACH)
    # Values of few rows neither vary nor are fixed.
    if not fixing.any() or not (~fixing & (sizes >= _MIN_ROWS_EACH)).any():
        return []
    rest, found = counts[~fixing].sum(axis=0), []
    if rest.sum() < _MIN_ROWS_EACH or rest.max() > _MOST_USUAL * rest.sum():
        return []
    for code in np.unique(usual[fixing]):
        places = np.flatnonzero(fixing & (usual == code))
        elsewhere = counts[:, code].sum() - counts[places, code].sum()
        n_others = sizes.sum() - sizes[places].sum()
        n_fixed, n_broken = int(sizes[places].sum()), int(broken[places].sum())
        by_chance = max(float(elsewhere / n_others), float(rest[code] / rest.sum()))
        if len(places) > _MAX_VALUES or by_chance > _MOST_USUAL:
            continue
        if not unlikely(by_chance, n_fixed, n_broken / n_fixed):
            continue
        exactly = bool(elsewhere <= n_broken) and bool(elsewhere == 0 or n_broken > 0)
        values = tuple(sorted((_value(other, int(place)) for place in places), key=str))
        found.append(
            Fixed(
                column=view.name,
                label=_value(view, int(code)),
                other=other.name,
                values=values,
                exactly=exactly,
                exceptions=(n_broken + (int(elsewhere) if exactly else 0)) / n_rows,
            )
        )
    return found


def _value(view: ColumnView, code: int) -> Label:
    return view.value_at(int(np.argmax(view.codes == code)))


def _without_implied(rules: list[Fixed]) -> list[Fixed]:
    """Leave out rules between columns of which another pair already says the same.

    If a fixes b and b fixes c beside the fixed value, then a fixes c by itself.
    """
    said = {(rule.other, rule.column): rule for rule in rules if rule.exceptions == 0}
    kept = []
    for rule in rules:
        through = [
            middle
            for (start, middle), first in said.items()
            if start == rule.other
            and middle != rule.column
            and set(first.values) >= set(rule.values)
            and (second := said.get((middle, rule.column))) is not None
            and second is not rule
            and second.label == rule.label
            and first.label in second.values
        ]
        if not through:
            kept.append(rule)
    return kept
