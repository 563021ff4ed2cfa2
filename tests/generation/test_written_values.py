"""Dates and numbers of generated files, as the real file has them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.generate import main
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.formats.spelling import parsed, spelled
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.tables import small_config

ROWS = 300
FORMATS = {
    "day": "%d.%m.%Y",
    "us": "%-m/%-d/%Y",
    "short": "%d.%m.%y",
    "bare": "%Y-%m-%d",
    "stamp": "%Y-%m-%dT%H:%M:%SZ",
    "milli": "%Y-%m-%dT%H:%M:%S.%3f",
    "berlin": "%Y-%m-%d %H:%M:%S%:z",
    "half": "%d/%m/%Y %I:%M %p",
}
NUMBERS = {"number": "%Y%m%d", "gaps": "%Y%m%d", "epoch": "unix_ms"}
DECLARED = {name: {"kind": "datetime", "format": written} for name, written in NUMBERS.items()}


def moments_of(name: str) -> pd.Series:
    rng = np.random.default_rng(len(name))
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 700, ROWS), "D")
    moments = pd.Series(days).astype("datetime64[us]")
    if name in ("stamp", "milli", "half", "epoch"):
        moments += pd.to_timedelta(rng.integers(0, 1440, ROWS), "min")
    zones = {"stamp": "UTC", "berlin": "Europe/Berlin"}
    return moments.dt.tz_localize(zones[name]) if name in zones else moments


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    texts = {name: spelled(moments_of(name), written) for name, written in FORMATS.items()}
    numbers = {
        name: pd.to_numeric(spelled(moments_of(name), written)).astype("Int64")
        for name, written in NUMBERS.items()
    }
    numbers["gaps"] = numbers["gaps"].mask(numbers["gaps"].index % 5 == 0)
    steps = np.random.default_rng(0).integers(0, 200, ROWS)
    return pd.DataFrame({**texts, **numbers, "hundreds": steps * 100, "quarters": steps / 4 + 0.1})


def synthesizer(table: Path, out: Path) -> str:
    """Fit a tiny model to a file, and return its path."""
    declared = SpecDeclaration.from_mapping({"columns": DECLARED})
    rows = read_table(str(table), declared)
    config = small_config(**{"training.max_n_epochs": 1})
    vae = TabularVAE.build(TableSpec.infer(rows, declared=declared), config)
    vae.fit(rows)
    vae.synthesizer().save(out)
    return str(out)


@pytest.fixture(scope="module")
def of_csv(real: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("csv")
    real.to_csv(home / "real.csv", index=False)
    return synthesizer(home / "real.csv", home / "model")


@pytest.fixture(scope="module")
def of_parquet(real: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("parquet")
    table = pa.Table.from_pandas(real, preserve_index=False)
    place = table.column_names.index("gaps")
    table = table.set_column(place, "gaps", table["gaps"].cast(pa.float64()))
    pq.write_table(table, home / "real.parquet")
    return synthesizer(home / "real.parquet", home / "model")


def check_formats(rows: pd.DataFrame) -> None:
    for name, written in (FORMATS | NUMBERS).items():
        values = rows[name].dropna()
        assert len(values)
        own = parsed(values, written)
        assert spelled(own, written).astype(str).tolist() == values.astype(str).tolist()
        known = moments_of(name)
        assert own.min() >= known.min()
        assert own.max() <= known.max()
    hours = rows["berlin"].str[11:]
    assert set(hours) == {"00:00:00+01:00", "00:00:00+02:00"}
    assert rows["gaps"].isna().any()


def test_csv_has_dates_as_the_real_csv_has_them(of_csv: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    assert main(["--model", of_csv, "--rows", "300", "--out", str(out)]) == 0
    rows = pd.read_csv(out, dtype=str)
    check_formats(rows)
    assert rows["hundreds"].astype(int).mod(100).eq(0).all()
    quarters = (rows["quarters"].astype(float) - 0.1) * 4
    assert np.allclose(quarters, quarters.round(), atol=1e-6)


@pytest.mark.parametrize("shards", [False, True])
def test_parquet_has_text_and_numbers_where_the_real_one_has_them(
    of_parquet: str, tmp_path: Path, shards: bool
) -> None:
    out = tmp_path / ("shards" if shards else "rows.parquet")
    options = ["--shard-rows", "150"] if shards else []
    assert main(["--model", of_parquet, "--rows", "300", "--out", str(out), *options]) == 0
    table = pq.read_table(out if not shards else sorted(out.glob("part-*.parquet"))[1])
    assert table.schema.field("day").type == pa.string()
    assert table.schema.field("gaps").type == pa.float64()
    assert table.schema.field("epoch").type == pa.int64()
    rows = table.to_pandas()
    rows["gaps"] = rows["gaps"].astype("Int64")
    check_formats(rows)


def test_rows_in_memory_have_the_dtypes_of_the_real_table(of_parquet: str) -> None:
    made = load_synthesizer(of_parquet)
    rows = made.generate(20)
    file = pd.read_parquet(Path(of_parquet).parent / "real.parquet")
    assert rows.dtypes.to_dict() == file.dtypes.to_dict()
    check_formats(rows)
    part = file.head(3).copy()
    part.loc[1, "day"] = None
    filled = made.impute(part, draws=4)
    assert filled["day"][0] == file["day"][0]
    assert filled["day"].str.fullmatch(r"\d\d\.\d\d\.\d{4}").all()


def test_conditions_are_written_as_the_column_writes_dates(
    of_csv: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.csv"
    command = ["--model", of_csv, "--rows", "50", "--out", str(out)]
    where = ["day=05.03.2022..05.04.2022", "us=2/1/2022..", "number=20220201..20230901"]
    assert main([*command, *(part for text in where for part in ("--where", text))]) == 0
    rows = pd.read_csv(out)
    assert parsed(rows["day"], "%d.%m.%Y").between("2022-03-05", "2022-04-05").all()
    assert rows["number"].between(20220201, 20230901).all()
    assert main([*command, "--where", "day=03/05/2022"]) == 2
    assert "write it as the column does, in the format %d.%m.%Y" in capsys.readouterr().err


def test_a_spec_with_steps_and_formats_is_a_spec_again(of_csv: str) -> None:
    document = json.loads((Path(of_csv) / "synthesizer.json").read_text())
    spec = TableSpec.from_mapping(document["spec"])
    assert spec["hundreds"].step == 100
    assert spec["quarters"].step == 0.25
    assert spec["berlin"].clock == "local"
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    assert SpecDeclaration.from_mapping(spec.to_mapping()).names == spec.names


@pytest.mark.parametrize(
    "written", [*FORMATS.values(), "%d-%^b-%Y", "%Y-%m-%d %H:%M:%S%:::z", "unix_ns"]
)
def test_a_format_that_is_found_may_be_declared(written: str) -> None:
    SpecDeclaration.from_mapping({"columns": {"x": {"kind": "datetime", "format": written}}})


@pytest.mark.parametrize("written", ["day", "", "%Q", "%"])
def test_text_that_is_no_format_is_refused(written: str) -> None:
    with pytest.raises(DataError, match=r"columns\.x\.format: must be one such as %d"):
        SpecDeclaration.from_mapping({"columns": {"x": {"kind": "datetime", "format": written}}})
