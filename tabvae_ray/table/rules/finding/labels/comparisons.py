"""Find categories that say which of two columns is the larger one."""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

import numpy as np

from tabvae_ray.table.rules.column_views import Codes, ColumnView, Label, TableView
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, unlikely
from tabvae_ray.table.rules.finding.labels.bins import label_of_absent
from tabvae_ray.table.rules.forms.comparison import Comparison, compare
from tabvae_ray.table.rules.rule import agrees_within_groups

__all__ = ["find_comparisons"]

_SAMPLE, _MAX_LABELS, _MIN_VALUES = 1_000, 3, 3
# Columns of which all pairs are compared.
_MAX_COLUMNS = 80
_AGREEING = 0.97
# Shuffling one of the two columns must break so many rows, and so many times as before.
_MIN_BROKEN, _TIMES_BROKEN = 0.02, 10
_MIN_EACH = 5


def find_comparisons(
    table: TableView, rng: np.random.Generator, known: Mapping[str, Collection[str]]
) -> list[Comparison]:
    """Find categories that compare two columns, one rule for each column at most.

    Args:
        table: The real rows.
        rng: Source of the sample.
        known: Columns that are computed otherwise, and what from.
    """
    labelled = [view for view in table.labelled(_MAX_LABELS) if view.name not in known]
    rows = rng.permutation(table.n_rows)[:_SAMPLE]
    widths = [view.n_codes for view in labelled]
    marks = [
        view.codes[rows][:, None] == np.arange(width)
        for view, width in zip(labelled, widths, strict=True)
    ]
    found: dict[str, Comparison] = {}
    given = {name: tuple(others) for name, others in known.items()}
    if not labelled:
        return []
    stacked = np.concatenate(marks, axis=1).astype(np.float32)
    starts = np.cumsum([0, *widths[:-1]])
    for one, other in _pairs(table):
        signs = _signs(one, other, rows)
        classes = (signs == np.array([[0], [1], [2]])).astype(np.float32)
        sizes = classes.sum(axis=1)
        if (sizes > 0).sum() < 2:
            continue
        agreeing = np.maximum.reduceat(classes @ stacked, starts, axis=1).sum(axis=0)
        for i in np.flatnonzero(agreeing >= _AGREEING * sizes.sum()):
            view = labelled[i]
            best = found.get(view.name)
            if view.name in (one.name, other.name) or (best and best.exceptions == 0):
                continue
            if leads_to(view.name, (one.name, other.name), given):
                continue
            rule = _fitted(view, one, other, table, rng)
            if rule is not None and (best is None or rule.exceptions < best.exceptions):
                found[view.name] = rule
                given[view.name] = rule.given
    return [found[view.name] for view in labelled if view.name in found]


def _pairs(table: TableView) -> Iterator[tuple[ColumnView, ColumnView]]:
    """Yield the pairs of columns of one kind that can be compared."""
    views = list(table.columns.values())
    moments = [view for view in views if view.column.kind == "datetime"]
    numbers = [
        view for view in views if view.is_exact and not view.is_flag and view.n_codes >= _MIN_VALUES
    ]
    for some in (moments, numbers):
        if len(some) <= _MAX_COLUMNS:
            yield from combinations(some, 2)


def _signs(one: ColumnView, other: ColumnView, rows: "Codes | slice") -> Codes:
    """Return 0, 1, 2 where a column is below, equal to or above another one; -1 if missing."""
    compared = compare(one.comparable[rows], other.comparable[rows])
    return np.where(np.isnan(compared), -1, compared).astype(np.int64)


def _determines(one: ColumnView, view: ColumnView) -> bool:
    """Return True if one column alone says the category, by values of many rows each."""
    if one.n_codes * _MIN_EACH > len(view.codes):
        return False
    return bool(agrees_within_groups(one.codes, view.codes).all())


def _fitted(
    view: ColumnView, one: ColumnView, other: ColumnView, table: TableView, rng: np.random.Generator
) -> Comparison | None:
    """Return the comparison that nearly all rows keep; None if chance explains it."""
    signs = _signs(one, other, slice(None))
    rows = np.flatnonzero((signs >= 0) & ~view.missing)
    signs, codes = signs[rows], view.codes[rows]
    counts = np.bincount(3 * codes + signs, minlength=3 * view.n_codes).reshape(-1, 3)
    usual, sizes = counts.argmax(axis=0), counts.sum(axis=0)
    if sizes[0] < _MIN_EACH or sizes[2] < _MIN_EACH:
        return None
    if sizes[1] == 0:
        # A flag seldom includes equal ones.
        usual[1] = usual[0 if sizes[0] >= sizes[2] else 2]
    if len(np.unique(usual)) < 2:
        return None
    equal_values = len(np.unique(one.codes[rows][signs == 1]))
    if usual[0] == usual[2] and equal_values < _MIN_VALUES:
        # Where both are nothing, they are not compared.
        return None
    if any(_determines(each, view) for each in (one, other)):
        return None
    broken = float((usual[signs] != codes).mean())
    shares = np.bincount(codes, minlength=view.n_codes) / len(codes)
    by_chance = float((sizes / len(codes)) @ shares[usual])
    if broken >= MAX_EXCEPTIONS or not unlikely(by_chance, len(rows), broken):
        return None
    for left, right in ((rng.permutation(rows), rows), (rows, rng.permutation(rows))):
        mixed = compare(one.comparable[left], other.comparable[right]).astype(np.int64)
        if (usual[mixed] != codes).mean() < max(_MIN_BROKEN, _TIMES_BROKEN * broken):
            return None
    names = dict(zip(codes.tolist(), view.values.iloc[rows].tolist(), strict=True))
    below, equal, above = (names[int(code)] for code in usual)
    labels: tuple[Label, Label, Label] = (below, equal, above)
    rule = Comparison(column=view.name, of=one.name, than=other.name, labels=labels)
    absent = label_of_absent(view, one.missing | other.missing)
    exceptions = broken * len(rows) / table.n_rows
    return rule.model_copy(update={"absent": absent, "exceptions": exceptions})
