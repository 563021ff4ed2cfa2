"""CSV files with spaces around their cells."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError
from tabvae_ray.generation.written_values import as_written
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.formats.padding import find_padding
from tabvae_ray.table.io import read_table, write_table
from tabvae_ray.table.spec import TableSpec

ROWS = 120
NUMBERS = np.random.default_rng(0).integers(0, 1000, ROWS)
DAYS = pd.Timestamp("2020-01-01") + pd.to_timedelta(NUMBERS, unit="D")
# Cells, and kind and dtype of the column that has them.
COLUMNS: dict[str, tuple[list[str], str, str]] = {
    "space": ([f" {n}" for n in NUMBERS], "continuous", "int64"),
    "width": ([f"{n / 4:8.2f}" for n in NUMBERS], "continuous", "float64"),
    "behind": ([f"{n:<6}" for n in NUMBERS], "continuous", "int64"),
    "money": ([f" ${n * 7:.2f}" for n in NUMBERS], "continuous", "float64"),
    "gaps": ([f"{n:5}" if n % 5 else " NA" for n in NUMBERS], "continuous", "Int64"),
    "iso": ([f" {day:%Y-%m-%d}" for day in DAYS], "datetime", "datetime64[us]"),
    "dots": ([f"{day:%d.%m.%Y} " for day in DAYS], "datetime", "datetime64[us]"),
    "digits": ([f" {day:%Y%m%d}" for day in DAYS], "datetime", "datetime64[us]"),
    "code": ([f" {n % 20:05}" for n in NUMBERS], "categorical", "str"),
    "level": ([f"  {n % 3}" for n in NUMBERS], "categorical", "int64"),
    "truth": ([f"{n > 500!s:>5}" for n in NUMBERS], "categorical", "bool"),
    "word": ([f"{'abc'[n % 3] * (1 + n % 2):4}" for n in NUMBERS], "categorical", "str"),
}


def write_cells(path: Path, columns: dict[str, list[str]]) -> str:
    lines = [",".join(cells) for cells in (columns, *zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def there_and_back(file: str, columns: dict[str, Any] | None = None) -> pd.DataFrame:
    """Return the cells of a file after encoding, decoding and writing."""
    mapping = {"rules": {"find": False}, "columns": columns or {}}
    declared = SpecDeclaration.from_mapping(mapping)
    table = read_table(file, declared)
    spec = TableSpec.infer(table, declared=declared)
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    write_table(as_written(rows, spec, as_text=True), f"{file}.out.csv")
    alike = SpecDeclaration.from_mapping(spec.to_mapping())
    plan = ComparisonPlan.from_mapping({"scores": ["column_shapes"]})
    compared = plan.prepare(table, spec).compute(read_table(f"{file}.out.csv", alike))
    assert compared.warnings == ()
    assert compared.scores["column_shapes"] > 0.95
    return pd.read_csv(f"{file}.out.csv", dtype=str, keep_default_na=False)


def test_padded_cells_are_values_and_are_written_with_their_padding(tmp_path: Path) -> None:
    file = write_cells(tmp_path / "t.csv", {name: entry[0] for name, entry in COLUMNS.items()})
    spec = TableSpec.infer(file)
    made = there_and_back(file)

    for name, (cells, kind, dtype) in COLUMNS.items():
        assert (spec[name].kind, spec[name].dtype) == (kind, dtype), name
        present = [cell for cell in cells if cell != " NA"]
        kept = [cell for cell in made[name] if cell]
        assert len(kept) == len(present), name
        assert find_padding(kept) == find_padding(present), name
        if kind == "categorical":
            assert {*kept} == {*present}


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("space", {"kind": "categorical", "dtype": "str"}),
        ("width", {"kind": "continuous", "dtype": "decimal"}),
        ("dots", {"kind": "datetime", "format": "%d.%m.%Y"}),
        ("level", {"kind": "categorical", "categories": [0, 1, 2]}),
        ("code", {"kind": "identifier"}),
        ("word", {"kind": "categorical", "categories": ["a", "b", "c", "aa", "bb", "cc"]}),
        ("word", {"kind": "categorical", "categories": [c * n + " " * (4 - n) for c in "abc"
                                                        for n in (1, 2)]}),
    ],
)  # fmt: skip
def test_a_declaration_is_obeyed_with_padding(
    tmp_path: Path, name: str, declared: dict[str, Any]
) -> None:
    cells = COLUMNS[name][0]
    file = write_cells(tmp_path / "t.csv", {name: cells, "other": ["x", "y"] * (ROWS // 2)})
    made = there_and_back(file, {name: declared})
    assert find_padding(made[name].tolist()) == find_padding(cells)


def test_spaces_around_some_numbers_and_dates_are_said(tmp_path: Path) -> None:
    cells = {
        "n": [f"{' ' * (i % 2)}{n}" for i, n in enumerate(NUMBERS)],
        "day": [f"{' ' * (i % 2)}{day:%Y-%m-%d}" for i, day in enumerate(DAYS)],
        "word": [f"{' ' * (n % 2)}{'abc'[n % 3]}" for n in NUMBERS],
    }
    file = write_cells(tmp_path / "t.csv", cells)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = read_table(file)
    said = [str(warning.message) for warning in caught]
    assert [text.split("'")[1] for text in said] == ["n", "day"]
    assert all("some of its cells have spaces around them" in text for text in said)
    assert table["n"].tolist() == NUMBERS.tolist()
    assert table["day"].tolist() == DAYS.tolist()
    # Text may differ in its spaces.
    assert table["word"].tolist() == cells["word"]


def test_files_without_padding_and_padded_text_are_as_they_were(tmp_path: Path) -> None:
    file = write_cells(tmp_path / "t.csv", {"word": COLUMNS["word"][0], "n": ["1", "2"] * 60})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec = TableSpec.infer(file)
    assert spec["word"].padding is None
    assert set(spec["word"].categories) == set(COLUMNS["word"][0])


def test_a_padding_that_cannot_be_is_refused() -> None:
    column = {"name": "x", "kind": "categorical", "dtype": "str", "categories": ["a"]}
    with pytest.raises(DataError, match="padding: must be such as"):
        TableSpec.from_mapping({"columns": [{**column, "padding": "{0.__class__}"}]})
