"""Find columns whose values one or two other columns determine."""

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import Codes, TableView
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, RARER, unlikely
from tabvae_ray.table.rules.rule import Dependence, agrees_within_groups

__all__ = ["find_dependences", "leads_to"]

_Agreeing = tuple[tuple[int, ...], int, npt.NDArray[np.intp], npt.NDArray[np.int64]]

# Rows of the sample: fewer where there are more columns than this.
_SAMPLE, _SAMPLE_COLUMNS, _MIN_SAMPLE = 2_000, 200, 300
# Rows of the sample whose group has another row; of fewer, chance cannot be ruled out.
_MIN_REPEATED = 20
# The first few rows of the sample rule out most pairs of columns.
_FIRST_ROWS = 48
# A determinant of nearly all-distinct values determines everything, and is no rule. What a number
# determines is looked up by its values, which are then kept: they must be few, and many rows each.
_MAX_DISTINCT = 0.5
_MAX_NUMBERS, _MIN_ROWS_EACH = 1_500, 5
# What is missing is said by columns of so many categories.
_MAX_LABELS = 50
# Pairs of determinants grow with the square of the columns.
_MAX_COLUMNS_FOR_PAIRS = 80


def find_dependences(
    table: TableView,
    rng: np.random.Generator,
    known: Mapping[str, Collection[str]],
    scattered: Collection[str] = (),
    grouped: Collection[str] = (),
) -> list[Dependence]:
    """Find functional dependences, without circles and without those that follow from others.

    Those without exceptions come first: of two columns that determine each other, the earlier one
    determines the later. Those with a few exceptions explain what then is left.

    Args:
        table: The real rows.
        rng: Source of the sample.
        known: Columns that are computed otherwise, and what from; they need no dependence.
        scattered: Columns whose generated values will be new ones, and their pairs with others
            all the more, so that they determine nothing together with others.
        grouped: Columns that exclude others, which pairs of columns need not explain.
    """
    if sum(view.n_codes > 1 for view in table.columns.values()) < 2:
        return []
    search = _Search(table, rng)
    given = {name: tuple(others) for name, others in known.items()}
    found: dict[str, Dependence] = {}
    few = len(search.names) <= _MAX_COLUMNS_FOR_PAIRS
    numbers_on = (1, 2) if few else (1,)
    for exact in (True, False):
        for n_on in numbers_on:
            for candidate in search.candidates(n_on, exact=exact):
                if candidate.column in given or leads_to(candidate.column, candidate.on, given):
                    continue
                if n_on > 1 and not set(scattered).isdisjoint(candidate.on):
                    continue
                if n_on > 1 and candidate.column in grouped:
                    continue
                exceptions = search.exceptions(candidate)
                if exceptions is None or (exact and exceptions > 0):
                    continue
                rule = candidate.model_copy(update={"exceptions": exceptions})
                found[candidate.column], given[candidate.column] = rule, rule.on
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
        few = np.stack([table[name].codes[rows] for name in self.names], axis=1)
        self._few: npt.NDArray[np.int32] = few.astype(np.int32)
        self._n_rows = table.n_rows
        self._measured: dict[tuple[str, ...], float | None] = {}
        self._n_groups: dict[tuple[str, ...], int] = {}
        self._tried: dict[int, list[_Agreeing]] = {}
        agreeing = [_agreeing_by_chance(codes) for codes in self._few.T]
        bearable = RARER * (1 - np.array(agreeing)) + 2 / len(rows)
        self._bearable = np.minimum(bearable, MAX_EXCEPTIONS)
        # A sample may have more exceptions than all rows, which decide.
        self._bearable += 3 * np.sqrt(self._bearable / len(rows))

    def candidates(self, n_on: int, *, exact: bool) -> list[Dependence]:
        """Return the dependences on so many columns that the sample allows.

        For each column those on the fewest values come first, which are the most general ones.

        Args:
            n_on: Number of columns that determine another.
            exact: Whether to return those without exceptions in the sample, or those with a few.
        """
        found: list[tuple[tuple[int, ...], Dependence]] = []
        for on, n_repeated, columns, disagreeing in self._agreeing(n_on):
            n_groups = len(self._few) - n_repeated
            for column in columns[disagreeing == 0] if exact else columns:
                if column in on or (n_on == 1 and self._sizes[on[0]] < self._sizes[column]):
                    continue
                rule = Dependence(column=self.names[column], on=tuple(self.names[i] for i in on))
                # Of two columns that determine each other, the first one determines the other,
                # unless it is computed itself.
                backwards = n_on == 1 and (self._sizes[column], column) == (
                    self._sizes[on[0]],
                    min(column, on[0]),
                )
                found.append(((backwards, *self._turn(int(column), n_on), n_groups, *on), rule))
        return [rule for _, rule in sorted(found, key=lambda item: item[0])]

    def _agreeing(self, n_on: int) -> list[_Agreeing]:
        """Return what may determine others in the sample, by how few rows disagree.

        Returns:
            The determining columns, how many rows follow one of their own group, the columns that
            few of these differ in, and in how many.
        """
        if n_on in self._tried:
            return self._tried[n_on]
        usable = [i for i, name in enumerate(self.names) if self._may_determine(name)]
        found: list[_Agreeing] = []
        first = self._few[:_FIRST_ROWS]
        for on in combinations(usable, n_on):
            groups = self._few[:, on[0]].astype(np.int64)
            for i in on[1:]:
                groups = groups * self._sizes[i] + self._few[:, i]
            n_repeated = len(groups) - len(np.unique(groups))
            if n_repeated < _MIN_REPEATED:
                continue
            # Each exception differs from the row before it and from the one after it.
            most = 2 * self._bearable * n_repeated
            # Of all rows no fewer differ than of some of them.
            columns = np.flatnonzero(_disagreements(groups[:_FIRST_ROWS], first) <= most)
            disagreeing = _disagreements(groups, self._few[:, columns])
            few = disagreeing <= most[columns]
            found.append((on, n_repeated, columns[few], disagreeing[few]))
        self._tried[n_on] = found
        return found

    def _may_determine(self, name: str) -> bool:
        view = self.table[name]
        if view.column.kind == "categorical":
            return view.n_codes <= _MAX_DISTINCT * self._n_rows
        return view.n_codes <= min(_MAX_NUMBERS, self._n_rows / _MIN_ROWS_EACH)

    def _turn(self, column: int, n_on: int) -> tuple[int, ...]:
        """Return the place of a column among those to explain.

        Pairs explain numbers first, and of these the ones with the most values: a distance given
        by two places, rather than one of the places by the other and the distance.
        """
        if n_on == 1:
            return (column,)
        numeric = self.table[self.names[column]].column.kind == "continuous"
        return (0 if numeric else 1, -self._sizes[column], column)

    def exceptions(self, rule: Dependence) -> float | None:
        """Return the share of rows that break a rule; None if it is none, or may be chance."""
        key = rule.column, *rule.on
        if key not in self._measured:
            self._measured[key] = self._measure(rule)
        return self._measured[key]

    def _measure(self, rule: Dependence) -> float | None:
        groups, codes = rule.groups(self.table), self.table[rule.column].codes
        if rule.on not in self._n_groups:
            self._n_groups[rule.on] = len(np.unique(groups))
        n_groups = self._n_groups[rule.on]
        large = n_groups * _MIN_ROWS_EACH <= len(codes)
        numbers = any(self.table[name].column.kind != "categorical" for name in rule.on)
        # Pairs of numbers are nearly all different, and generated ones would have to be known ones.
        if numbers and not large:
            return None
        if self._says_presence(rule):
            return None
        # Only a row whose group has another row could disagree.
        n_repeated = len(codes) - n_groups
        by_chance = _agreeing_by_chance(codes)
        if not unlikely(by_chance, n_repeated, 0.0):
            return None
        n_broken = int((~agrees_within_groups(groups, codes)).sum())
        if n_broken == 0:
            return 0.0
        # In small groups the most frequent value hides exceptions.
        share = n_broken / n_repeated
        if not large or share >= MAX_EXCEPTIONS or not unlikely(by_chance, n_repeated, share):
            return None
        return n_broken / len(codes)

    def _says_presence(self, rule: Dependence) -> bool:
        """Return whether the category itself says which of the determining columns have a value.

        A status says which dates are missing; so the dates must not say the status, if no more than
        which of them are there does. A state says its country, though, even if only one country has
        states.
        """
        view = self.table[rule.column]
        if view.column.kind != "categorical" or view.n_codes > _MAX_LABELS or view.missing.any():
            return False
        gaps = [of.missing for name in rule.on if (of := self.table[name]).missing.any()]
        said = [part for part in gaps if agrees_within_groups(view.codes, part * 1).all()]
        pattern = sum(part * 2**i for i, part in enumerate(said))
        return bool(said) and bool(agrees_within_groups(np.asarray(pattern), view.codes).all())


def _agreeing_by_chance(codes: Codes) -> float:
    """Return the share of pairs of rows with the same code."""
    return float(((np.bincount(codes) / len(codes)) ** 2).sum())


def _disagreements(groups: Codes, codes: "Codes | npt.NDArray[np.int32]") -> npt.NDArray[np.int64]:
    """Return how many rows differ from the row of their own group that they follow.

    Args:
        groups: ``(S,)`` groups of the rows.
        codes: ``(S, C)`` codes of columns.

    Returns:
        ``(C,)`` a number for each column.
    """
    order = np.argsort(groups, kind="stable")
    same = np.flatnonzero(np.diff(groups[order]) == 0)
    differ = codes[order[same]] != codes[order[same + 1]]
    n_differ: npt.NDArray[np.int64] = np.count_nonzero(differ, axis=0)
    return n_differ
