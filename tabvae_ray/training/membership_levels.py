"""Tell what attacks on a network find in a model that repeats its rows, and what by chance."""

import math

from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.comparison.reference_levels import Level
from tabvae_ray.comparison.scores.privacy import is_copy_of
from tabvae_ray.training.membership import QUICK_PER_OTHER, attacked_counts

__all__ = ["white_box_levels"]


def white_box_levels(training: TableColumns, held_out: TableColumns) -> tuple[Level, Level]:
    """Return the levels of ``membership`` for a resample of the training rows and for fresh rows.

    A model that is nothing but its training rows gives all other rows no probability. It betrays
    every row, except where a held-out row equals a training row. A model of fresh rows betrays
    none. The spread is what chance does to an AUC of as many rows as an attack at a rung takes.
    """
    n, m = attacked_counts(training.n_rows, held_out.n_rows, most_per_other=QUICK_PER_OTHER)
    copies = float(is_copy_of(held_out, training).mean())
    return Level(1.0 - copies / 2, 0.0), Level(0.5, math.sqrt((n + m + 1) / (12 * n * m)))
