"""Dominance, fronts, hypervolume, and choosing one point from a front.

Everything here minimises: turn a maximised objective's sign first, see :func:`as_losses`.
"""

import bisect
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "Ranking",
    "as_losses",
    "choose",
    "epsilon_net_order",
    "front",
    "hypervolume",
    "non_dominated_ranks",
    "rank_order",
]

Floats = np.ndarray[Any, np.dtype[np.float64]]


def as_losses(values: Sequence[Sequence[float]], directions: Sequence[str]) -> Floats:
    """Objectives as losses: ``(N, M)``, those to maximise with their sign turned."""
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    losses: Floats = np.asarray(values, dtype=np.float64).reshape(-1, len(directions)) * signs
    return losses


def non_dominated_ranks(losses: Floats) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Number of the front of each point, from 0: ``(N, M) -> (N,)``.

    Front 0 is dominated by nothing, front 1 by front 0 alone, and so on (Deb et al. 2002,
    section III A). A point dominates another if it is no worse in all objectives and better in one.
    """
    at_most = np.all(losses[:, None] <= losses[None], axis=2)
    dominates = np.logical_and(at_most, ~at_most.T)
    ranks = np.full(len(losses), -1)
    left = np.ones(len(losses), dtype=bool)
    rank = 0
    while left.any():
        now = left & ~dominates[left].any(axis=0)
        ranks[now] = rank
        left &= ~now
        rank += 1
    return ranks


def front(losses: Floats) -> list[int]:
    """Positions of the points that nothing dominates, in their order."""
    return np.flatnonzero(non_dominated_ranks(losses) == 0).tolist()


def epsilon_net_order(losses: Floats, n: int | None = None) -> list[int]:
    """Points such that every prefix covers them all well: positions, best first.

    Each point is the one farthest from those before it (the greedy epsilon net of Salinas et al.,
    arXiv 2106.12639, algorithm 2), on objectives scaled to [0, 1]; the first is the one of least
    sum, so that with one point to keep it is a balanced one.

    Args:
        losses: ``(N, M)`` points of one front, N >= 1.
        n: How many are wanted; all if None.
    """
    scaled = _scaled(losses)
    order = [int(scaled.sum(axis=1).argmin())]
    # Squared, and below 0 for a point that is taken.
    distance = np.full(len(losses), np.inf)
    for _ in range(1, len(losses) if n is None else min(n, len(losses))):
        distance = np.minimum(distance, np.square(scaled - scaled[order[-1]]).sum(axis=1))
        distance[order[-1]] = -1.0
        order.append(int(distance.argmax()))
    return order


def rank_order(losses: Floats) -> list[int]:
    """All points, best first: by front, and within a front by :func:`epsilon_net_order`."""
    ranks = non_dominated_ranks(losses)
    order: list[int] = []
    for rank in range(int(ranks.max()) + 1 if len(ranks) else 0):
        members = np.flatnonzero(ranks == rank)
        order += members[epsilon_net_order(losses[members])].tolist()
    return order


class Ranking:
    """Points that come one by one, and whether the last of them is among the best.

    The answers are those of :func:`rank_order`, which sorts all points anew. Here a point that
    comes moves only those points to the next front that it pushes there (Li et al. 2017, "Efficient
    nondomination level update"), and only the front that the cut goes through is ordered within.

    Args:
        n_objectives: Losses of a point.
    """

    def __init__(self, n_objectives: int) -> None:
        self._points: Floats = np.empty((16, n_objectives))
        self._n = 0
        # Positions of the points of each front, ascending.
        self._fronts: list[np.ndarray[Any, np.dtype[np.int64]]] = []
        self._front_of_last = 0

    def __len__(self) -> int:
        return self._n

    def add(self, losses: Sequence[float]) -> None:
        """Take a point."""
        if self._n == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
        self._points[self._n] = losses
        moving = np.array([self._n])
        self._n += 1
        level = self._front_of_last = self._front_of(self._points[moving[0]])
        while len(moving):
            here = self._fronts[level] if level < len(self._fronts) else moving[:0]
            pushed = _dominates(self._points[moving], self._points[here]).any(axis=0)
            if pushed.all():
                # It takes all fronts below along.
                self._fronts.insert(level, moving)
                return
            self._fronts[level] = np.sort(np.concatenate([here[~pushed], moving]))
            moving = here[pushed]
            level += 1

    def last_is_among(self, best: int) -> bool:
        """Whether the point that came last is one of so many best ones."""
        members = self._fronts[self._front_of_last]
        room = best - sum(len(front) for front in self._fronts[: self._front_of_last])
        if room >= len(members):
            return True
        if room <= 0:
            return False
        taken = epsilon_net_order(self._points[members], room)
        return bool((members[taken] == self._n - 1).any())

    def _front_of(self, point: Floats) -> int:
        """The first front that has no point dominating this one."""
        return bisect.bisect_left(
            self._fronts,
            True,
            key=lambda front: not _dominates(self._points[front], point[None]).any(),
        )


def hypervolume(losses: Floats, reference: Sequence[float]) -> float:
    """Volume that the points dominate below a reference point: ``(N, M), (M,)``.

    By slices along the last objective (Fonseca et al. 2006): the volume of each slab is its height
    times the hypervolume, in one objective less, of the points below it.
    """
    limit = np.asarray(reference, dtype=np.float64)
    inside = losses[(losses < limit).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    if inside.shape[1] == 1:
        return float(limit[0] - inside.min())
    inside = inside[np.argsort(inside[:, -1], kind="stable")]
    heights = np.diff(np.append(inside[:, -1], limit[-1]))
    if inside.shape[1] == 2:
        widths = limit[0] - np.minimum.accumulate(inside[:, 0])
        return float((heights * widths).sum())
    return sum(
        float(height) * hypervolume(inside[: i + 1, :-1], limit[:-1].tolist())
        for i, height in enumerate(heights)
        if height > 0
    )


def choose(losses: Floats, rule: str | int | Sequence[float]) -> int:
    """Position of one point of a front.

    Args:
        losses: ``(N, M)`` points of one front, N >= 1.
        rule: ``ideal``, the point nearest to the best of every objective after each is scaled to
            [0, 1] over the front; ``knee``, the point farthest below the plane through the ends of
            the front; the number of an objective, whose least point is taken; or a weight for each
            objective, for the least weighted sum of the scaled ones.
    """
    scaled = _scaled(losses)
    if isinstance(rule, int):
        return int(np.lexsort((scaled.sum(axis=1), losses[:, rule]))[0])
    if not isinstance(rule, str):
        return int((scaled @ np.asarray(rule, dtype=np.float64)).argmin())
    if rule == "ideal":
        distance = np.linalg.norm(scaled, axis=1)
        # Two ends are equally far from the ideal point: the smaller sacrifice is the better one.
        least = np.abs(losses.min(axis=0))
        excess = (losses - losses.min(axis=0)) / np.where(least > 0, least, 1.0)
        return int(np.lexsort((excess.sum(axis=1), distance.round(9)))[0])
    if rule == "knee":
        # The ends lie on the plane where the scaled objectives add to 1.
        return int(scaled.sum(axis=1).argmin())
    raise ValueError(f"rule must be ideal, knee, a number or weights, but got {rule!r}")


def _dominates(a: Floats, b: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which points dominate which: ``(N, M), (K, M) -> (N, K)``."""
    worse = (a[:, None] > b[None]).any(axis=2)
    better = (a[:, None] < b[None]).any(axis=2)
    found: np.ndarray[Any, np.dtype[np.bool_]] = np.logical_and(better, ~worse)
    return found


def _scaled(losses: Floats) -> Floats:
    """Each objective scaled to [0, 1]; one that is the same everywhere becomes 0."""
    low = losses.min(axis=0)
    span = losses.max(axis=0) - low
    scaled: Floats = (losses - low) / np.where(span > 0, span, 1.0)
    return scaled
