"""Find totals: columns of numbers that are exact sums of many others, with factors perhaps.

One pivoted factorisation of some rows finds the columns that others determine, however many there
are, so that the cost does not grow with the number of possible sums.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import Floats, Mask
from tabvae_ray.table.rules.finding.agreement import AGREEING
from tabvae_ray.table.rules.forms.column_rule import agrees
from tabvae_ray.table.rules.forms.formula import Linear

__all__ = ["Relations", "find_totals"]

# Rows of a factorisation beyond the number of columns, and rows that a relation is checked in.
_SPARE, _CHECKED = 24, 2048
# Subsets of rows: an exception spoils one of them. The cost of all is bounded.
_SUBSETS, _MOST_COST = 8, 2 * 10**9
_MAX_COLUMNS, _MAX_TERMS, _MAX_PATTERNS = 1_000, 60, 6
# What is left of a column that others determine, relative to its spread: errors of float64.
_NOTHING = 1e-8
_MAX_DENOMINATOR = 100
_SMALL = 1e-7
# Relations that are compared with each other.
_MOST_SHORTENED = 30
# Ways round of one relation that are held against all rows.
_MAX_WAYS = 4

Places = npt.NDArray[np.intp]


class Relations:
    """Known sums, each as factors of columns that add up to a constant.

    Args:
        names: Columns of numbers.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._places = {name: i for i, name in enumerate(names)}
        self._known: list[Floats] = []

    def add(self, rule: Linear) -> None:
        """Remember what a rule says."""
        self._known.append(self._vector(rule))

    def shortens(self, rule: Linear) -> bool:
        """Return True if fewer columns say the same as a rule does, by what is known."""
        own = self._vector(rule)
        return bool(np.count_nonzero(self.shortened(own)) < np.count_nonzero(own))

    def plainer(self, rule: Linear) -> Linear | None:
        """Return a rule of the same column, with fewer others if what is known gives one.

        None if what then is left says nothing of that column.
        """
        own, place = self._vector(rule), self._places[rule.column]
        vector = self.shortened(own, plain=True)
        if np.count_nonzero(vector) == np.count_nonzero(own):
            return rule
        if vector[place] == 0:
            return None
        names = list(self._places)
        terms = {names[i]: float(-vector[i] / vector[place]) for i in np.flatnonzero(vector)}
        del terms[rule.column]
        return rule.model_copy(update={"terms": terms})

    def _vector(self, rule: Linear) -> Floats:
        vector = np.zeros(len(self._places))
        vector[self._places[rule.column]] = -1.0
        for name, factor in rule.terms.items():
            vector[self._places[name]] = factor
        return vector

    def shortened(
        self, vector: Floats, others: Sequence[Floats] = (), *, plain: bool = False
    ) -> Floats:
        """Return a relation with fewer columns that follows from it and what is known.

        A subtotal takes the place of its parts.

        Args:
            vector: Factors of all columns.
            others: Relations beside those that are known.
            plain: Whether only sums and differences count, which nothing rounds.
        """
        known_ones = [
            each for each in self._known if not plain or np.isin(np.abs(each), (0, 1)).all()
        ]
        shorter = True
        while shorter:
            shorter = False
            for known in (*known_ones, *others):
                for place in np.flatnonzero(known):
                    changed = vector - vector[place] / known[place] * known
                    changed[np.abs(changed) < _SMALL] = 0.0
                    if _size(changed) < _size(vector):
                        vector, shorter = changed, True
        return vector


def _size(vector: Floats) -> tuple[int, float]:
    """Return how many columns a relation has, and the sum of its factors if the least is 1."""
    sizes = np.abs(vector[vector != 0])
    return len(sizes), round(float(sizes.sum() / sizes.min()), 6) if len(sizes) else 0.0


def find_totals(
    names: Sequence[str],
    numbers: Floats,
    tolerances: Floats,
    results: Mask,
    relations: Relations,
) -> Iterator[list[Linear]]:
    """Yield exact sums of two or more columns, the ways round of each together.

    Args:
        names: Columns of numbers.
        numbers: ``(N, C)`` their values in shuffled order, NaN where missing.
        tolerances: ``(C,)`` half of the last decimal place of each column.
        results: ``(C,)`` true for columns that may be computed.
        relations: Sums that are known, which shorten others. It may grow meanwhile.
    """
    seen: set[tuple[int, ...]] = set()
    for columns, rows in _blocks(numbers):
        found = _relations_of(numbers[np.ix_(rows, columns)])
        for vector in _sparsest(found, columns, len(names), relations):
            vector = relations.shortened(vector)
            support = np.flatnonzero(vector)
            if not 3 <= len(support) <= _MAX_TERMS or tuple(support) in seen:
                continue
            ways = _ways(vector, support, names, numbers, tolerances, results)
            if ways:
                seen.add(tuple(support))
                yield ways


def _sparsest(
    found: Sequence[Floats], columns: Places, n_columns: int, relations: Relations
) -> list[Floats]:
    """Return relations of all columns, those of the fewest columns first.

    A factorisation explains some columns by all others: of a sum and a difference of two columns it
    may make one sum of many. So each is shortened by the others.
    """
    vectors: list[Floats] = []
    for own in found:
        vector = np.zeros(n_columns)
        vector[columns] = own
        vectors.append(vector)
    if len(vectors) <= _MOST_SHORTENED:
        for i in range(len(vectors)):
            vectors[i] = relations.shortened(vectors[i], [*vectors[:i], *vectors[i + 1 :]])
    return sorted(vectors, key=np.count_nonzero)


def _blocks(numbers: Floats) -> Iterator[tuple[Places, Places]]:
    """Yield columns and rows in which all of these columns have a value.

    Columns that are missing in other rows come together with those that have a value there.
    """
    present = ~np.isnan(numbers)
    patterns: dict[bytes, int] = {}
    for i in np.argsort(-present.sum(axis=0), kind="stable"):
        patterns.setdefault(present[:, i].tobytes(), int(i))
    done: set[bytes] = set()
    for place in list(patterns.values())[:_MAX_PATTERNS]:
        rows = np.flatnonzero(present[:, place])
        shares = present[rows].mean(axis=0) if len(rows) else np.zeros(numbers.shape[1])
        # As many columns as leave enough rows.
        order = np.argsort(-shares, kind="stable")[:_MAX_COLUMNS]
        order = order[shares[order] > 0]
        left = rows
        kept: list[int] = []
        for i in order:
            part = left[present[left, i]]
            if len(part) < len(kept) + 1 + _SPARE:
                break
            left = part
            kept.append(int(i))
        columns = np.array(sorted(kept), dtype=np.intp)
        if len(columns) >= 3 and columns.tobytes() not in done:
            done.add(columns.tobytes())
            yield columns, left


def _relations_of(part: Floats) -> list[Floats]:
    """Return ``(C,)`` factors with which the columns of some rows add up to a constant."""
    # Commands that look for no rules start without scipy.
    from scipy.linalg import qr, solve_triangular

    n_columns = part.shape[1]
    n_rows = 3 * n_columns + _SPARE
    cost = 4 * n_rows * n_columns**2
    found: dict[tuple[int, ...], Floats] = {}
    n_subsets = max(min(_SUBSETS, _MOST_COST // cost, len(part) // n_rows), 1)
    part = part[_varied_first(part, n_rows, n_subsets)]
    for subset in range(n_subsets):
        rows = part[subset * n_rows : (subset + 1) * n_rows]
        spread: Floats = np.std(rows, axis=0)
        # The mean of equal numbers may differ from them by a rounding error.
        varying = np.flatnonzero(spread > 1e-12 * np.abs(rows).max(axis=0))
        if len(varying) < 3:
            continue
        scaled = (rows[:, varying] - rows[:, varying].mean(axis=0)) / spread[varying]
        triangle, order = qr(scaled, mode="r", pivoting=True, check_finite=False)
        left = np.abs(np.diag(triangle)) / np.sqrt(n_rows)
        rank = int((left > _NOTHING).sum())
        if rank == len(varying):
            continue
        factors = solve_triangular(triangle[:rank, :rank], triangle[:rank, rank:])
        for i in range(rank, len(varying)):
            vector = np.zeros(n_columns)
            vector[varying[order[:rank]]] = factors[:, i - rank] / spread[varying[order[:rank]]]
            vector *= spread[varying[order[i]]]
            weights = np.abs(vector) * spread
            vector[weights < _SMALL * spread[varying[order[i]]]] = 0.0
            vector[varying[order[i]]] = -1.0
            found.setdefault(tuple(np.flatnonzero(vector)), vector)
    return list(found.values())


def _varied_first(part: Floats, n_rows: int, n_subsets: int) -> Places:
    """Return an order of rows in which every column varies early, one that is mostly 0 too."""
    taken = np.zeros(len(part), dtype=bool)
    ordered: list[int] = []
    for subset in range(n_subsets):
        picked: list[int] = []
        for values in part.T:
            odd = np.flatnonzero((values != values[0]) & ~taken)
            picked += odd[:2].tolist()
            taken[odd[:2]] = True
        rest = np.flatnonzero(~taken)[: max(n_rows - len(picked), 0)]
        taken[rest] = True
        ordered += [*picked, *rest.tolist()]
        if len(ordered) < (subset + 1) * n_rows:
            break
    return np.append(ordered, np.flatnonzero(~taken)).astype(np.intp)


def _ways(
    vector: Floats,
    support: Places,
    names: Sequence[str],
    numbers: Floats,
    tolerances: Floats,
    results: Mask,
) -> list[Linear]:
    """Return the sums that a relation makes, those first whose results keep the signs there are."""
    part = numbers[:, support]
    part = part[~np.isnan(part).any(axis=1)][:_CHECKED]
    found: list[tuple[tuple[bool, bool, int, int], Linear]] = []
    for i, column in enumerate(support):
        if not results[column]:
            continue
        factors = [_simple(-factor / vector[column]) for factor in vector[support]]
        terms = {j: factor for j, factor in enumerate(factors) if j != i and factor}
        if len(terms) < len(support) - 1:
            continue
        total = np.zeros(len(part))
        for j, factor in terms.items():
            total += (factor or 0.0) * part[:, j]
        rest = part[:, i] - total
        constant = round(float(np.median(rest)), 6)
        slack = float(tolerances[column])
        if agrees(total + constant, part[:, i], slack).mean() < AGREEING:
            continue
        rule = Linear(
            column=names[column],
            terms={names[support[j]]: factor for j, factor in terms.items() if factor is not None},
            constant=constant,
        )
        signs = [np.sign(part[:, j]).min() for j in range(len(support))]
        is_whole = all(factor > 0 for factor in terms.values() if factor is not None)
        # A sum of what is never negative never is, and one that may be negative may be anything.
        sure = signs[i] < 0 or (is_whole and min(signs) >= 0)
        n_odd = sum(abs(factor) != 1 for factor in terms.values() if factor is not None)
        found.append(((not sure, not is_whole, n_odd, -int(column)), rule))
    return [rule for _, rule in sorted(found, key=lambda item: item[0])][:_MAX_WAYS]


def _simple(factor: float) -> float | None:
    """Return a factor as a fraction of small numbers; None if it is not one."""
    near = float(Fraction(factor).limit_denominator(_MAX_DENOMINATOR))
    return near if near and abs(near - factor) <= 1e-6 * max(1.0, abs(factor)) else None
