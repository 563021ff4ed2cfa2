"""Choose the order in which an autoregressive decoder draws the columns."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["mutual_information_order"]

# Enough rows to tell strong associations from weak ones.
_MAX_ROWS = 20_000
# Cells of the tables of a column with all others that are counted at once. Of larger ones, pairs
# are counted one by one, as only the cells that occur.
_MAX_CELLS = 2**21


def mutual_information_order(
    codes: np.ndarray[Any, np.dtype[Any]], cardinalities: Sequence[int]
) -> list[int]:
    """Order columns by mutual information, so that each follows a column that is informative of it.

    The order is that in which Prim's algorithm builds the tree of Chow & Liu (1968), starting from
    the column with the most information about all others.

    Args:
        codes: ``(N, C)`` integer codes.
        cardinalities: Codes per column.
    """
    information = _mutual_information(codes[:_MAX_ROWS], cardinalities)
    order = [int(information.sum(axis=0).argmax())]
    nearest = information[order[0]].copy()
    while len(order) < len(cardinalities):
        nearest[order[-1]] = -np.inf
        order.append(int(nearest.argmax()))
        # Columns of the order stay at minus infinity.
        open_ = nearest > -np.inf
        nearest[open_] = np.maximum(nearest[open_], information[order[-1]][open_])
    return order


def _mutual_information(
    codes: np.ndarray[Any, np.dtype[Any]], cardinalities: Sequence[int]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Compute pairwise mutual information in nats, ``(C, C)``, zero on the diagonal.

    The bias for independent columns, ``(K_a - 1)(K_b - 1) / 2N`` (Miller 1955), is subtracted:
    without that, two independent columns of many codes look associated.
    """
    n, columns = codes.shape
    wide = codes.astype(np.int64)
    entropy = np.array([_entropy(np.bincount(wide[:, c])) for c in range(columns)])
    used = [len(np.unique(wide[:, c])) for c in range(columns)]
    sizes = np.array(cardinalities, dtype=np.int64)
    information = np.zeros((columns, columns))
    for a in range(1, columns):
        joint = np.zeros(a)
        for block in _blocks(sizes[:a] * sizes[a]):
            joint[block] = _joint_entropies(wide[:, a], wide[:, block], sizes[a], sizes[block])
        bias = (used[a] - 1) * (np.array(used[:a]) - 1) / (2 * n)
        information[a, :a] = information[:a, a] = entropy[a] + entropy[:a] - joint - bias
    return information


def _blocks(n_cells: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[slice]:
    """Yield runs of columns whose tables with another one have a bounded number of cells."""
    start = 0
    while start < len(n_cells):
        reach = int(np.searchsorted(np.cumsum(n_cells[start:]), _MAX_CELLS, side="right"))
        yield slice(start, start + max(reach, 1))
        start += max(reach, 1)


def _joint_entropies(
    own: np.ndarray[Any, np.dtype[np.int64]],
    others: np.ndarray[Any, np.dtype[np.int64]],
    size: int,
    sizes: np.ndarray[Any, np.dtype[np.int64]],
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the entropies of a column together with each of several others.

    Args:
        own: ``(N,)`` codes of the column.
        others: ``(N, B)`` codes of the others.
        size: Number of codes of the column.
        sizes: ``(B,)`` those of the others.
    """
    n_cells = size * sizes
    if n_cells.sum() > _MAX_CELLS:
        # A single pair with a large table.
        counts = np.unique(own * sizes[0] + others[:, 0], return_counts=True)[1]
        return np.array([_entropy(counts)])
    starts = np.concatenate(([0], np.cumsum(n_cells[:-1])))
    cells = own[:, None] * sizes + others + starts
    shares = np.bincount(cells.ravel(), minlength=int(n_cells.sum())) / len(own)
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    entropies: np.ndarray[Any, np.dtype[np.float64]] = -np.add.reduceat(shares * logarithms, starts)
    return entropies


def _entropy(counts: np.ndarray[Any, np.dtype[Any]]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())
