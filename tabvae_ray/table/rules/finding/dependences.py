"""Find columns whose values one or two other columns determine."""

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.finding.evidence import unlikely
from tabvae_ray.table.rules.rule import Dependence, agrees_within_groups
from tabvae_ray.table.rules.views import Codes, TableView

__all__ = ["find_dependences", "leads_to"]

# Rows of the sample: fewer where there are more columns than this.
_SAMPLE, _SAMPLE_COLUMNS, _MIN_SAMPLE = 2_000, 200, 300
# Rows of the sample whose group has another row; of fewer, chance cannot be ruled out.
_MIN_REPEATED = 20
# A determinant of nearly all-distinct values determines everything, and is no rule. What a number
# determines is looked up by its values, which are then kept: they must be few, and many rows each.
_MAX_DISTINCT = 0.5
_MAX_NUMBERS, _MIN_ROWS_EACH = 1_500, 5
# Pairs of determinants grow with the square of the columns.
_MAX_COLUMNS_FOR_PAIRS = 80


def find_dependences(
    table: TableView, rng: np.random.Generator, known: Mapping[str, Collection[str]]
) -> list[Dependence]:
    """Find functional dependences, without circles and without those that follow from others.

    They have no exceptions. With some, a column would be computed from another that the network
    draws less well than it, and pass on its errors. Of two columns that determine each other, the
    earlier one determines the later.

    Args:
        table: The real rows.
        rng: Source of the sample.
        known: Columns that are computed otherwise, and what from; they need no dependence.
    """
    if sum(view.n_codes > 1 for view in table.columns.values()) < 2:
        return []
    search = _Search(table, rng)
    given = {name: tuple(others) for name, others in known.items()}
    found: dict[str, Dependence] = {}
    few = len(search.names) <= _MAX_COLUMNS_FOR_PAIRS
    for n_on in (1, 2) if few else (1,):
        for candidate in search.candidates(n_on):
            if candidate.column in given or leads_to(candidate.column, candidate.on, given):
                continue
            if search.holds(candidate):
                found[candidate.column] = candidate
                given[candidate.column] = candidate.on
    return [found[name] for name in search.names if name in found]


def leads_to(column: str, start: Collection[str], given: Mapping[str, Collection[str]]) -> bool:
    """Return whether one of some columns is the column, or is computed from it.

    Args:
        column: The column to look for.
        start: Where to begin.
        given: What each computed column is computed from.
    """
    waiting, seen = list(start), set()
    while waiting:
        name = waiting.pop()
        if name == column:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(given.get(name, ()))
    return False


class _Search:
    """Dependences that a sample does not refute, held against all rows.

    Args:
        table: The real rows.
        rng: Source of the sample.
    """

    def __init__(self, table: TableView, rng: np.random.Generator) -> None:
        self.table = table
        self.names = [name for name, view in table.columns.items() if view.n_codes > 1]
        self._sizes = [table[name].n_codes for name in self.names]
        n_rows = _SAMPLE * _SAMPLE_COLUMNS // max(len(self.names), _SAMPLE_COLUMNS)
        rows = rng.permutation(table.n_rows)[: max(n_rows, _MIN_SAMPLE)]
        self._few = np.stack([table[name].codes[rows] for name in self.names], axis=1)
        self._n_rows = table.n_rows

    def candidates(self, n_on: int) -> list[Dependence]:
        """Return the dependences on so many columns that the sample allows.

        For each column those on the fewest values come first, which are the most general ones.
        """
        usable = [i for i, name in enumerate(self.names) if self._may_determine(name)]
        found: list[tuple[tuple[int, ...], Dependence]] = []
        for on in combinations(usable, n_on):
            groups = self._few[:, on[0]]
            for i in on[1:]:
                groups = groups * self._sizes[i] + self._few[:, i]
            n_repeated, disagreeing = _disagreements(groups, self._few)
            if n_repeated < _MIN_REPEATED:
                continue
            for column in np.flatnonzero(disagreeing == 0):
                if column in on or (n_on == 1 and not self._is_finer(on[0], int(column))):
                    continue
                rule = Dependence(column=self.names[column], on=tuple(self.names[i] for i in on))
                n_groups = len(np.unique(groups))
                found.append(((*self._turn(int(column), n_on), n_groups, *on), rule))
        return [rule for _, rule in sorted(found, key=lambda item: item[0])]

    def _may_determine(self, name: str) -> bool:
        view = self.table[name]
        if view.column.kind == "categorical":
            return view.n_codes <= _MAX_DISTINCT * self._n_rows
        return view.n_codes <= min(_MAX_NUMBERS, self._n_rows / _MIN_ROWS_EACH)

    def _is_finer(self, on: int, column: int) -> bool:
        """Return whether a column has more values than another; if as many, whether it is first."""
        return (self._sizes[on], -on) > (self._sizes[column], -column)

    def _turn(self, column: int, n_on: int) -> tuple[int, ...]:
        """Return the place of a column among those to explain.

        Pairs explain numbers first, and of these the ones with the most values: a distance given
        by two places, rather than one of the places by the other and the distance.
        """
        if n_on == 1:
            return (column,)
        numeric = self.table[self.names[column]].column.kind == "continuous"
        return (0 if numeric else 1, -self._sizes[column], column)

    def holds(self, rule: Dependence) -> bool:
        """Return whether all rows keep the rule, which chance does not explain."""
        groups, codes = rule.groups(self.table), self.table[rule.column].codes
        # Only a row whose group has another row could disagree.
        n_repeated = len(codes) - len(np.unique(groups))
        by_chance = float(((np.bincount(codes) / len(codes)) ** 2).sum())
        if not unlikely(by_chance, n_repeated, 0.0):
            return False
        return bool(agrees_within_groups(groups, codes).all())


def _disagreements(groups: Codes, codes: Codes) -> tuple[int, npt.NDArray[np.int64]]:
    """Return how many rows follow one of their own group, and how many differ from it.

    Args:
        groups: ``(S,)`` groups of the rows.
        codes: ``(S, C)`` codes of all columns.

    Returns:
        A number, and ``(C,)`` for each column the rows with another code than the row before them.
    """
    order = np.argsort(groups, kind="stable")
    same = np.diff(groups[order]) == 0
    differ = (np.diff(codes[order], axis=0) != 0) & same[:, None]
    return int(same.sum()), differ.sum(axis=0)
