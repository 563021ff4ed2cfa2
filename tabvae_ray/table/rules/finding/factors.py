"""Find products with a factor that a category says: a currency, a unit, a tax class."""

from collections.abc import Iterator, Sequence

import numpy as np

from tabvae_ray.table.rules.column_views import ColumnView, Floats, Label, Mask, TableView
from tabvae_ray.table.rules.finding.short_numbers import fewest_decimals
from tabvae_ray.table.rules.forms.several import Scaled

__all__ = ["scaled_products"]

_MAX_COLUMNS, _MAX_CATEGORIES = 100, 20
# Rows of each category that pairs of columns are compared in, and rows that factors are taken from.
_FIRST_ROWS, _MORE, _FEWEST = 8, 2048, 5
_DECIMALS = range(-6, 9)
# What float64 may lose, as a share.
_ERROR = 1e-9
# A factor of fewer digits than this is one that somebody chose.
_MAX_LENGTH = 7


def scaled_products(
    names: Sequence[str],
    table: TableView,
    numbers: Floats,
    tolerances: Floats,
    results: Mask,
) -> Iterator[list[Scaled]]:
    """Yield columns that are another one times a factor that a category says.

    Args:
        names: Columns of numbers.
        table: All columns of some rows.
        numbers: ``(N, C)`` the numbers of these rows, NaN where missing.
        tolerances: ``(C,)`` half of the last decimal place of each column.
        results: ``(C,)`` true for columns that may be computed.
    """
    if len(names) > _MAX_COLUMNS or not results.any():
        return
    places = np.flatnonzero(results)
    found: dict[frozenset[str], list[tuple[float, int, Scaled]]] = {}
    for view in table.columns.values():
        if view.column.kind != "categorical" or not 2 <= view.n_codes <= _MAX_CATEGORIES:
            continue
        possible = np.ones((len(places), len(names)), dtype=bool)
        low_of_all = np.full(possible.shape, np.inf)
        high_of_all = np.full(possible.shape, -np.inf)
        for rows in _rows_of(view):
            few = numbers[rows[:_FIRST_ROWS]]
            low, high = _limits(few[:, places, None], few[:, None, :], tolerances[places, None])
            possible &= low <= high
            low_of_all, high_of_all = np.fmin(low_of_all, high), np.fmax(high_of_all, low)
        # With one factor for all, the category says nothing.
        possible &= low_of_all < high_of_all
        for i, of in np.argwhere(possible):
            column = int(places[i])
            if column != of and view.name not in (names[column], names[of]):
                pair = numbers[:, [column, of]]
                rule = _fitted(names[column], names[of], view, pair, float(tolerances[column]))
                if rule is None:
                    continue
                steps = [abs(factor) * tolerances[of] for factor in rule.factors if factor]
                lost = float(tolerances[column] / max(min(steps), 1e-300))
                digits = sum(map(_length, rule.factors))
                columns = frozenset((rule.column, rule.of, rule.by))
                found.setdefault(columns, []).append((max(round(lost, 6), 1.0), digits, rule))
    # The way round that loses fewest digits, and the shortest factors of all first.
    ways = [sorted(each, key=lambda way: way[:2]) for each in found.values()]
    for each in sorted(ways, key=lambda ways: ways[0][1]):
        yield [rule for _, _, rule in each][:1]


def _rows_of(view: ColumnView) -> Iterator["np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Yield the rows of each category that has enough of them."""
    order = np.argsort(view.codes, kind="stable")
    ends = np.cumsum(np.bincount(view.codes))
    for rows in np.split(order, ends[:-1]):
        if len(rows) >= _FEWEST and not view.missing[rows[0]]:
            yield rows


def _limits(own: Floats, of: Floats, slack: "Floats | float") -> tuple[Floats, Floats]:
    """Return between which numbers the factor of some rows lies; none if the first is larger."""
    off = slack + _ERROR * np.maximum(1.0, np.abs(own))
    with np.errstate(all="ignore"):
        ends = np.sort(np.stack(np.broadcast_arrays((own - off) / of, (own + off) / of)), axis=0)
    # Of nothing, any multiple is nothing.
    zero, unknown = np.abs(own) <= off, np.isnan(own) | np.isnan(of)
    low = np.where((of == 0) & zero | unknown, -np.inf, np.where(of == 0, np.inf, ends[0]))
    high = np.where((of == 0) & zero | unknown, np.inf, np.where(of == 0, -np.inf, ends[1]))
    return low.max(axis=0), high.min(axis=0)


def _fitted(column: str, of: str, view: ColumnView, pair: Floats, slack: float) -> Scaled | None:
    labels: list[Label] = []
    factors: list[float] = []
    varied = False
    for rows in _rows_of(view):
        part = pair[rows[:_MORE]]
        used = (part[:, 1] != 0) & ~np.isnan(part).any(axis=1)
        if used.sum() < _FEWEST:
            return None
        own, other = part[used, 0], part[used, 1]
        varied = varied or bool(np.ptp(own) > 2 * slack)
        low, high = (float(end) for end in _limits(own, other, slack))
        if low > high:
            return None
        factor = fewest_decimals(low, high, _DECIMALS) + 0.0
        # What rounding leaves of the numbers must tell the factor.
        if _length(factor) > _MAX_LENGTH:
            return None
        if factor and high - low > 0.02 * abs(factor):
            return None
        labels.append(view.value_at(int(rows[0])))
        factors.append(factor)
    # Where the category itself says the number, there is nothing to multiply.
    if len(set(factors)) < 2 or not varied:
        return None
    order = sorted(range(len(labels)), key=lambda i: str(labels[i]))
    return Scaled(
        column=column,
        of=of,
        by=view.name,
        labels=tuple(labels[i] for i in order),
        factors=tuple(factors[i] for i in order),
    )


def _length(factor: float) -> int:
    return len(f"{abs(factor):.12g}".replace(".", "").strip("0"))
