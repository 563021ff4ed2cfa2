"""Reference levels of the black-box attacks: what real rows get in place of synthetic ones."""

import numpy as np

from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.comparison.scores.membership.black_box import black_box_attacks

__all__ = ["black_box_levels"]


def black_box_levels(
    training: TableColumns,
    held_out: TableColumns,
    *,
    n_synthetic: int,
    most_rows: int,
    n_repeats: int = 2,
    seed: int = 0,
) -> tuple[list[float], list[float]]:
    """Attack with real rows in place of synthetic ones; return AUCs of resamples and fresh rows.

    A resample of the training rows leaks as much as copies do. Fresh rows leak nothing. They are
    one half of the training rows, and rows of the other half are attacked. Their AUC is above 0.5
    by as much as the strongest of several attacks is above chance.

    Args:
        training: The training rows.
        held_out: The held-out rows.
        n_synthetic: Number of synthetic rows to stand for.
        most_rows: Largest number of synthetic rows to look at.
        n_repeats: Number of repetitions.
        seed: Seed of the rows drawn.
    """
    rng = np.random.default_rng(seed)
    size = min(n_synthetic, most_rows)
    resample, fresh = [], []
    for _ in range(n_repeats):
        drawn = training.take(rng.integers(training.n_rows, size=size))
        resample.append(black_box_attacks(drawn, training, held_out, most_rows=most_rows).auc)
        if training.n_rows < 2:
            continue
        order = rng.permutation(training.n_rows)
        half = training.n_rows // 2
        apart, others = training.take(order[:half]), training.take(order[half:])
        fresh.append(black_box_attacks(apart, others, held_out, most_rows=most_rows).auc)
    return resample, fresh
