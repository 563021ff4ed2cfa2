"""Dominance, fronts, hypervolume, and choosing one point from a front.

Everything here minimises: negate a maximised objective first, see :func:`as_losses`.
"""

import bisect
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "Floats",
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
    """Return objectives as losses, ``(N, M)``: those to maximise are negated."""
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    losses: Floats = np.asarray(values, dtype=np.float64).reshape(-1, len(directions)) * signs
    return losses


def non_dominated_ranks(losses: Floats) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the number of each point's front, from 0: ``(N, M) -> (N,)``.

    No point dominates front 0, only points of front 0 dominate front 1, and so on (Deb et al.
    2002, section III A). A point dominates another if it is no worse in all objectives and better
    in at least one.
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
    """Return the positions of the points that no other dominates, in their order."""
    return np.flatnonzero(non_dominated_ranks(losses) == 0).tolist()


def epsilon_net_order(losses: Floats, n: int | None = None) -> list[int]:
    """Order points so that every prefix covers all of them well; return positions, best first.

    Each point is the one farthest from those before it (the greedy epsilon net of Salinas et al.,
    arXiv 2106.12639, algorithm 2), on objectives scaled to [0, 1]. The first point has the least
    sum, so that a single point is a balanced one.

    Args:
        losses: ``(N, M)`` points of one front, N >= 1.
        n: Number of points to return; all if None.
    """
    scaled = _scaled(losses)
    order = [int(scaled.sum(axis=1).argmin())]
    # Squared, and below 0 for a point that was taken.
    distance = np.full(len(losses), np.inf)
    for _ in range(1, len(losses) if n is None else min(n, len(losses))):
        distance = np.minimum(distance, np.square(scaled - scaled[order[-1]]).sum(axis=1))
        distance[order[-1]] = -1.0
        order.append(int(distance.argmax()))
    return order


def rank_order(losses: Floats) -> list[int]:
    """Order all points, best first: by front, within a front by :func:`epsilon_net_order`."""
    ranks = non_dominated_ranks(losses)
    order: list[int] = []
    for rank in range(int(ranks.max()) + 1 if len(ranks) else 0):
        members = np.flatnonzero(ranks == rank)
        order += members[epsilon_net_order(losses[members])].tolist()
    return order


class Ranking:
    """Incremental ranking: tells whether the point added last is among the best ones.

    The answers are those of :func:`rank_order`, which sorts all points anew. Here a new point moves
    only the points that it pushes to the next front (Li et al. 2017, "Efficient nondomination level
    update"), and only the front at the cut is ordered within.

    Args:
        n_objectives: Number of losses of a point.
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
        """Add a point."""
        if self._n == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
        self._points[self._n] = losses
        moving = np.array([self._n])
        self._n += 1
        rank = self._front_of_last = self._front_of(self._points[moving[0]])
        while len(moving):
            here = self._fronts[rank] if rank < len(self._fronts) else moving[:0]
            pushed = _dominates(self._points[moving], self._points[here]).any(axis=0)
            if pushed.all():
                # All fronts below move down with this one.
                self._fronts.insert(rank, moving)
                return
            self._fronts[rank] = np.sort(np.concatenate([here[~pushed], moving]))
            moving = here[pushed]
            rank += 1

    def last_is_among(self, best: int) -> bool:
        """Return True if the point added last is one of the ``best`` best ones."""
        members = self._fronts[self._front_of_last]
        free = best - sum(len(front) for front in self._fronts[: self._front_of_last])
        if free >= len(members):
            return True
        if free <= 0:
            return False
        taken = epsilon_net_order(self._points[members], free)
        return bool((members[taken] == self._n - 1).any())

    def _front_of(self, point: Floats) -> int:
        """Return the first front without a point that dominates this one."""
        return bisect.bisect_left(
            self._fronts,
            True,
            key=lambda front: not _dominates(self._points[front], point[None]).any(),
        )


def hypervolume(losses: Floats, reference: Sequence[float]) -> float:
    """Return the volume that points dominate below a reference point: ``(N, M), (M,)``.

    The volume is sliced along the last objective (Fonseca et al. 2006): each slab has its height
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
    """Choose a point of a front; return its position.

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
        # Two ends may be equally far from the ideal point: prefer the smaller sacrifice.
        least = np.abs(losses.min(axis=0))
        excess = (losses - losses.min(axis=0)) / np.where(least > 0, least, 1.0)
        return int(np.lexsort((excess.sum(axis=1), distance.round(9)))[0])
    if rule == "knee":
        # The ends lie on the plane where the scaled objectives add to 1.
        return int(scaled.sum(axis=1).argmin())
    raise ValueError(f"rule must be ideal, knee, a number or weights, but got {rule!r}")


def _dominates(a: Floats, b: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which points dominate which: ``(N, M), (K, M) -> (N, K)``."""
    worse = (a[:, None] > b[None]).any(axis=2)
    better = (a[:, None] < b[None]).any(axis=2)
    found: np.ndarray[Any, np.dtype[np.bool_]] = np.logical_and(better, ~worse)
    return found


def _scaled(losses: Floats) -> Floats:
    """Scale each objective to [0, 1]; a constant one becomes 0."""
    low = losses.min(axis=0)
    span = losses.max(axis=0) - low
    scaled: Floats = (losses - low) / np.where(span > 0, span, 1.0)
    return scaled
