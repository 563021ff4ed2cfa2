"""Sparse arrays, periods, intervals and UUIDs: modelled in a plain type, and given back."""

import uuid
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import tabvae_ray
from tabvae_ray.errors import DataError
from tabvae_ray.generation.single_file import generate_to_file
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.search.sources import read_rows
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import write_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.values.object_types import of_object_type
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.tables import small_config

ROWS = 300


def periods(numbers: Any, unit: str) -> Any:
    index: Any = pd.PeriodIndex
    return index.from_ordinals(numbers, freq=unit)


def table(*, gaps: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "sparse": pd.arrays.SparseArray(np.where(rng.random(ROWS) < 0.8, 0, 7)),
            "share": pd.arrays.SparseArray(
                np.where(rng.random(ROWS) < 0.8, np.nan, rng.integers(0, 99, ROWS) / 4)
            ),
            "month": periods(rng.integers(600, 660, ROWS), "M"),
            "quarter": periods(rng.integers(180, 200, ROWS), "Q"),
            "day": periods(rng.integers(18000, 18600, ROWS), "D"),
            "level": pd.cut(rng.normal(0, 1, ROWS), [-9, -1, 0.5, 9]),
            "range": pd.arrays.IntervalArray.from_arrays(*(lambda a: (a, a + 5))(
                rng.integers(0, 4, ROWS) * 5
            ), closed="left"),
            "id": pd.Series([uuid.UUID(int=int(i)) for i in rng.integers(0, 2**62, ROWS)]),
        }
    )  # fmt: skip
    if gaps:
        for name in ("month", "level", "id"):
            rows.loc[rng.random(ROWS) < 0.2, name] = None
    return rows


def fitted(real: pd.DataFrame) -> TabularVAE:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        declared = SpecDeclaration.from_mapping({"rules": {"find": False}})
        spec = TableSpec.infer(real, declared=declared)
        vae = TabularVAE.build(spec, small_config())
        vae.fit(real, progress=False)
    return vae


@pytest.mark.parametrize("gaps", [False, True])
def test_rows_in_memory_have_the_types_and_values_of_the_real_ones(gaps: bool) -> None:
    real = table(gaps=gaps)
    rows = fitted(real).generate(400, seed=1)
    assert rows.dtypes.to_dict() == real.dtypes.to_dict()
    for name in ("sparse", "level", "range"):
        assert set(rows[name].dropna()) <= set(real[name].dropna()), name
    assert not set(rows["id"].dropna()) & set(real["id"].dropna())
    assert {type(value) for value in rows["id"].dropna()} == {uuid.UUID}
    assert bool(rows["month"].isna().any()) == gaps
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert tabvae_ray.compare(real, real).scores["mean_js_distance"] == 0
    assert rows["month"].min() >= real["month"].min() and rows["month"].max() <= real["month"].max()


@pytest.mark.parametrize("gaps", [False, True])
def test_the_table_of_a_search_that_goes_on_has_the_same_spec(tmp_path: Path, gaps: bool) -> None:
    sample, kept = read_rows(table(gaps=gaps), Location("table"), None, rows=None, seed=0)
    no_rules = SpecDeclaration.from_mapping({"rules": {"find": False}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(sample.rows, declared=no_rules)
        assert kept is not None and spec["id"].written_dtype == "uuid"
        write_table(kept, str(tmp_path / "table.parquet"))
        known = SpecDeclaration.from_mapping(spec.to_mapping(with_sources=False))
        again = TableSpec.infer(str(tmp_path / "table.parquet"), declared=known)
    assert again == spec


def test_files_have_the_types_of_the_real_ones(tmp_path: Path) -> None:
    # pandas writes neither sparse columns nor categories that are intervals.
    real = table(gaps=True).drop(columns=["sparse", "share", "level"])
    real.to_parquet(tmp_path / "real.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(str(tmp_path / "real.parquet"))
    assert spec["id"].kind == "identifier" and spec["month"].kind == "datetime"
    vae = TabularVAE.build(spec, small_config())
    vae.fit(str(tmp_path / "real.parquet"), progress=False)
    vae.synthesizer().save(tmp_path / "model")
    generate_to_file(str(tmp_path / "model"), 400, str(tmp_path / "made.parquet"))
    schemas = [pq.read_schema(tmp_path / f"{name}.parquet") for name in ("real", "made")]
    assert schemas[0].types == schemas[1].types
    made = pd.read_parquet(tmp_path / "made.parquet")
    assert made.dtypes.to_dict() == real.dtypes.to_dict()
    generate_to_file(str(tmp_path / "model"), 400, str(tmp_path / "made.csv"))
    cells = pd.read_csv(tmp_path / "made.csv", dtype=str)
    assert cells["month"].dropna().str.fullmatch(r"\d{4}-\d{2}").all()
    assert set(cells["range"].dropna()) <= set(map(str, real["range"].dropna()))
    where = load_synthesizer(tmp_path / "model").generate(50, where={"range": "[0, 5)"})
    assert set(where["range"]) == {pd.Interval(0, 5, closed="left")}


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ({"kind": "continuous", "written_dtype": "uuid"}, "n"),
        ({"kind": "continuous", "written_dtype": "period[M]"}, "n"),
        ({"kind": "categorical", "written_dtype": "period[M]"}, "n"),
        ({"kind": "datetime", "written_dtype": "Sparse[int64]"}, "at"),
        ({"kind": "datetime", "written_dtype": "period[M]", "timezone": "UTC"}, "at"),
    ],
)
def test_a_declared_type_must_suit_its_column(column: dict[str, str], key: str) -> None:
    days = pd.date_range("2024-01-01", periods=60)
    rows = pd.DataFrame({"n": [i % 20 for i in range(60)], "at": days})
    declared = SpecDeclaration.from_mapping({"columns": {key: column}})
    with pytest.raises(DataError, match=r"written_dtype: .* is not for"):
        TableSpec.infer(rows, declared=declared)


def test_values_that_are_none_of_the_type_stay_as_they_are() -> None:
    texts = pd.Series(["a", None, "b"], dtype="str")
    for name in ("uuid", "interval[int64, right]", "interval[datetime64[ns], left]", "period[M]"):
        assert of_object_type(texts, name) is texts
