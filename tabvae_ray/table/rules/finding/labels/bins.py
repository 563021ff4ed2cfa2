"""Find categories that are ranges of a number or of a part of a date-time."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from tabvae_ray.table.rules.column_views import Codes, ColumnView, Floats, Label, Mask, TableView
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS
from tabvae_ray.table.rules.finding.short_numbers import shortest
from tabvae_ray.table.rules.forms.bins import Bins
from tabvae_ray.table.rules.forms.parts import Part, date_part

__all__ = ["find_bins", "label_of_absent"]

_SAMPLE, _MAX_LABELS, _MAX_RUNS = 1_000, 30, 24
# Fewer different numbers are looked up one by one.
_MIN_NUMBERS = 20
_MIN_ROWS_EACH, _MIN_ABSENT = 5, 10
# Logarithm of the probability below which chance is ruled out, over all pairs of columns.
_CHANCE, _CHANCE_OF_VALUES = 30.0, 12.0
_PARTS: tuple[Part, ...] = ("year", "month", "weekday", "hour", "day of the year", "day")
# Pairs of columns that are held against all rows.
_MOST_CHECKED = 2_000


def find_bins(
    table: TableView, rng: np.random.Generator, known: Mapping[str, Collection[str]]
) -> list[Bins]:
    """Find categories that ranges of a number determine, one rule for each column at most.

    Args:
        table: The real rows.
        rng: Source of the sample.
        known: Columns that are computed otherwise, and what from.
    """
    labelled = [view for view in table.labelled(_MAX_LABELS) if view.name not in known]
    if not labelled:
        return []
    rows = rng.permutation(table.n_rows)[:_SAMPLE]
    codes = np.stack([np.where(view.missing, -1, view.codes) for view in labelled], axis=1)
    given = {name: tuple(others) for name, others in known.items()}
    found: dict[str, tuple[tuple[bool, int, int], Bins]] = {}
    n_checked = 0
    for order, (of, part, numbers) in enumerate(_numbers(table)):
        for i in _likely(numbers[rows], codes[rows]):
            view = labelled[i]
            if view.name == of or leads_to(view.name, (of,), given) or n_checked > _MOST_CHECKED:
                continue
            n_checked += 1
            rule = _fitted(view, codes[:, i], of, part, numbers)
            if rule is None:
                continue
            rank = rule.exceptions > 0, len(rule.limits) + _digits(rule.limits), order
            if view.name not in found or rank < found[view.name][0]:
                found[view.name] = rank, rule
    kept: list[Bins] = []
    for view in labelled:
        if view.name in found:
            rule = found[view.name][1]
            if not leads_to(view.name, rule.given, given):
                given[view.name] = rule.given
                kept.append(rule)
    return kept


def _numbers(table: TableView) -> Iterator[tuple[str, Part | None, Floats]]:
    """Yield what ranges may divide: numbers of many values, and parts of date-times."""
    for view in table.columns.values():
        if view.column.kind == "continuous" and view.numbers is not None:
            if view.n_codes >= _MIN_NUMBERS:
                yield view.name, None, view.numbers
        elif view.moments is not None:
            for part in _PARTS:
                numbers = date_part(view.moments, part)
                if len(np.unique(numbers[~np.isnan(numbers)])) > 2:
                    yield view.name, part, numbers


def _likely(numbers: Floats, codes: Codes) -> list[int]:
    """Return the columns of codes ``(S, C)`` that change seldom in the order of the numbers."""
    present = np.flatnonzero(~np.isnan(numbers))
    if len(present) < 2 * _MIN_ROWS_EACH:
        return []
    # Rows of equal numbers may come in any order, but a category that they determine is one.
    ordered = codes[present[np.argsort(numbers[present], kind="stable")]]
    changes = (np.diff(ordered, axis=0) != 0).sum(axis=0)
    most = _MAX_RUNS + 2 * MAX_EXCEPTIONS * len(present) + 2
    varied = (ordered.max(axis=0) != ordered.min(axis=0)) & (changes <= most)
    by_chance = [
        len(present) * (1 - ((np.unique(c, return_counts=True)[1] / len(c)) ** 2).sum())
        for c in ordered.T
    ]
    return [int(i) for i in np.flatnonzero(varied & (changes <= 0.6 * np.array(by_chance) + 1))]


def _fitted(
    view: ColumnView, codes: Codes, of: str, part: Part | None, numbers: Floats
) -> Bins | None:
    """Return the ranges that all rows but a few exceptions keep; None if chance explains them."""
    absent = np.isnan(numbers)
    rows = np.flatnonzero(~absent & (codes >= 0))
    rows = rows[np.argsort(numbers[rows], kind="stable")]
    numbers, codes = numbers[rows], codes[rows]
    values, starts = np.unique(numbers, return_index=True)
    # The most frequent code of each number, and its rows.
    width = int(codes.max()) + 1
    of_value = np.repeat(np.arange(len(values)), np.diff(np.append(starts, len(numbers))))
    pairs, counts = np.unique(of_value * width + codes, return_counts=True)
    order = np.lexsort((counts, pairs // width))
    last = np.append(np.diff(pairs[order] // width) != 0, True)
    usual, weights = (pairs[order] % width)[last], counts[order][last]
    kept = _without_short_runs(usual, weights)
    if kept is None:
        return None
    values, usual, weights = values[kept], usual[kept], weights[kept]
    ends = np.flatnonzero(np.diff(usual))
    n_runs = len(ends) + 1
    sizes = np.add.reduceat(weights, np.append(0, ends + 1))
    if not 2 <= n_runs <= _MAX_RUNS or sizes.min() < _MIN_ROWS_EACH:
        return None
    if part is None and len(values) < max(_MIN_NUMBERS, 4 * n_runs):
        return None
    if _surprise(usual, weights, n_runs) < _CHANCE:
        return None
    if part is None and _surprise(usual, np.ones(len(usual)), n_runs) < _CHANCE_OF_VALUES:
        # Whether there is any is the most usual of flags.
        if n_runs > 2 or 0.0 not in (values[0], values[-1]) or len(values) in (*ends, 1):
            return None
        if 0 not in ends and len(values) - 2 not in ends:
            return None
    limits = tuple(shortest(values[i], values[i + 1]) for i in ends)
    upper = tuple(-shortest(-values[i + 1], -values[i]) for i in ends)
    right = part is None and _digits(upper) < _digits(limits)
    limits = upper if right else limits
    known = dict(zip(codes.tolist(), view.values.iloc[rows].tolist(), strict=True))
    labels: tuple[Label, ...] = tuple(known[int(code)] for code in usual[np.append(ends, -1)])
    places = np.searchsorted(limits, numbers, side="left" if right else "right")
    wrong = codes != usual[np.append(ends, len(usual) - 1)][places]
    exceptions = float(wrong.sum()) / len(view.values)
    if wrong.mean() >= MAX_EXCEPTIONS:
        return None
    rarest = min(np.bincount(codes)[np.unique(usual)])
    if wrong.sum() > 0.05 * rarest:
        return None
    return Bins(
        column=view.name,
        of=of,
        part=part,
        limits=limits,
        right=right,
        labels=labels,
        absent=label_of_absent(view, absent),
        exceptions=exceptions,
    )


def label_of_absent(view: ColumnView, absent: Mask) -> Label | None:
    """Return the category that a column has in all rows where others are missing.

    Args:
        view: The column.
        absent: ``(N,)`` true where others are missing.
    """
    rows = np.flatnonzero(absent & ~view.missing)
    if len(rows) < _MIN_ABSENT or len(rows) < absent.sum() or np.ptp(view.codes[rows]):
        return None
    return view.value_at(int(rows[0]))


def _digits(limits: Sequence[float]) -> int:
    """Return how many digits it takes to write limits."""
    return sum(len(f"{limit:.12g}".strip("0.-")) for limit in limits)


def _without_short_runs(codes: Codes, weights: Codes) -> Codes | None:
    """Return the places of codes without runs of few rows, which may be exceptions.

    None if there are too many runs for ranges.
    """
    kept = np.arange(len(codes))
    for _ in range(3):
        starts = np.append(0, np.flatnonzero(np.diff(codes[kept])) + 1)
        sizes = np.add.reduceat(weights[kept], starts)
        if sizes.min() >= _MIN_ROWS_EACH:
            return kept
        if (sizes < _MIN_ROWS_EACH).sum() > MAX_EXCEPTIONS * weights.sum() + 1:
            return None
        lengths = np.diff(np.append(starts, len(kept)))
        kept = kept[np.repeat(sizes >= _MIN_ROWS_EACH, lengths)]
        if len(kept) == 0:
            return None
    return kept


def _surprise(codes: Codes, weights: "Floats | Codes", n_runs: int) -> float:
    """Return minus the logarithm of the probability that chance makes so few runs."""
    # Commands that look for no rules start without scipy.
    from scipy.special import gammaln

    sizes = np.bincount(codes, weights=weights)
    ways = gammaln(sizes.sum() + 1) - gammaln(sizes + 1).sum()
    return float(ways - n_runs * np.log(sizes.sum()))
