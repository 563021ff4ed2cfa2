"""Numbers in text of Parquet files and DataFrames."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError
from tabvae_ray.generation.written_values import as_in_memory, as_written
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.formats.number_texts import find_text_format, spelled_in_text
from tabvae_ray.table.io import TableWriter, read_table
from tabvae_ray.table.parsing import as_numbers
from tabvae_ray.table.reading.markers import as_declared
from tabvae_ray.table.spec import TableSpec

ROWS = 200
NUMBERS = np.random.default_rng(0).normal(500, 900, ROWS).round(2)
TEXTS: dict[str, list[str | None]] = {
    "${:,.2f}": [f"${abs(n):,.2f}" for n in NUMBERS],
    "({:.2f})": [f"({-n:.2f})" if n < 0 else f"{n:.2f}" for n in NUMBERS],
    "{:.0f}%": [f"{n:.0f}%" for n in NUMBERS],
    "{:,2f}": [f"{n:.2f}".replace(".", ",") for n in NUMBERS],
    "{:,.0f}": [f"{n * 9:,.0f}" for n in NUMBERS],
    "{:+.1f}": [f"{n:+.1f}" for n in NUMBERS],
    "{:.2f}": [f"{n:.2f}" if i % 9 else None for i, n in enumerate(NUMBERS)],
    "€{:.2f}": [f"€{abs(n):.2f}" if i % 20 else "n/a" for i, n in enumerate(NUMBERS)],
}
WITHOUT_RULES = SpecDeclaration.from_mapping({"rules": {"find": False}})


def made_of(table: pd.DataFrame, declared: SpecDeclaration = WITHOUT_RULES) -> tuple[Any, ...]:
    """Return spec, encoder and rows of a table that was encoded and decoded."""
    spec = TableSpec.infer(table, declared=declared)
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    known = as_declared(table, spec.columns)
    encoder = TableEncoder.fit(known, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(known), np.random.default_rng(0))
    compared = ComparisonPlan.from_mapping({"scores": ["column_shapes"]}).prepare(table, spec)
    assert compared.compute(as_in_memory(rows, spec)).scores["column_shapes"] > 0.95
    return spec, encoder, rows


@pytest.mark.filterwarnings("ignore:.*'n/a'")
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_text_of_parquet_comes_back_in_its_format_and_type(tmp_path: Path, kind: Any) -> None:
    real = pa.table({name: pa.array(cells, kind) for name, cells in TEXTS.items()})
    pq.write_table(real, tmp_path / "real.parquet")
    spec, encoder, rows = made_of(read_table(str(tmp_path / "real.parquet")))
    assert {name: spec[name].format for name in TEXTS} == {name: name for name in TEXTS}
    assert set(spec.continuous) == set(TEXTS)
    out = str(tmp_path / "out.parquet")
    with TableWriter(out, encoder.example(), spec.arrow_types) as writer:
        writer.write(as_written(rows, spec, as_text=False))
    made = pq.read_table(out)
    assert made.schema.types == real.schema.types
    for name, cells in TEXTS.items():
        found = find_text_format(made[name].to_pandas().dropna(), is_number=True)
        assert str(found) == name
        gone = sum(cell in (None, "n/a") for cell in cells)
        assert made[name].null_count == gone


@pytest.mark.filterwarnings("ignore:.*'n/a'")
@pytest.mark.parametrize("dtype", ["str", "object", "string"])
def test_text_of_a_dataframe_comes_back_as_text(dtype: str) -> None:
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(ROWS) % 90, unit="D")
    dates = {"iso": days.strftime("%Y-%m-%d"), "dots": days.strftime("%d.%m.%Y")}
    table = pd.DataFrame({**TEXTS, **dates}).astype(dtype)
    spec, _, rows = made_of(table)
    texts = as_in_memory(rows, spec)
    assert texts.dtypes.tolist() == table.dtypes.tolist()
    assert str(find_text_format(texts["${:,.2f}"])) == "${:,.2f}"
    assert set(texts["dots"]) <= {day.strftime("%d.%m.%Y") for day in pd.date_range(*days[[0, 89]])}


def test_categories_of_dates_come_back_as_categories() -> None:
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(ROWS) % 30, unit="D")
    table = pd.DataFrame({"day": pd.Categorical(days), "x": NUMBERS})
    with pytest.warns(UserWarning, match="generated rows may have dates between them"):
        spec, _, rows = made_of(table)
    assert as_in_memory(rows, spec)["day"].dtype == table["day"].dtype


@pytest.mark.parametrize(
    "texts",
    [
        [f"{n:05}" for n in range(ROWS)],
        [str(n) for n in range(ROWS)],
        [f"+49{n}1234567" for n in range(ROWS)],
        [f"{n % 90}.{n % 7}1" for n in range(4000)],
        ["$1.00", "$2.50"] * 50,
        [f"AB-{n}" for n in range(ROWS)],
        [f"10.0.{n}.1" for n in range(ROWS)],
    ],
    ids=str,
)
def test_codes_and_few_texts_stay_text(texts: list[str]) -> None:
    assert find_text_format(pd.Series(texts, dtype="str")) is None


def test_text_that_is_not_all_numbers_stays_text() -> None:
    texts = pd.Series([f"${n}.00" for n in range(3000)] + ["$x"], dtype="str")
    values, written = spelled_in_text(texts, None, is_number=False)
    assert written is None
    assert values is texts


def test_a_declared_format_is_obeyed() -> None:
    table = pd.DataFrame({"w": pd.Series([f"{n:.1f} kg" for n in NUMBERS], dtype="str")})
    declared = {"columns": {"w": {"kind": "continuous", "format": "{:.1f} kg"}}}
    spec, _, rows = made_of(table, SpecDeclaration.from_mapping(declared))
    assert spec["w"].format == "{:.1f} kg"
    assert as_in_memory(rows, spec)["w"].str.fullmatch(r"-?\d+\.\d kg").all()


def test_the_cell_that_is_no_number_in_the_format_is_named() -> None:
    values = pd.Series(["$5,000.00", "$7.50", "seven"], name="paid")
    with pytest.raises(DataError, match="but has 'seven'"):
        as_numbers(values, "table", written="${:,.2f}")
