"""Rows that make up for what a sample of a large table lacks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.coverage import rare_rows
from tabvae_ray.table.dataset.parquet import ParquetTable
from tabvae_ray.table.dataset.sample import sample_positions

LEAST = 5


@pytest.fixture
def table(tmp_path: Path) -> ParquetTable:
    """Write 4,000 rows in four files; 3 and 12 rows have a rare kind, and 40 no number."""
    rng = np.random.default_rng(0)
    kinds = rng.choice(["a", "b", "c"], 4_000).astype(object)
    kinds[np.arange(12) * 300] = "rare"
    kinds[[7, 2_007, 3_007]] = "unique"
    numbers = rng.integers(0, 50, 4_000).astype(float)
    numbers[np.arange(40) * 99 + 1] = np.nan
    rows = pd.DataFrame({"row": np.arange(4_000), "kind": kinds, "number": numbers})
    rows["kind"] = rows["kind"].astype("str")
    for i in range(4):
        part = rows.iloc[1_000 * i : 1_000 * (i + 1)]
        part.to_parquet(tmp_path / f"{i}.parquet", index=False, row_group_size=300)
    return ParquetTable.open(Location(tmp_path))


@pytest.mark.parametrize("seed", range(4))
def test_every_value_has_the_rows_that_it_needs_and_no_more(table: ParquetTable, seed: int) -> None:
    positions = sample_positions(table.n_rows, 400, seed)
    drawn = table.take(positions)
    rare = rare_rows(table, drawn, positions, categorical=["kind"], least=LEAST)
    sampled, further = drawn.to_pandas(), rare.to_pandas()
    assert not set(further["row"]) & set(sampled["row"])
    assert further["row"].is_unique
    both = pd.concat([sampled, further])
    counts = both["kind"].value_counts()
    in_sample = sampled["kind"].value_counts()
    assert counts["unique"] == 3
    assert counts["rare"] == max(LEAST, in_sample.get("rare", 0))
    assert both["number"].isna().sum() >= LEAST
    assert len(further) <= 3 * LEAST


def test_numbers_are_not_looked_for(table: ParquetTable) -> None:
    positions = sample_positions(table.n_rows, 400, 0)
    drawn = table.take(positions)
    further = rare_rows(table, drawn, positions, categorical=[], least=LEAST).to_pandas()
    assert further["number"].isna().all()
