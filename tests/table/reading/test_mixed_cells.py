"""CSV columns whose cells are written in several ways, or have many markers."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.config import TransformersConfig
from tabvae_ray.generation.written_values import as_written
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec

ROWS = 300
NO_RULES = SpecDeclaration.from_mapping({"rules": {"find": False}})


def cells_in(tmp_path: Path, cells: list[str]) -> str:
    file = tmp_path / "t.csv"
    pd.DataFrame({"v": cells, "n": [i % 7 for i in range(len(cells))]}).to_csv(file, index=False)
    return str(file)


def format_of(file: str, **column: object) -> str | None:
    mapping: dict[str, object] = {"rules": {"find": False}, "columns": {"v": column}}
    declared = SpecDeclaration.from_mapping(mapping if column else {"rules": {"find": False}})
    return TableSpec.infer(read_table(file, declared), declared=declared)["v"].format


@pytest.mark.parametrize(
    "cells",
    [
        ["1.2", "1.9", "1.10"],
        ["3.8", "3.10", ""],
        ["1.8", "1.9", "1.10", "1.11", "1.12", "2.0"],
        ["1.1", "1.9", "1.10", "1.11"],
    ],
)
def test_zeros_at_the_end_tell_versions_apart(tmp_path: Path, cells: list[str]) -> None:
    cells = cells * (ROWS // len(cells))
    file = cells_in(tmp_path, cells)
    with pytest.warns(UserWarning, match="no single form, .* so they are read as text"):
        table = read_table(file)
    assert table["v"].fillna("").tolist() == cells
    alike = SpecDeclaration.from_mapping(TableSpec.infer(table).to_mapping())
    assert read_table(file, alike)["v"].fillna("").tolist() == cells
    amounts = SpecDeclaration.from_mapping({"continuous": ["v"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert read_table(file, amounts)["v"].dtype == "float64"


@pytest.mark.parametrize("cells", [["1.0", "2.5"], ["1.50", "2.25"], ["1.0", "2"], ["1", "2.5"]])
def test_decimals_of_one_form_stay_numbers(tmp_path: Path, cells: list[str]) -> None:
    assert_numbers(tmp_path, cells)


@pytest.mark.parametrize(
    "cells",
    [
        "1.0 1.5 2.0 10",
        "0 0.50 1 1.50 2",
        "0.25 0.5 0.75 1.00",
        "5.5 6.25 7.10 8 8.75",
        "9.9 19.90 4.99",
        "0.00 0.33 0.5 1.00",
        "40.70 48.86 52.5",
        "0.5 0.50 1",
        "1.0 1.00",
        "0.1 0.10 0.2 0.20 0.9 0.90",
        "1.05 1.9 1.10",
    ],
)
def test_decimals_of_several_forms_stay_numbers(tmp_path: Path, cells: str) -> None:
    assert_numbers(tmp_path, cells.split())


def test_a_single_odd_cell_does_not_make_decimals_versions(tmp_path: Path) -> None:
    tenths = [f"{i % 15 / 10}" for i in range(999)]
    for odd in ("0.50", "0.10"):
        assert_numbers(tmp_path, [*tenths, odd], repeats=1)


def assert_numbers(tmp_path: Path, cells: list[str], repeats: int = 100) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_table(cells_in(tmp_path, cells * repeats))
    assert table["v"].dtype == "float64"


@pytest.mark.parametrize(
    ("usual", "odd", "expected"),
    [("{}", "{}.0", "{:.-1f}"), ("{}.50", "{}.5", "{:.2f}"), ("{}.5", "{}.50", None)],
)
def test_the_form_of_most_numbers_is_that_of_synthetic_ones(
    tmp_path: Path, usual: str, odd: str, expected: str | None
) -> None:
    cells = [(odd if i % 40 == 0 else usual).format(i) for i in range(ROWS)]
    with pytest.warns(UserWarning, match="no single form: some are written like"):
        assert format_of(cells_in(tmp_path, cells)) == expected


def test_whole_numbers_that_are_declared_as_floats_get_no_point(tmp_path: Path) -> None:
    file = cells_in(tmp_path, ["1", "2", "4"] * 100)
    assert format_of(file, kind="continuous", dtype="float64") == "{:.0f}"


@pytest.mark.parametrize("word", ["unknown", "#DIV/0!", "N.A.", "refused"])
@pytest.mark.parametrize("noun", ["numbers", "dates"])
def test_usual_markers_may_be_frequent(tmp_path: Path, word: str, noun: str) -> None:
    days = pd.date_range("2022-01-01", periods=ROWS).strftime("%d.%m.%Y")
    cells = [word if i % 3 == 0 else (day, str(i))[noun == "numbers"] for i, day in enumerate(days)]
    with pytest.warns(UserWarning, match=f"66.7% of its cells are {noun}, so the 100 that read"):
        table = read_table(cells_in(tmp_path, cells))
    assert table["v"].isna().sum() == 100


def test_other_frequent_text_among_numbers_is_said(tmp_path: Path) -> None:
    cells = ["low" if i % 4 == 0 else str(i) for i in range(ROWS)]
    with pytest.warns(UserWarning, match="but 75 are not, such as 'low', so it is read as text"):
        assert read_table(cells_in(tmp_path, cells))["v"].dtype == "str"


def test_offsets_of_no_zone_are_said(tmp_path: Path) -> None:
    file = cells_in(
        tmp_path, [f"2022-01-01T{i % 24:02}:00:00+0{1 + i % 3}:00" for i in range(ROWS)]
    )
    with pytest.warns(UserWarning, match="several offsets from UTC, such as 2022-01-01T00:00:00"):
        table = read_table(file)
    assert str(table["v"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("others", ["+00:00", "+0000", "-00:00"])
def test_several_spellings_of_utc_are_one_offset(tmp_path: Path, others: str) -> None:
    ends = ("Z", others)
    cells = [f"2022-01-{1 + i % 28:02}T{i % 24:02}:00:00{ends[i % 2]}" for i in range(ROWS)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(read_table(cells_in(tmp_path, cells))["v"].dtype) == "datetime64[us, UTC]"


def test_a_marker_beside_declared_ones_is_said(tmp_path: Path) -> None:
    file = cells_in(tmp_path, ["?" if i % 20 == 0 else str(i) for i in range(ROWS)])
    with pytest.warns(UserWarning, match=r"such as '\?', so it is read as text; name them under"):
        read_table(file, SpecDeclaration.from_mapping({"missing_values": [-9]}))


def test_days_of_digits_are_dates_beside_declared_missing_values(tmp_path: Path) -> None:
    days = pd.date_range("2022-01-01", periods=ROWS).strftime("%Y%m%d")
    file = cells_in(tmp_path, ["0" if i % 20 == 0 else day for i, day in enumerate(days)])
    declared = SpecDeclaration.from_mapping({"missing_values": ["0"], "rules": {"find": False}})
    spec = TableSpec.infer(read_table(file, declared), declared=declared)
    assert (spec["v"].kind, spec["v"].format) == ("datetime", "%Y%m%d")


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("{} kg", "{:.0f} kg"),
        ("{}.5cm", "{:.1f}cm"),
        ("-{} mg/dl", "{:.0f} mg/dl"),
        ("{}h", "{:.0f}h"),
        ("{},5 °C", "{:,1f} °C"),
        ("1,{:03}.5 m2", "{:,.1f} m2"),
        ("{} sq ft", "{:.0f} sq ft"),
    ],
)
def test_numbers_with_a_unit_are_numbers_and_have_it_again(
    tmp_path: Path, cell: str, written: str
) -> None:
    cells = [cell.format(i + 1) for i in range(ROWS)]
    cells[7] = "unknown"
    for suffix in (".csv", ".parquet"):
        table = pd.DataFrame({"v": cells, "n": [i % 7 for i in range(ROWS)]})
        file = tmp_path / f"t{suffix}"
        (table.to_csv if suffix == ".csv" else table.to_parquet)(file, index=False)
        with pytest.warns(UserWarning, match="so the 1 that read 'unknown' are taken for missing"):
            spec = TableSpec.infer(str(file), declared=NO_RULES)
        assert (spec["v"].kind, spec["v"].format) == ("continuous", written)
        encoder = TableEncoder.fit(spec.read(str(file)), spec, TransformersConfig(min_rows=0))
        rows = encoder.decode(encoder.encode(spec.read(str(file))), np.random.default_rng(0))
        made = as_written(rows, spec, as_text=suffix == ".csv")["v"].dropna()
        assert set(made) <= {*cells} and len(made) == ROWS - 1


@pytest.mark.parametrize(
    "cell", ["{}A", "{} days", "{} Jan", "1000{:04}ab", "{:03} kg", "Level {}", "{} kg {}"]
)
def test_codes_dates_and_durations_have_no_unit(tmp_path: Path, cell: str) -> None:
    cells = [cell.format(1 + i % 12, i) for i in range(ROWS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(cells_in(tmp_path, cells), declared=NO_RULES)
    assert spec["v"].kind != "continuous"


@pytest.mark.parametrize("cell", ["{} kg", "${}", "{}%"])
def test_decimals_of_floats_with_a_unit_come_back(tmp_path: Path, cell: str) -> None:
    cells = ["none" if i % 5 == 0 else cell.format(i / 4) for i in range(ROWS)]
    with pytest.warns(UserWarning, match="so the 60 that read 'none' are taken for missing"):
        spec = TableSpec.infer(cells_in(tmp_path, cells), declared=NO_RULES)
    assert (spec["v"].kind, spec["v"].format) == ("continuous", cell.format("{:.1-2f}"))
    table = spec.read(str(tmp_path / "t.csv"))
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    written = as_written(rows, spec, as_text=True)["v"]
    assert written.isna().sum() == 60
    assert written.dropna().tolist() == [cell.format(value) for value in rows["v"].dropna()]


def test_a_word_beside_many_dates_is_said_if_it_is_frequent(tmp_path: Path) -> None:
    days = pd.date_range("2022-01-01", periods=ROWS).strftime("%Y-%m-%d")
    cells = ["never" if i % 5 == 0 else day for i, day in enumerate(days)]
    with pytest.warns(UserWarning, match="are dates, but 60 are not, such as 'never', so it is re"):
        assert read_table(cells_in(tmp_path, cells))["v"].dtype == "str"


@pytest.mark.parametrize("nothing", ["--:--", "??:??", "-"])
def test_placeholders_of_times_may_be_frequent(tmp_path: Path, nothing: str) -> None:
    cells = [nothing if i % 3 == 0 else f"{i % 24:02}:{i % 60:02}" for i in range(ROWS)]
    with pytest.warns(UserWarning, match="66.7% of its cells are times, so the 100 that read"):
        spec = TableSpec.infer(cells_in(tmp_path, cells), declared=NO_RULES)
    assert (spec["v"].format, spec["v"].missing_values) == ("%H:%M", (nothing,))


def test_letters_among_few_small_numbers_are_codes_like_these(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    names = [*map(str, range(1, 23)), "X", "Y"]
    table = pd.DataFrame(
        {"chromosome": rng.choice(names, 2_000), "reads": rng.integers(0, 99, 2_000)}
    )
    table.loc[rng.random(2_000) < 0.03, "reads"] = -1
    texts = table.astype(str).replace({"reads": {"-1": "ND"}})
    texts.to_csv(tmp_path / "t.csv", index=False)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        read = read_table(tmp_path / "t.csv")
    assert set(read["chromosome"]) == set(names)
    assert read["reads"].isna().mean() > 0.01
