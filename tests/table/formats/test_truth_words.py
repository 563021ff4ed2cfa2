"""Truth values of CSV files keep their words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError
from tabvae_ray.generation.written_values import as_written
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.formats.truth_words import parse_truth_format, truth_format
from tabvae_ray.table.io import read_table, write_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.where_option import parse_where


@pytest.mark.parametrize("words", [("1", "0"), ("yes", "no"), ("T", "F"), ("TRUE", "FALSE")])
@pytest.mark.parametrize("gap", [[], [""]])
def test_words_of_a_declared_truth_column_are_written_again(
    tmp_path: Path, words: tuple[str, str], gap: list[str]
) -> None:
    cells = [*words, *gap] * 60
    table = pd.DataFrame({"v": cells, "n": [i % 40 for i in range(len(cells))]})
    table.to_csv(tmp_path / "t.csv", index=False)
    declared = SpecDeclaration.from_mapping(
        {"columns": {"v": {"dtype": "bool"}}, "rules": {"find": False}}
    )
    rows = read_table(str(tmp_path / "t.csv"), declared)
    spec = TableSpec.infer(rows, declared=declared)
    assert set(spec["v"].categories) == {True, False}
    assert spec["v"].format == "/".join(words)
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    alike = SpecDeclaration.from_mapping(spec.to_mapping())
    pd.testing.assert_frame_equal(read_table(str(tmp_path / "t.csv"), alike), rows)
    encoder = TableEncoder.fit(rows, spec, TransformersConfig(min_rows=0))
    made = encoder.decode(encoder.encode(rows), np.random.default_rng(0))
    write_table(as_written(made, spec, as_text=True), str(tmp_path / "o.csv"))
    written = pd.read_csv(tmp_path / "o.csv", dtype=str, keep_default_na=False)
    assert written["v"].tolist() == cells
    assert parse_where([f"v={words[1]}"], spec) == {"v": [False]}


@pytest.mark.parametrize(
    ("word", "written"),
    [("TRUE", "TRUE/FALSE"), ("No", "Yes/No"), ("n", "y/n"), ("F", "T/F"), ("1", "1/0")],
)
def test_a_single_word_gets_its_counterpart(tmp_path: Path, word: str, written: str) -> None:
    assert truth_format({word}) == written
    assert format_of(tmp_path, [word], dtype="bool") == written


def format_of(tmp_path: Path, words: list[str], **declared: str) -> str | None:
    return spec_of(tmp_path, words, **declared)["v"].format


def spec_of(tmp_path: Path, words: list[str], **declared: str) -> TableSpec:
    table = pd.DataFrame({"v": words * 60, "n": [i % 40 for i in range(60 * len(words))]})
    table.to_csv(tmp_path / "t.csv", index=False)
    declaration = SpecDeclaration.from_mapping({"columns": {"v": declared}})
    rows = read_table(str(tmp_path / "t.csv"), declaration)
    return TableSpec.infer(rows, declared=declaration)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("categorical", "int64"), ("continuous", "float64"), ("continuous", "int64")],
)
@pytest.mark.parametrize("words", [["TRUE", "FALSE"], ["True", "False"]])
def test_truth_values_may_be_declared_as_numbers(
    tmp_path: Path, words: list[str], kind: str, dtype: str
) -> None:
    column = spec_of(tmp_path, words, kind=kind, dtype=dtype)["v"]
    assert (column.kind, column.dtype, column.format) == (kind, dtype, None)
    assert set(column.categories or (column.minimum, column.maximum)) == {0, 1}


@pytest.mark.parametrize(
    "declared",
    [
        {"format": "yes/no"},
        {"kind": "categorical", "format": "yes/no"},
        {"dtype": "boolean", "format": "yes/no"},
        {"dtype": "bool[pyarrow]", "format": "yes/no"},
        {"dtype": "boolean"},
        {"dtype": "bool[pyarrow]"},
    ],
)
def test_a_format_or_dtype_of_truth_values_is_enough(
    tmp_path: Path, declared: dict[str, str]
) -> None:
    column = spec_of(tmp_path, ["yes", "no"], **declared)["v"]
    assert (column.kind, set(column.categories)) == ("categorical", {True, False})
    assert (column.format, column.dtype) == ("yes/no", declared.get("dtype", "bool"))


def test_a_format_of_truth_values_needs_their_dtype(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="format 'yes/no' needs dtype bool"):
        spec_of(tmp_path, ["yes", "no"], dtype="str", format="yes/no")


def test_other_words_have_no_format() -> None:
    assert truth_format({"True", "False"}) is None
    assert truth_format({"yes", "Yes", "no"}) is None
    assert truth_format({"a"}) is None and truth_format({"True"}) is None
    assert truth_format({"y", "n", "NA"}) == "y/n"
    assert parse_truth_format("no/yes") is None and parse_truth_format("yes") is None
    with pytest.raises(DataError, match=r"columns\.v\.format: must be one such as"):
        SpecDeclaration.from_mapping({"columns": {"v": {"kind": "categorical", "format": "a/b"}}})
