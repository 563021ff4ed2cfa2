"""Rows of two tables as points in the plane."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.features import Features, one_thread, vector_features

__all__ = ["PROJECTIONS", "Projection", "ProjectionKind", "has_plane", "project"]

ProjectionKind = Literal["pca", "truncated_svd", "tsne"]
PROJECTIONS: tuple[ProjectionKind, ...] = get_args(ProjectionKind)

# Rows that axes are fitted to, and rows of each table that are shown.
_FITTED, _SHOWN, _SHOWN_TSNE = 20_000, 2_000, 750


@dataclass(frozen=True)
class Projection:
    """The rows of both tables in the plane.

    Attributes:
        real: (N, 2).
        synthetic: (M, 2).
        shares: Share of the real rows' variation along each axis, in [0, 1]; empty for t-SNE.
    """

    real: Floats
    synthetic: Floats
    shares: tuple[float, ...] = ()


def has_plane(table: TableColumns) -> bool:
    """Return True if a table has the two features that a plane takes: numbers, or categories."""
    n_features = len(table.numbers) + sum(table.n_known.values())
    return n_features > 1


def project(
    real: TableColumns, synthetic: TableColumns, kind: ProjectionKind, *, seed: int = 0
) -> Projection:
    """Project standardised numbers and one-hot categories; missing numbers take the mean.

    The axes of ``pca`` and ``truncated_svd`` (the same without centring) are those of the real
    rows; ``tsne`` places both tables together. Large tables are sampled.

    Args:
        real: The real table, which :func:`has_plane`.
        synthetic: The synthetic one.
        kind: The method.
        seed: Seed of the rows drawn and of the method.
    """
    rng = np.random.default_rng(seed)
    features = vector_features(_thinned(real, _FITTED, rng), _thinned(synthetic, _FITTED, rng))
    return _tsne(features, seed) if kind == "tsne" else _linear(features, kind, seed)


def _linear(features: Features, kind: Literal["pca", "truncated_svd"], seed: int) -> Projection:
    from sklearn.decomposition import PCA, TruncatedSVD

    first, second = features.first, features.second
    if kind == "pca":
        mean = first.mean(axis=0)
        first, second = first - mean, second - mean
    total = float((first**2).sum())
    if len(first) < 2 or total == 0:
        return _origin(len(first[:_SHOWN]), len(second[:_SHOWN]), (0.0, 0.0))
    model = PCA(2, random_state=seed) if kind == "pca" else TruncatedSVD(2, random_state=seed)
    with one_thread(), np.errstate(divide="ignore", invalid="ignore"):
        model.fit(first)
    # The sign of an axis is arbitrary; the larger entries are made positive.
    axes = (model.components_ * np.where(model.components_.sum(axis=1) < 0, -1.0, 1.0)[:, None]).T
    one, other = (float(value) ** 2 / total for value in model.singular_values_)
    return Projection(first[:_SHOWN] @ axes, second[:_SHOWN] @ axes, (one, other))


def _tsne(features: Features, seed: int) -> Projection:
    from sklearn.manifold import TSNE

    first, second = features.first[:_SHOWN_TSNE], features.second[:_SHOWN_TSNE]
    rows = np.concatenate((first, second))
    if len(rows) < 4 or not np.ptp(rows, axis=0).any():
        return _origin(len(first), len(second))
    model = TSNE(
        init="random",
        perplexity=min(30.0, (len(rows) - 1) / 3),
        learning_rate="auto",
        max_iter=500,
        random_state=seed,
    )
    points: Floats = model.fit_transform(rows.astype(np.float32)).astype(np.float64)
    return Projection(points[: len(first)], points[len(first) :])


def _origin(n_real: int, n_synthetic: int, shares: tuple[float, ...] = ()) -> Projection:
    """Place all rows in one point, where they do not differ."""
    return Projection(np.zeros((n_real, 2)), np.zeros((n_synthetic, 2)), shares)


def _thinned(table: TableColumns, most: int, rng: np.random.Generator) -> TableColumns:
    """Return at most ``most`` rows in random order, so that the first ones are a sample."""
    return table.take(rng.permutation(table.n_rows)[:most])
