"""Neighbours of attacked rows among synthetic rows and reference rows."""

from dataclasses import dataclass

import numpy as np

from tabvae_ray.comparison.reading.table_columns import Floats
from tabvae_ray.comparison.scores.nearest_rows import Floats32, Rows, pair_distances

__all__ = ["Neighbourhood", "Scales", "look_around", "measure_scales"]

# Number of distances computed at once, which fit the cache of a processor.
_BLOCK = 2**18
# Rows that scales are measured on.
_SCALE_ROWS = 500
# Rounding of sums of float32.
_TOLERANCE = 1e-5
# Neighbours that the data plagiarism index looks at.
_N_NEIGHBOURS = 20


@dataclass(frozen=True)
class Scales:
    """Lengths that an attacker can measure without the members.

    Attributes:
        radius: Median distance from a reference row to the nearest synthetic row.
        bandwidth: Bandwidth of the density estimate.
    """

    radius: float
    bandwidth: float


@dataclass
class Neighbourhood:
    """Neighbourhoods of rows, each array (N,).

    Attributes:
        nearest_synthetic: Distance to the nearest synthetic row.
        nearest_reference: Distance to the nearest reference row.
        n_within: Number of synthetic rows within the radius.
        synthetic_share: Share of synthetic rows among the nearest rows of both tables, rows of
            the smaller table counting more, so that it is 0.5 for equal densities.
        log_density_ratio: Logarithm of the density of synthetic rows over that of reference rows.
    """

    nearest_synthetic: Floats
    nearest_reference: Floats
    n_within: Floats
    synthetic_share: Floats
    log_density_ratio: Floats


def measure_scales(synthetic: Rows, reference: Rows) -> Scales:
    """Measure radius and bandwidth on reference rows.

    The bandwidth is an eighth of the median distance from a reference row to its nearest other one.
    This keeps the estimate local: members show in the closest rows, not in the shape of the whole.
    """
    radii, steps = [], []
    size = min(len(reference), _SCALE_ROWS)
    for block in _blocks(size, max(len(synthetic), len(reference))):
        radii.append(pair_distances(reference, block, synthetic).min(axis=1))
        others = pair_distances(reference, block, reference)
        others[np.arange(len(others)), np.arange(block.start, block.start + len(others))] = np.inf
        steps.append(others.min(axis=1))
    step = float(np.median(np.concatenate(steps))) if len(reference) > 1 else 1.0
    return Scales(float(np.median(np.concatenate(radii))), max(step / 8, 0.02))


def look_around(rows: Rows, synthetic: Rows, reference: Rows, scales: Scales) -> Neighbourhood:
    """Compute the neighbourhoods of rows, block by block to save memory."""
    parts = []
    for block in _blocks(len(rows), len(synthetic) + len(reference)):
        ours = pair_distances(rows, block, synthetic)
        theirs = pair_distances(rows, block, reference)
        parts.append(
            np.stack(
                [
                    ours.min(axis=1),
                    theirs.min(axis=1),
                    np.count_nonzero(ours <= scales.radius + _TOLERANCE, axis=1),
                    _share(ours, theirs),
                    _log_density(ours, scales) - _log_density(theirs, scales),
                ]
            )
        )
    return Neighbourhood(*np.concatenate(parts, axis=1).astype(np.float64))


def _share(ours: Floats32, theirs: Floats32) -> Floats:
    """Return the weighted share of synthetic rows among the nearest; ties count in full."""
    both = np.concatenate((ours, theirs), axis=1)
    k = min(_N_NEIGHBOURS, both.shape[1]) - 1
    reach = np.partition(both, k, axis=1)[:, k, None] + _TOLERANCE
    near = np.count_nonzero(ours <= reach, axis=1) / ours.shape[1]
    other = np.count_nonzero(theirs <= reach, axis=1) / theirs.shape[1]
    share: Floats = near / (near + other)
    return share


def _log_density(distances: Floats32, scales: Scales) -> Floats:
    """Return the logarithm of a product kernel estimate, up to a constant of the table."""
    nearest = distances.min(axis=1, keepdims=True)
    kernels = np.exp((nearest - distances) / np.float32(scales.bandwidth)).mean(axis=1)
    density: Floats = np.log(kernels) - nearest[:, 0] / scales.bandwidth
    return density


def _blocks(n_rows: int, n_others: int) -> list[slice]:
    step = max(_BLOCK // max(n_others, 1), 1)
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
