"""Cells of a number line: where a column has its values, found from noisy counts.

The first histogram has cells whose width grows with the distance from zero, so it needs no range.
The second one divides the cells that hold many rows.

Shapes: ``D`` cells.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabvae_ray.table.coders.quantiles import Floats

__all__ = ["Cells", "cell_places", "divided", "even_edges", "exponential_edges", "kept_cells"]

# Powers of two of the first and the last edge, and parts between two powers.
_LEAST_POWER, _MOST_POWER, _PARTS = -30, 62, 8
# Numbers of neighbouring cells that are looked at together.
_WIDTHS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Cells:
    """Cells and their noisy counts.

    Args:
        edges: ``(D + 1,)`` ascending.
        counts: ``(D,)`` at least 0.
    """

    edges: Floats
    counts: Floats


def cell_places(values: Floats, edges: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the cell of each value ``(N,)``, the nearest one for values outside."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def exponential_edges(unit: float | None) -> Floats:
    """Return edges around zero that suit all numbers.

    Args:
        unit: Distance of two neighbouring values; None if there is none. Edges lie between values.
    """
    powers = 2.0 ** np.arange(_LEAST_POWER, _MOST_POWER)
    positive = (powers[:, None] * (1 + np.arange(_PARTS) / _PARTS)).reshape(-1)
    if unit is not None:
        positive = between(positive[positive > unit / 2], unit)
    return np.unique(np.concatenate([-positive, positive]))


def even_edges(low: float, high: float, n: int, unit: float | None) -> Floats:
    """Return edges of at most ``n`` cells of one width; with a unit, they lie between values."""
    if unit is None:
        return np.unique(np.linspace(low, high, n + 1)) if low < high else np.array([low, high])
    first, last = low - unit / 2, high + unit / 2
    n = max(1, min(n, round((last - first) / unit)))
    inner = between(np.linspace(first, last, n + 1)[1:-1], unit)
    return np.unique(np.concatenate([[first], inner[(inner > first) & (inner < last)], [last]]))


def between(edges: Floats, unit: float) -> Floats:
    """Move edges to the nearest place half way between two values."""
    moved: Floats = np.unique((np.floor(edges / unit) + 0.5) * unit)
    return moved


def kept_cells(edges: Floats, noisy: Floats, sigma: float) -> Cells:
    """Return the cells from the first to the last one that clearly holds rows.

    Neighbouring cells may show together what each of them does not. Cells between that hold no
    rows are merged.

    Args:
        edges: ``(D + 1,)``.
        noisy: ``(D,)`` noisy counts.
        sigma: Standard deviation of the noise.
    """
    full = _clear_cells(noisy, sigma)
    if not full.any():
        full[int(noisy.argmax())] = True
    first, last = (int(i) for i in np.flatnonzero(full)[[0, -1]])
    starts = [i for i in range(first, last + 1) if full[i] or full[i - 1] or i == first]
    ends = [*starts[1:], last + 1]
    sums = np.array([noisy[start:end].sum() for start, end in zip(starts, ends, strict=True)])
    counts = np.where(full[starts], np.maximum(sums, 0), 0)
    return Cells(edges[[*starts, last + 1]], counts)


def _clear_cells(noisy: Floats, sigma: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return a mask of the cells that hold rows, alone or together with their neighbours."""
    full = np.zeros(len(noisy), dtype=np.bool_)
    widths = [width for width in _WIDTHS if width <= len(noisy)]
    # Noise alone is that large once in 20 columns.
    least = sigma * math.sqrt(2 * math.log(20 * len(noisy) * len(widths)))
    below = np.append(0, np.cumsum(noisy))
    for width in widths:
        sums = below[width:] - below[:-width]
        for start in np.argsort(-sums):
            if sums[start] <= least * math.sqrt(width):
                break
            if not full[start : start + width].any():
                full[start : start + width] = True
    return full


def divided(cells: Cells, n: int, unit: float | None) -> Floats:
    """Return edges of about ``n`` more cells, those with many rows divided into the most parts."""
    shares = cells.counts / max(cells.counts.sum(), 1)
    edges = [cells.edges[-1:]]
    for low, high, share in zip(cells.edges[:-1], cells.edges[1:], shares, strict=True):
        inner = np.linspace(low, high, 1 + max(1, round(n * share)))
        if unit is not None:
            inner = between(inner[1:-1], unit)
            inner = np.concatenate([[low], inner[(inner > low) & (inner < high)]])
        edges.append(inner)
    return np.unique(np.concatenate(edges))
