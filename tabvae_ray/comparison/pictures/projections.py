"""Rows of two tables as points in the plane."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.features import Features, vector_features

__all__ = ["PROJECTIONS", "Projection", "ProjectionKind", "has_plane", "project"]

ProjectionKind = Literal["pca", "truncated_svd", "tsne"]
PROJECTIONS: tuple[ProjectionKind, ...] = get_args(ProjectionKind)

# Rows that axes are fitted to, and rows of each table that are shown.
_FITTED, _SHOWN, _SHOWN_TSNE = 20_000, 2_000, 750


@dataclass(frozen=True)
class Projection:
    """Both tables in the plane.

    Attributes:
        real: (N, 2).
        synthetic: (M, 2).
        shares: How much of the real rows' variation each axis shows, in [0, 1]; none for t-SNE.
    """

    real: Floats
    synthetic: Floats
    shares: tuple[float, ...] = ()


def has_plane(table: TableColumns) -> bool:
    """Whether a table has the two features that a plane takes: numbers, or categories."""
    n_features = len(table.numbers) + sum(table.n_known.values())
    return n_features > 1


def project(
    real: TableColumns, synthetic: TableColumns, kind: ProjectionKind, *, seed: int = 0
) -> Projection:
    """Project standardised numbers and one-hot categories; missing numbers take the mean.

    The axes of ``pca`` and ``truncated_svd`` (the same, but not centred) are those of the real
    rows; ``tsne`` places both tables together. Larger tables are thinned out at random.

    Args:
        real: The real table, which :func:`has_plane`.
        synthetic: The synthetic one.
        kind: How to place the rows.
        seed: Of the rows drawn, and of t-SNE.
    """
    rng = np.random.default_rng(seed)
    features = vector_features(_thinned(real, _FITTED, rng), _thinned(synthetic, _FITTED, rng))
    if kind == "tsne":
        return _tsne(features, seed)
    first, second = features.first, features.second
    if kind == "pca":
        mean = first.mean(axis=0)
        first, second = first - mean, second - mean
    squared, axes = np.linalg.eigh(first.T @ first)
    best = axes[:, ::-1][:, :2]
    # An axis may point either way; the larger entries are made positive.
    best = best * np.where(best.sum(axis=0) < 0, -1.0, 1.0)
    total = float(squared.sum())
    shares = tuple(float(max(s, 0.0)) / total if total > 0 else 0.0 for s in squared[::-1][:2])
    return Projection(first[:_SHOWN] @ best, second[:_SHOWN] @ best, shares)


def _tsne(features: Features, seed: int) -> Projection:
    from sklearn.manifold import TSNE

    first, second = features.first[:_SHOWN_TSNE], features.second[:_SHOWN_TSNE]
    rows = np.concatenate((first, second))
    if len(rows) < 4 or not np.ptp(rows, axis=0).any():
        return Projection(np.zeros((len(first), 2)), np.zeros((len(second), 2)))
    model = TSNE(
        init="random",
        perplexity=min(30.0, (len(rows) - 1) / 3),
        learning_rate="auto",
        max_iter=500,
        random_state=seed,
    )
    points: Floats = model.fit_transform(rows.astype(np.float32)).astype(np.float64)
    return Projection(points[: len(first)], points[len(first) :])


def _thinned(table: TableColumns, most: int, rng: np.random.Generator) -> TableColumns:
    """At most so many rows, in random order so that any first ones stand for all."""
    return table.take(rng.permutation(table.n_rows)[:most])
