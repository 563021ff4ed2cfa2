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


SALES = "store,day,amount,paid\na,03.01.2024,12.5,yes\nb,04.01.2024,13.5,no\n"


@pytest.mark.parametrize(
    "title", ["Sales 2024\n\n", "Sales 2024,,,\n,,,\n", '"Sales\n2024"\nfrom,to\n']
)
@pytest.mark.parametrize(
    ("separator", "options"), [(",", ""), (";", "sep=';', "), ("\t", r"sep='\t', ")]
)
def test_a_title_above_the_header_is_told_and_the_advice_converts_the_file(
    tmp_path: Path, title: str, separator: str, options: str
) -> None:
    (tmp_path / "t.csv").write_text((title + SALES).replace(",", separator))
    with pytest.raises(DataError, match="are named in row 3, not 1; make") as caught:
        read_table(str(tmp_path / "t.csv"))

    code = str(caught.value).partition("commas by ")[2]
    assert code.startswith(f"pandas.read_csv(file, {options}skiprows=2, dtype=str")
    places = {"file": tmp_path / "t.csv", "new_file": tmp_path / "new.csv"}
    eval(code, {"pandas": pd, **places})
    assert (tmp_path / "new.csv").read_text() == SALES


def test_advice_names_all_that_is_wrong_and_keeps_codes(tmp_path: Path) -> None:
    rows = "plz;ort;größe\n01067;NA;1,5\n01069;Köln;2,5\n"
    for code, content in (("cp1252", "sep=;\n€;;\n" + rows), ("utf-16", rows)):
        (tmp_path / "t.csv").write_bytes(content.encode(code))
        with pytest.raises(
            DataError, match=r"separated by semicolons.*; make it UTF-8 with commas"
        ) as caught:
            read_table(str(tmp_path / "t.csv"))

        places = {"file": tmp_path / "t.csv", "new_file": tmp_path / "new.csv"}
        eval(str(caught.value).partition("commas by ")[2], {"pandas": pd, **places})
        assert (tmp_path / "new.csv").read_text() == (
            'plz,ort,größe\n01067,NA,"1,5"\n01069,Köln,"2,5"\n'
        )


@pytest.mark.parametrize(
    "text",
    [
        "a,,\nx,y,z\nu,v,w\nr,s,t\n",
        ",,x\n0,1,a\n1,2,b\n",
        "a,,\n?,x,x\n1,u,v\n2,r,s\n",
        "tags\na;b\nc;d\ne;f\n",
        "a,b\nx;y;z,1\nx;y;z,2\n",
        "name,note,\nx\ny,1\nz,2\n",
        '"","mpg"\n"Mazda RX4",NA\n"car1",21.1\n"car2",22.3\n',
        ",value\nr0,low\nr1,1\nr2,2\n",
        "site,temp,,,\nalpha,n/a,low,x,y\ns1,1,lo,x,y\ns2,2,hi,x,y\n",
        ",,value\na,b,low\n1,2,3\n2,3,4\n",
        "place,\nalpha,Unknown\ns1,1\ns2,2\n",
        "a|b|c,n\n0|1|1,3\n1|2|1,4\n",
        "a;b;c,n\n0;1;1,3\n1;2;1,4\n",
        '"x\ty\tz",n\n"0\t1\t1",3\n"1\t2\t1",4\n',
    ],
)
def test_headers_with_few_names_and_texts_with_separators_are_read(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_table(str(tmp_path / "t.csv"))
    assert table.shape == (text.count("\n") - 1, 1 + text.partition("\n")[0].count(","))


@pytest.mark.parametrize(
    "text",
    [
        "a;b\n1,5;2\n2,5;3\n",
        "a;b;c\n1,5;2;x\n2,5;3;y\n",
        "Sales, 2024\n\na;b;c\n1,5;2;x\n2,5;3;y\n",
    ],
)
def test_decimal_commas_do_not_hide_another_separator(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match="are separated by semicolons"):
        read_table(str(tmp_path / "t.csv"))


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
