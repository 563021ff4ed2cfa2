"""Choose the order in which an autoregressive decoder draws the columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["mutual_information_order"]

# Enough rows to tell strong associations from weak ones.
_MAX_ROWS = 20_000


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
    while len(order) < len(cardinalities):
        nearest = information[order].max(axis=0)
        nearest[order] = -np.inf
        order.append(int(nearest.argmax()))
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
    entropy = [_entropy(np.bincount(wide[:, c])) for c in range(columns)]
    used = [len(np.unique(wide[:, c])) for c in range(columns)]
    information = np.zeros((columns, columns))
    for a in range(columns):
        for b in range(a):
            joint = _entropy(
                np.unique(wide[:, a] * cardinalities[b] + wide[:, b], return_counts=True)[1]
            )
            bias = (used[a] - 1) * (used[b] - 1) / (2 * n)
            information[a, b] = information[b, a] = entropy[a] + entropy[b] - joint - bias
    return information


def _entropy(counts: np.ndarray[Any, np.dtype[Any]]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())
