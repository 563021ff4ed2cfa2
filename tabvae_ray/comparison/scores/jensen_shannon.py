"""Jensen-Shannon distances between the columns of two tables.

They equal those of artifact-core 0.2.1: the square root of the divergence with natural logarithms,
so that a distance lies in [0, sqrt(ln 2)]. If one of the tables has no value to compare,
artifact-core returns NaN, and this module the largest distance.
"""

import math

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns

__all__ = ["LARGEST_JS", "js_distance", "js_distances", "mean_js_distance"]

LARGEST_JS = math.sqrt(math.log(2.0))


def js_distance(real: npt.ArrayLike, synthetic: npt.ArrayLike) -> float:
    """Compute the distance between two histograms over the same cells.

    Args:
        real: Counts or weights per cell (n_cells,), not negative.
        synthetic: The same for the other table. The totals may differ.

    Returns:
        sqrt((KL(p || m) + KL(q || m)) / 2) with m = (p + q) / 2. It is 0 if both histograms are
        empty, and the largest distance if one of them is.
    """
    p, q = np.asarray(real, dtype=np.float64), np.asarray(synthetic, dtype=np.float64)
    p_total, q_total = p.sum(), q.sum()
    if p_total == 0 or q_total == 0:
        return 0.0 if p_total == q_total else LARGEST_JS
    p, q = p / p_total, q / q_total
    middle = (p + q) / 2.0
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0
    # Rounding errors can make it slightly negative for nearly equal histograms.
    return min(math.sqrt(max(divergence, 0.0)), LARGEST_JS)


def js_distances(
    real: TableColumns,
    synthetic: TableColumns,
    *,
    n_bins: int = 100,
    categorical_only: bool = False,
) -> dict[str, float]:
    """Compute the distance of every column.

    Categorical columns are compared over the categories of the real table, without missing values
    and unseen categories. Continuous columns are compared over ``n_bins`` bins of equal width,
    closed on the right, that span both tables.
    """
    distances = {}
    if not categorical_only:
        for name in real.numbers:
            values = real.sorted_numbers(name), synthetic.sorted_numbers(name)
            distances[name] = js_distance(*_joint_histograms(*values, n_bins))
    for name in real.codes:
        n_known = real.n_known[name]
        distances[name] = js_distance(real.counts(name)[:n_known], synthetic.counts(name)[:n_known])
    return distances


def mean_js_distance(distances: dict[str, float]) -> float:
    """Compute the mean over columns, which does not depend on their order; 0 without columns."""
    return math.fsum(distances.values()) / len(distances) if distances else 0.0


def joint_edges(real: Floats, synthetic: Floats, n_bins: int) -> Floats:
    """Compute edges (n_bins + 1,) of equal bins over both ranges, as ``pandas.cut`` does.

    Args:
        real: Ascending values, none missing.
        synthetic: The same for the other table. At least one of the tables has values.
        n_bins: Number of bins.
    """
    ends = [values[[0, -1]] for values in (real, synthetic) if len(values)]
    low, high = float(np.min(ends)), float(np.max(ends))
    if low == high:
        low -= 0.001 * abs(low) if low else 0.001
        high += 0.001 * abs(high) if high else 0.001
        return np.linspace(low, high, n_bins + 1)
    edges = np.linspace(low, high, n_bins + 1)
    edges[0] -= (high - low) * 0.001
    return edges


def _joint_histograms(real: Floats, synthetic: Floats, n_bins: int) -> tuple[Floats, Floats]:
    if not len(real) or not len(synthetic):
        return np.array([float(len(real))]), np.array([float(len(synthetic))])
    if max(real[-1], synthetic[-1]) / 2 - min(real[0], synthetic[0]) / 2 > 1e307:
        real, synthetic = real / 4, synthetic / 4  # their range would overflow
    edges = joint_edges(real, synthetic, n_bins)
    return _histogram(real, edges), _histogram(synthetic, edges)


def _histogram(ascending: Floats, edges: Floats) -> Floats:
    """Count values per bin, closed on the right; the first bin also includes its lower edge."""
    up_to = np.searchsorted(ascending, edges[1:], side="right").astype(np.float64)
    return np.diff(up_to, prepend=0.0)


def _relative_entropy(p: Floats, m: Floats) -> float:
    cells = p > 0
    p = p[cells]
    return float(np.sum(p * np.log(p / m[cells])))
