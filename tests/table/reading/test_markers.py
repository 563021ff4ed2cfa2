"""Markers of missing values in Parquet files and DataFrames."""

import warnings
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
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import TableWriter, read_table
from tabvae_ray.table.reading.markers import as_declared
from tabvae_ray.table.spec import TableSpec

ROWS = 100


def numbered(marker: str) -> list[str]:
    return [marker if i % 20 == 3 else str(i * 3) for i in range(ROWS)]


def dated(marker: str) -> list[str]:
    days = pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d")
    return [marker if i % 20 == 3 else day for i, day in enumerate(days)]


@pytest.mark.parametrize("marker", ["?", "n.a.", "NA", "unknown", " "])
@pytest.mark.parametrize(("cells", "noun"), [(numbered, "numbers"), (dated, "dates")])
def test_rare_markers_in_text_of_parquet_are_missing_and_named(
    tmp_path: Path, cells: Any, noun: str, marker: str
) -> None:
    pq.write_table(
        pa.table({"v": cells(marker), "n": [i % 7 for i in range(ROWS)]}), tmp_path / "t.parquet"
    )
    with pytest.warns(UserWarning, match=f"column 'v': 95.0% of its cells are {noun}, so the 5"):
        table = read_table(str(tmp_path / "t.parquet"))
    assert table["v"].isna().sum() == 5
    spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"rules": {"find": False}}))
    assert spec["v"].kind == ("continuous" if noun == "numbers" else "datetime")
    encoder = TableEncoder.fit(table, spec, TransformersConfig())
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    with TableWriter(str(tmp_path / "o.parquet"), encoder.example(), spec.arrow_types) as writer:
        writer.write(rows)
    assert pq.read_schema(tmp_path / "o.parquet").field("v").type == pa.string()
    # pandas reads the text as text, not as the numbers that it was made of.
    assert isinstance(pd.read_parquet(tmp_path / "o.parquet")["v"].dropna().iloc[0], str)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("written", ["${:.2f}", "${:.2f}[0=$ -]"])
def test_a_declared_format_decides_whether_a_dash_is_missing(
    tmp_path: Path, suffix: str, written: str
) -> None:
    texts = ["$ -" if i % 20 == 3 else f"${i + 1}.50" for i in range(ROWS)]
    table, file = pd.DataFrame({"v": texts, "n": np.arange(ROWS) % 7}), str(tmp_path / f"t{suffix}")
    table.to_csv(file, index=False) if suffix == ".csv" else table.to_parquet(file)
    declared = SpecDeclaration.from_mapping(
        {"columns": {"v": {"kind": "continuous", "format": written}}, "rules": {"find": False}}
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        spec = TableSpec.infer(read_table(file, declared), declared=declared)
    is_zero = written.endswith("]")
    assert (spec["v"].format, spec["v"].missing) == (written, not is_zero)
    assert spec["v"].minimum == (0 if is_zero else 1.5)
    assert ["so the 5 that read '$ -' are taken" in str(each.message) for each in said] == (
        [] if is_zero else [True]
    )


@pytest.mark.parametrize("numbers", [np.arange(5, 300).tolist(), np.arange(300) / 7])
def test_a_dash_among_numbers_of_python_is_missing(numbers: Any) -> None:
    table = pd.DataFrame({"v": [*numbers, *["$ -"] * 9]})
    table["n"] = np.arange(len(table)) % 7
    with pytest.warns(UserWarning, match="so the 9 that read '[$] -' are taken for missing"):
        spec = TableSpec.infer(table)
    assert (spec["v"].kind, spec["v"].missing) == ("continuous", True)


def test_a_number_in_text_that_a_declared_format_does_not_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pd.DataFrame({"v": [*(f"${i}.50" for i in range(ROWS)), "<1.00"]}).to_parquet(file)
    columns = {"v": {"kind": "continuous", "format": "${:.2f}"}}
    declared = SpecDeclaration.from_mapping({"columns": columns})
    with pytest.raises(DataError, match=r"but has '<1\.00'"):
        TableSpec.infer(read_table(str(file), declared), declared=declared)


def test_markers_of_a_data_frame_are_known_to_its_spec() -> None:
    table = pd.DataFrame({"v": numbered("?"), "n": [i % 7 for i in range(ROWS)]})
    with pytest.warns(UserWarning, match="table: column 'v': 95.0% of its cells are numbers"):
        spec = TableSpec.infer(table)
    assert spec["v"].missing_values == ("?",)
    assert spec["v"].missing
    clean = as_declared(table, spec.columns)
    assert clean["v"].isna().sum() == 5
    comparison = ComparisonPlan.from_mapping({"scores": ["mean_js_distance"]}).prepare(table, spec)
    assert comparison.compute(table).scores["mean_js_distance"] == 0


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_declared_missing_values_hold_for_every_kind_of_column(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame(
        {
            "number": [-9 if i % 10 == 0 else i for i in range(ROWS)],
            "share": [-9.0 if i % 10 == 0 else i / 4 for i in range(ROWS)],
            "text": ["unknown" if i % 10 == 0 else "ab"[i % 2] for i in range(ROWS)],
            "level": pd.Categorical(
                ["unknown" if i % 10 == 0 else "ab"[i % 2] for i in range(ROWS)]
            ),
            "digits": [f"{'?' if i % 10 == 0 else i}" for i in range(ROWS)],
        }
    )
    file = tmp_path / f"t{suffix}"
    (table.to_csv if suffix == ".csv" else table.to_parquet)(file, index=False)
    declared = SpecDeclaration.from_mapping({"missing_values": ["unknown", -9, "-9.0", "?"]})
    read = read_table(str(file), declared)
    assert read.isna().sum().tolist() == [10] * 5
    assert str(read["number"].dtype) == "Int64"
    spec = TableSpec.infer(table, declared=declared)
    assert all(column.missing for column in spec.columns)
    assert spec["level"].categories == ("a", "b")


def test_text_of_digits_without_a_marker_stays_text(tmp_path: Path) -> None:
    cells = {"zip": [f"{i % 50:05}" for i in range(ROWS)], "n": [str(i % 50) for i in range(ROWS)]}
    cells["code"] = [*cells["zip"][:-1], "?"]
    pq.write_table(pa.table(cells), tmp_path / "t.parquet")
    table = read_table(str(tmp_path / "t.parquet"))
    assert {str(dtype) for dtype in table.dtypes} == {"str"}
    assert table["code"].iloc[-1] == "?"


@pytest.mark.parametrize("source", ["frame", "csv", "parquet"])
def test_declared_markers_match_by_value(tmp_path: Path, source: str) -> None:
    gone = [i % 10 == 0 for i in range(ROWS)]
    table = pd.DataFrame(
        {
            "whole": [-9 if g else i for i, g in enumerate(gone)],
            "share": [-9.0 if g else i / 4 for i, g in enumerate(gone)],
            "spelled": ["-9.00" if g else f"{i / 4:.2f}" for i, g in enumerate(gone)],
            "marked": ["?" if g else str(i) for i, g in enumerate(gone)],
            "mixed": pd.Series(["?" if g else i for i, g in enumerate(gone)], dtype=object),
            "day": [
                pd.Timestamp("1900-01-01")
                if g
                else pd.Timestamp("2024-01-01") + pd.Timedelta(i, "D")
                for i, g in enumerate(gone)
            ],
        }
    )
    declared = SpecDeclaration.from_mapping(
        {"missing_values": [-9, "?", "1900-01-01"], "rules": {"find": False}}
    )
    rows: Any = table
    if source == "parquet":
        # Parquet has one type in a column.
        table = table.drop(columns="mixed")
    if source != "frame":
        file = tmp_path / f"t.{source}"
        (table.to_csv if source == "csv" else table.to_parquet)(file, index=False)
        rows = read_table(str(file), declared)
    spec = TableSpec.infer(rows, declared=declared)
    for column in spec.columns:
        assert column.missing, column.name
        assert column.kind == ("datetime" if column.name == "day" else "continuous"), column.name
    clean = as_declared(rows, spec.columns)
    assert set(clean[list(spec.names)].isna().sum()) == {10}


def test_markers_are_no_codes_with_leading_zeros(tmp_path: Path) -> None:
    cells = ["-9" if i % 10 == 0 else f"0{i % 5}" for i in range(ROWS)]
    digits = ["09" if i % 10 == 0 else str(i % 9) for i in range(ROWS)]
    table = pd.DataFrame({"code": cells, "digit": digits, "n": range(ROWS)})
    table.to_csv(tmp_path / "t.csv", index=False)
    declared = SpecDeclaration.from_mapping({"missing_values": ["-9", "9"]})
    read = read_table(str(tmp_path / "t.csv"), declared)
    assert set(read["code"].dropna()) == {"00", "01", "02", "03", "04"}
    assert "09" in set(read["digit"])


def test_a_marker_among_numbers_of_python_is_recognised() -> None:
    table = pd.DataFrame({"v": pd.Series(["?" if i % 20 == 3 else i for i in range(ROWS)])})
    with pytest.warns(UserWarning, match="95.0% of its cells are numbers"):
        spec = TableSpec.infer(table)
    assert (spec["v"].dtype, spec["v"].missing_values) == ("Int64", ("?",))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_recognised_markers_of_a_file_stand_in_its_spec(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame(
        {"v": numbered("unknown"), "d": dated("n.a."), "n": [i % 7 for i in range(ROWS)]}
    )
    table.loc[30:34, "v"] = "not measured"
    (table.to_csv if suffix == ".csv" else table.to_parquet)(tmp_path / f"t{suffix}", index=False)
    with pytest.warns(UserWarning, match="are taken for missing"):
        spec = TableSpec.infer(str(tmp_path / f"t{suffix}"))
    assert set(spec["v"].missing_values or ()) == {"unknown", "not measured"}
    assert spec["d"].missing_values == ("n.a.",)
    # Another table of the spec may have other words for a missing number.
    table.loc[50:52, "v"] = "NA"
    table.loc[53, "v"] = " "
    (table.to_csv if suffix == ".csv" else table.to_parquet)(tmp_path / f"u{suffix}", index=False)
    declared = SpecDeclaration.from_mapping(spec.to_mapping())
    again = TableSpec.infer(str(tmp_path / f"u{suffix}"), declared=declared)
    assert [again[name].kind for name in ("v", "d")] == ["continuous", "datetime"]
    assert again["v"].missing_values == spec["v"].missing_values


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_remark_of_few_rows_in_a_file_does_not_stand_in_its_spec(
    tmp_path: Path, suffix: str
) -> None:
    table = pd.DataFrame({"v": numbered("?"), "n": [i % 7 for i in range(ROWS)]})
    table.loc[30, "v"] = "ask Dr X"
    (table.to_csv if suffix == ".csv" else table.to_parquet)(tmp_path / f"t{suffix}", index=False)
    with pytest.warns(UserWarning, match="are taken for missing"):
        spec = TableSpec.infer(str(tmp_path / f"t{suffix}"))
    assert (spec["v"].kind, spec["v"].missing, spec["v"].missing_values) == (
        "continuous", True, None,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", ["", ".csv", ".parquet"])
def test_infinities_may_be_declared_to_be_missing(tmp_path: Path, suffix: str) -> None:
    cells = [(i / 3, np.inf, -np.inf)[i % 3] for i in range(ROWS)]
    table = pd.DataFrame({"v": cells, "n": [i % 7 for i in range(ROWS)]})
    file = tmp_path / f"t{suffix}"
    if suffix:
        (table.to_csv if suffix == ".csv" else table.to_parquet)(file, index=False)
    with pytest.raises(DataError, match="name inf under missing_values in the spec if it stands"):
        TableSpec.infer(str(file) if suffix else table)
    declared = SpecDeclaration.from_mapping({"missing_values": ["inf", "-inf"]})
    spec = TableSpec.infer(str(file) if suffix else table, declared=declared)
    assert (spec["v"].missing, spec["v"].maximum) == (True, 33.0)
