"""Scores of pairs of columns: exact on small tables, a sample of the pairs on wide ones."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.comparison.scores import association, column_pairs, shapes_and_trends
from tabvae_ray.comparison.scores.categorical_association import PairCounts, pair_associations
from tabvae_ray.comparison.scores.column_pairs import PairSample, sample_pairs
from tabvae_ray.table.spec import TableSpec


def _table(n_numbers: int, n_codes: int, seed: int, n_rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n_rows, 3))
    weights = np.random.default_rng(99).normal(size=(3, n_numbers))
    numbers = latent @ weights + rng.normal(size=(n_rows, n_numbers))
    numbers[rng.random(numbers.shape) < 0.02] = np.nan
    columns = {f"n{i}": column for i, column in enumerate(numbers.T)}
    for i in range(n_codes):
        codes = np.clip(latent[:, i % 3] * 2 + rng.normal(size=n_rows) + 3, 0, 5).astype(int)
        columns[f"c{i}"] = np.array(list("abcdef"))[codes]
    return pd.DataFrame(columns)


def _pair(n_numbers: int, n_codes: int) -> tuple[TableColumns, TableColumns]:
    real = _table(n_numbers, n_codes, 0)
    reader = ColumnReader(TableSpec.infer(real), real)
    return reader.real, reader.read(_table(n_numbers, n_codes, 1))


@pytest.mark.parametrize("kinds", ["categorical", "unmixed", "tables"])
def test_every_pair_is_drawn_once_up_to_the_bound_and_a_sample_above_it(
    kinds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = sample_pairs(4, 7, kinds)
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    wanted = {(i, j) for j in range(4, 11) for i in range(4, j)}
    if kinds == "unmixed":
        wanted |= {(i, j) for j in range(4) for i in range(j)}
    elif kinds == "tables":
        wanted |= {(i, j) for i in range(4) for j in range(4, 11)}
    assert found == wanted and len(pairs.first) == pairs.n_pairs
    monkeypatch.setattr(column_pairs, "MOST_PAIRS", 10)
    drawn = sample_pairs.__wrapped__(4, 7, kinds)
    assert drawn.is_partial and len(drawn.first) == 10
    assert drawn.weight == pairs.n_pairs / 10
    assert set(zip(drawn.first.tolist(), drawn.second.tolist(), strict=True)) < wanted


def test_contingency_tables_counted_together_give_the_associations_of_single_ones() -> None:
    rng = np.random.default_rng(0)
    sizes = [1, 2, 2, 5, 40, 150]
    codes = np.array([rng.integers(size, size=300) for size in sizes], dtype=np.int32)
    codes[2] = np.where(rng.random(300) < 0.2, 1 - codes[1], codes[1])
    counts = [np.bincount(row, minlength=size) for row, size in zip(codes, sizes, strict=True)]
    first, second = np.triu_indices(len(sizes), 1)
    pairs = zip(first, second, strict=True)
    counted = [PairCounts(codes[i], codes[j], counts[i], counts[j]) for i, j in pairs]
    found = pair_associations(codes, counts, first, second, "CRAMERS_V")
    single = [pair.cramers_v() for pair in counted]
    np.testing.assert_allclose(found, [single, single], rtol=0, atol=1e-9)
    found = pair_associations(codes, counts, first, second, "THEILS_U")
    both = [pair.theils_u() for pair in counted]
    np.testing.assert_allclose(found.T, both, rtol=0, atol=1e-9)


def test_a_sample_of_pairs_stands_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = _pair(20, 40)
    exact = shapes_and_trends.mean_pair_trend(real, synthetic)
    matrices = association.associations(real), association.associations(synthetic)
    distance = association.correlation_distance(*matrices)
    monkeypatch.setattr(column_pairs, "MOST_PAIRS", 400)
    sample_pairs.cache_clear()
    try:
        assert shapes_and_trends.mean_pair_trend(real, synthetic) == pytest.approx(exact, abs=0.01)
        weights = association.entry_weights(real, "PEARSON")
        assert weights is not None and weights.sum() == pytest.approx(60 * 60)
        drawn = association.associations(real), association.associations(synthetic)
        known = ~np.isnan(drawn[0])
        assert (known == (weights > 0)).all()
        np.testing.assert_allclose(drawn[0][known], matrices[0][known], rtol=0, atol=1e-12)
        assert association.correlation_distance(*drawn, "RMSE", weights) == pytest.approx(
            distance, rel=0.05
        )
    finally:
        sample_pairs.cache_clear()


def test_pearson_over_incomplete_pairs_is_that_of_pandas() -> None:
    table = _table(12, 1, 0, n_rows=60)
    table.loc[table.index % 3 > 0, "n1"] = np.nan
    table["n2"] = table["n2"] * 1e-3 + 1e6
    table.loc[0, ["n3", "n4"]] = 1e9, np.nan
    reader = ColumnReader(TableSpec.infer(table), table)
    shuffled = table.sample(frac=1, random_state=0)
    trends = shapes_and_trends.pair_trends(reader.real, reader.read(shuffled))
    assert len(trends) >= 12 * 11 / 2
    change = (table.corr(numeric_only=True) - shuffled.corr(numeric_only=True)).abs().to_dict()
    for (first, second), trend in trends.items():
        if first in change and second in change:
            assert trend == pytest.approx(1 - change[first][second] / 2, abs=1e-6)


def _wide(seed: int) -> TableColumns:
    rng, n = np.random.default_rng(seed), 400
    codes = {f"c{i}": rng.integers(6, size=n) for i in range(1001)}
    return TableColumns(
        n,
        {f"n{i}": rng.normal(size=n) for i in range(500)},
        codes,
        dict.fromkeys(codes, tuple("abcdef")),
        dict.fromkeys(codes, 6),
    )


def test_a_table_of_1501_columns_is_scored_from_a_sample_of_its_pairs() -> None:
    real, synthetic = _wide(0), _wide(1)
    assert 0.5 < shapes_and_trends.mean_pair_trend(real, synthetic) <= 1
    known = ~np.isnan(association.associations(synthetic))
    # All pairs with a number, each category with itself, and both halves of the sample.
    assert known.sum() == 500**2 + 2 * 1001 * 500 + 1001 + 2 * 10_000


def test_pairs_are_counted_the_same_way_round() -> None:
    pairs = PairSample(np.array([0]), np.array([1]), 1)
    first, second = column_pairs.larger_first(np.array([2, 3]), pairs)
    assert (first[0], second[0]) == (1, 0)
