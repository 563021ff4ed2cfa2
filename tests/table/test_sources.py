"""Functions that take a table take it from a file and from every library that can hold one."""

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.errors import DataError
from tabvae_ray.table.io import read_table, write_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.tables import small_config

ROWS = pd.DataFrame({"x": [i % 40 / 4 for i in range(200)], "c": ["ab"[i % 2] for i in range(200)]})


@pytest.fixture(params=["csv", "parquet", "path", "pandas", "polars", "arrow"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param in ("csv", "parquet", "path"):
        suffix = "csv" if request.param == "path" else request.param
        write_table(ROWS, tmp_path / f"t.{suffix}")
        file = tmp_path / f"t.{suffix}"
        return file if request.param == "path" else str(file)
    if request.param == "arrow":
        return pa.Table.from_pandas(ROWS)
    return ROWS if request.param == "pandas" else pl.from_pandas(ROWS)


def test_a_table_is_taken_from_everywhere(table: Any, tmp_path: Path) -> None:
    spec = TableSpec.infer(table)
    assert spec.names == ("x", "c")
    prepared = ComparisonPlan(scores=("mean_js_distance", "dcr_share")).prepare(
        table, spec, held_out=table
    )
    assert prepared.compute(table).scores["mean_js_distance"] == 0
    vae = TabularVAE.build(spec, small_config(**{"training.max_n_epochs": 1}))
    vae.fit(table, progress=False)
    assert len(vae.synthesizer().log_prob(table, draws=2)) == len(ROWS)
    assert vae.synthesizer().impute(table, draws=2)["c"].tolist() == ROWS["c"].tolist()
    if not isinstance(table, str | Path):
        write_table(table, str(tmp_path / "again.csv"))
        assert read_table(tmp_path / "again.csv")["c"].tolist() == ROWS["c"].tolist()


def test_positions_are_no_table_and_other_objects_are_refused() -> None:
    spec = TableSpec.infer(ROWS)
    plan = ComparisonPlan(scores=("dcr_share",))
    assert plan.prepare(ROWS, spec, held_out=[0, 1, 2]).held_out is not None
    with pytest.raises(DataError, match="must be a path, a DataFrame of pandas or polars"):
        TableSpec.infer(3)  # type: ignore[arg-type]
