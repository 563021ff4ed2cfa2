"""Columns of CSV files that have no name, and those that count the rows."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError
from tabvae_ray.generation.written_values import as_written
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import read_table, write_table
from tabvae_ray.table.spec import TableSpec

ROWS = [f"{i},{i * 7 % 50},{'xyz'[i % 3]}" for i in range(200)]


def there_and_back(tmp_path: Path, header: str, **declared: object) -> list[str]:
    """Return the lines of a file that is written from one with a header."""
    file, out = tmp_path / "real.csv", tmp_path / "out.csv"
    file.write_text("\n".join([header, *ROWS]))
    declaration = SpecDeclaration.from_mapping(declared)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_table(str(file), declaration)
        spec = TableSpec.infer(table, declared=declaration)
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    write_table(as_written(rows, spec, as_text=True), str(out))
    assert list(read_table(str(out))) == list(rows)
    assert list(as_written(rows, spec, as_text=False)) == list(rows)
    return out.read_text().splitlines()


@pytest.mark.parametrize("header", [",a,b", "Unnamed: 0,a,b"])
def test_an_index_of_pandas_counts_the_new_rows(tmp_path: Path, header: str) -> None:
    lines = there_and_back(tmp_path, header)

    assert lines[0] == header
    assert [line.partition(",")[0] for line in lines[1:4]] == ["0", "1", "2"]


@pytest.mark.parametrize("header", ["a,,b", "a,b,", "a,,"])
def test_columns_without_a_name_have_none_again(tmp_path: Path, header: str) -> None:
    assert there_and_back(tmp_path, header)[0] == header


def test_a_column_without_a_name_gets_one_if_its_place_changes(tmp_path: Path) -> None:
    lines = there_and_back(tmp_path, "a,,", columns={"Unnamed: 1": {"kind": "identifier"}})
    assert lines[0] == "a,,"

    lines = there_and_back(tmp_path, "a,,", identifier="drop")
    assert lines[0] == "Unnamed: 1,Unnamed: 2"


def test_categories_that_are_dates_are_said() -> None:
    days = pd.date_range("2024-01-01", periods=5)
    table = pd.DataFrame({"day": pd.Categorical(np.repeat(days, 20)), "x": range(100)})

    with pytest.warns(UserWarning, match="generated rows may have dates between"):
        assert TableSpec.infer(table.drop(columns="x"))["day"].kind == "datetime"


def test_a_header_that_looks_like_a_row_is_said(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("0.398,1,x\n" + "0.5,2,y\n" * 9)
    with pytest.warns(UserWarning, match=r"its header has names such as '0\.398'; if its first"):
        read_table(str(file))
    file.write_text("name,2019,2020\n" + "x,2,3\n" * 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_table(str(file))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2,3\n", "line 2 has 3 fields, but the header has 2"),
        ('a,b\n1,2\n3,"x\n4,y\n', "a quotation mark in line 3 has no second one"),
    ],
)
def test_what_pandas_cannot_read_is_said_in_plain_words(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=reason):
        read_table(str(tmp_path / "t.csv"))


def test_numbers_beyond_floats_are_refused_by_their_row(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n" + "".join(f"1e{300 + i},{i % 3}\n" for i in range(20)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_table(str(file))
    with pytest.raises(DataError, match="column 'a': must be finite, but row 9 is inf"):
        TableSpec.infer(table)
