"""Find columns of which one at most, or exactly one, is true, is above 0 or has a value."""

import numpy as np

from tabvae_ray.table.rules.column_views import ColumnView, Floats, Mask, TableView
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, RARER, unlikely
from tabvae_ray.table.rules.forms.exclusive import STATES, Exclusive, State, are_in_state

__all__ = ["find_exclusive"]

# Rows of the sample in which all pairs of columns are compared.
_SAMPLE = 2_000
# An amount says something only if it is 0 in this share of the rows.
_LEAST = 0.05
# Rows in which one of two columns is alone, on either side, of which fewer say nothing.
_MIN_ALONE = 10


def find_exclusive(table: TableView, rng: np.random.Generator) -> list[Exclusive]:
    """Find groups of columns that exclude each other, each column in one group of a kind.

    Args:
        table: The real rows.
        rng: Source of the sample.
    """
    rows = rng.permutation(table.n_rows)[:_SAMPLE]
    found = []
    for state, views in _families(table):
        states = np.stack([are_in_state(table, view.name, state) for view in views])
        varying = np.flatnonzero(states.any(axis=1) & ~states.all(axis=1))
        few = states[np.ix_(varying, rows)].astype(np.float32)
        shares = few.mean(axis=1)
        apart = few @ few.T <= RARER * np.outer(shares, shares) * len(rows)
        left = varying.tolist()
        place = {int(column): i for i, column in enumerate(varying)}
        while left:
            # Groups stand side by side in a table.
            names = _grown([left[0]], left, apart, place)
            names = _significant(names, states)
            if len(names) > 1:
                names = _significant(_grown(names, left, apart, place), states)
            left = [column for column in left[1:] if column not in names]
            found += _rules_of(sorted(names), views, state, states)
    return found


def _families(table: TableView) -> list[tuple[State, list[ColumnView]]]:
    """Return the columns that are compared with each other, and what is compared of them."""
    flags, counts, amounts, gaps = [], [], [], []
    for view in table.columns.values():
        if view.missing.any():
            gaps.append(view)
        if view.is_flag:
            flags.append(view)
        elif view.is_exact and view.numbers is not None and not np.nanmin(view.numbers) < 0:
            zero = float((view.numbers == 0).mean())
            if np.nanmax(view.numbers) == 1 and ((view.numbers % 1 == 0) | view.missing).all():
                counts.append(view)
            elif zero >= _LEAST:
                amounts.append(view)
    true, above, there = STATES
    families = [(true, flags), (above, counts), (above, amounts), (there, gaps)]
    return [(state, views) for state, views in families if len(views) > 1]


def _grown(group: list[int], left: list[int], apart: Mask, place: dict[int, int]) -> list[int]:
    """Return a group with all columns that exclude those before them."""
    group = list(group)
    # Those that exclude all of the group, of which each one that joins it leaves fewer.
    free: Mask = np.all(apart[[place[i] for i in group]], axis=0)
    for column in left:
        if free[place[column]] and column not in group:
            group.append(column)
            free &= apart[place[column]]
    return group


def _significant(group: list[int], states: Mask) -> list[int]:
    """Return the columns that exclude all others of a group, where chance does not explain it.

    A group of which each row has exactly one needs no other evidence.
    """
    while len(group) > 1:
        n_true: Floats = states[group].sum(axis=0)
        if (n_true == 1).all():
            break
        shares = states[group].mean(axis=1)
        together = (states[group] & (n_true > 1)).mean(axis=1)
        others = np.array([(n_true > own).mean() for own in states[group].astype(int)])
        alone = (states[group] & (n_true == 1)).sum(axis=1)
        expected = shares * others * len(n_true)
        weak = [
            together[i] >= MAX_EXCEPTIONS
            or alone[i] < _MIN_ALONE
            or not unlikely(1 - float(shares[i] * others[i]), len(n_true), float(together[i]))
            for i in range(len(group))
        ]
        if not any(weak):
            break
        group.pop(min(np.flatnonzero(weak).tolist(), key=lambda i: float(expected[i])))
    return group


def _rules_of(
    group: list[int], views: list[ColumnView], state: State, states: Mask
) -> list[Exclusive]:
    """Return what holds of a group: one at most, exactly one, or both, the latter not in all rows.

    An opening balance is neither debit nor credit, but nothing is both.
    """
    if len(group) < 2:
        return []
    n_true: Floats = states[group].sum(axis=0)
    too_many, other = float((n_true > 1).mean()), float((n_true != 1).mean())
    first, *others = [views[i].name for i in group]
    most = Exclusive(column=first, others=tuple(others), state=state, exceptions=too_many)
    exactly = most.model_copy(update={"exactly": True, "exceptions": other})
    # Of two truth values each determines the other.
    if len(group) == 2 and state == "is true":
        return [] if other == 0 or (too_many > 0 and other < MAX_EXCEPTIONS) else [most]
    if other == 0 or (too_many > 0 and other < MAX_EXCEPTIONS):
        return [exactly]
    return [most, exactly] if other < MAX_EXCEPTIONS else [most]
