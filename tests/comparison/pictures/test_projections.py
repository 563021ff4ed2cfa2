"""Projections: the axes of the real rows, with a fixed sign, and rows that have no plane."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.pictures.projections import PROJECTIONS, ProjectionKind, project
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.comparison.scores.features import vector_features
from tabvae_ray.table.spec import TableSpec


def _read(real: pd.DataFrame, synthetic: pd.DataFrame) -> tuple[TableColumns, TableColumns]:
    prepared = ComparisonPlan(scores=()).prepare(real, TableSpec.infer(real))
    return prepared.real, prepared.reader.read(synthetic)


@pytest.fixture
def tables() -> tuple[TableColumns, TableColumns]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 3)) @ np.array([[3.0, 1.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 0.2]])
    table = pd.DataFrame(x, columns=["a", "b", "c"])
    table["d"] = np.where(rng.random(400) < 0.3, "u", "v")
    return _read(table[:300], table[300:])


@pytest.mark.parametrize("kind", ["pca", "truncated_svd"])
def test_axes_are_eigenvectors_of_the_real_rows(
    kind: ProjectionKind, tables: tuple[TableColumns, TableColumns]
) -> None:
    found = project(*tables, kind)
    # The rows are shuffled: their coordinates are compared in order of size.
    rows = vector_features(*tables).first
    rows = rows - rows.mean(axis=0) if kind == "pca" else rows
    squared, axes = np.linalg.eigh(rows.T @ rows)
    expected = rows @ axes[:, ::-1][:, :2]
    assert found.shares == pytest.approx(squared[::-1][:2] / squared.sum())
    for ours, theirs in zip(found.real.T, expected.T, strict=True):
        assert np.sort(np.abs(ours)) == pytest.approx(np.sort(np.abs(theirs)), abs=1e-6)


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_the_same_seed_gives_the_same_points(
    kind: ProjectionKind, tables: tuple[TableColumns, TableColumns]
) -> None:
    one, other = project(*tables, kind), project(*tables, kind)
    np.testing.assert_array_equal(one.real, other.real)
    np.testing.assert_array_equal(one.synthetic, other.synthetic)


def test_the_first_axis_points_to_larger_values() -> None:
    x = np.linspace(0, 1, 50)
    real, synthetic = _read(
        pd.DataFrame({"x": x, "y": x**2}), pd.DataFrame({"x": [9.0], "y": [9.0]})
    )
    found = project(real, synthetic, "pca")
    assert found.synthetic[0, 0] > found.real[:, 0].max()


@pytest.mark.parametrize("kind", PROJECTIONS)
@pytest.mark.parametrize("n_rows", [1, 5])
def test_rows_without_variation_lie_in_one_point(kind: ProjectionKind, n_rows: int) -> None:
    table = pd.DataFrame({"x": [1.5] * n_rows, "c": ["a"] * n_rows, "y": [2.5] * n_rows})
    real, synthetic = _read(table, table)
    found = project(real, synthetic, kind)
    assert np.ptp(found.real, axis=0) == pytest.approx(0)
    assert np.ptp(found.synthetic, axis=0) == pytest.approx(0)
