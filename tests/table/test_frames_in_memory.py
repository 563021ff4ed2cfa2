"""DataFrames of users: what is left out is said, and what is not supported comes with advice."""

import datetime
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabvae_ray
from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import read_table, write_table
from tabvae_ray.table.reading.frames import as_frame, parquet_form
from tabvae_ray.table.spec import TableSpec

ROWS = 100
TABLE = pd.DataFrame({"x": [i % 30 for i in range(ROWS)], "y": [i % 4 for i in range(ROWS)]})
PLAIN = SpecDeclaration.from_mapping({"rules": {"find": False}})


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (pd.Index([f"p{i}" for i in range(ROWS)]), "its index has no name"),
        (pd.date_range("2020-01-01", periods=ROWS), "its index has no name"),
        (
            pd.MultiIndex.from_product([["a", "b"], range(ROWS // 2)], names=["side", None]),
            "a level of its index has no name",
        ),
    ],
)
def test_an_index_that_is_left_out_is_said(index: pd.Index, words: str) -> None:
    rows = TABLE.set_axis(index)
    with pytest.warns(UserWarning, match=f"table: {words}, so it is left out"):
        TableSpec.infer(rows, declared=PLAIN)
    with pytest.warns(UserWarning, match=f"table: {words}, so it is left out"):
        read_table(rows)


def test_an_index_that_is_also_a_column_is_left_out_where_both_are_the_same() -> None:
    rows = TABLE.assign(side=["left", "right"] * (ROWS // 2))
    both = rows.set_index("side", drop=False)
    assert TableSpec.infer(both, declared=PLAIN) == TableSpec.infer(rows, declared=PLAIN)
    both["side"] = both["side"].str.upper()
    with pytest.raises(DataError, match="'side' is the name of a column and of the index"):
        TableSpec.infer(both, declared=PLAIN)
    twice = rows.set_index([rows["side"].rename("k"), rows["x"].rename("k")])
    with pytest.raises(DataError, match="'k' is the name of two levels of the index"):
        TableSpec.infer(twice, declared=PLAIN)


def test_an_index_with_a_name_is_a_column_however_pandas_keeps_it() -> None:
    rows = TABLE.assign(year=range(ROWS))
    for part in (rows, rows.tail(9), rows.iloc[[3, 1]], rows.iloc[::-2], rows.sample(9)):
        assert as_frame(part.set_index("year"))["year"].tolist() == part["year"].tolist()


def test_an_index_with_a_name_is_a_column_wherever_rows_are_given(tmp_path: Path) -> None:
    rows = TABLE.assign(side=["left", "right"] * (ROWS // 2))
    named = rows.set_index("side")
    assert TableSpec.infer(named, declared=PLAIN) == TableSpec.infer(
        rows[["side", "x", "y"]], declared=PLAIN
    )
    for suffix in ("csv", "parquet"):
        write_table(named, tmp_path / f"rows.{suffix}")
        again = read_table(tmp_path / f"rows.{suffix}")
        assert list(again) == ["side", "x", "y"]
        assert again["side"].tolist() == rows["side"].tolist()


def test_an_index_that_only_orders_the_rows_is_not_worth_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (TABLE, TABLE[TABLE["x"] > 3], TABLE.iloc[::-1]):
            TableSpec.infer(rows, declared=PLAIN)


def test_dates_of_python_stay_dates() -> None:
    day = datetime.date(2024, 2, 25)
    days = pd.Series([day + datetime.timedelta(i % 40) for i in range(ROWS)], dtype=object)
    table = TABLE.assign(day=days.mask(days.index % 9 == 3))
    spec = TableSpec.infer(table, declared=PLAIN)
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    assert type(rows["day"].dropna().iloc[0]) is datetime.date
    assert set(rows["day"].dropna()) <= set(days)
    assert rows["day"].isna().tolist() == table["day"].isna().tolist()


@pytest.mark.parametrize(
    ("start", "dtype"), [(0, "Int64"), (2**60, "Int64"), (2**63 + 5, "UInt64"), (-(2**62), "Int64")]
)
def test_integers_of_python_stay_integers_where_some_are_missing(start: int, dtype: str) -> None:
    whole = [None if i % 9 == 0 else start + (i * 7919) % 97 for i in range(ROWS)]
    few = [None if i % 9 == 0 else start + i % 3 for i in range(ROWS)]
    table = TABLE.assign(whole=pd.Series(whole, dtype=object), few=pd.Series(few, dtype=object))
    spec = TableSpec.infer(table, declared=PLAIN)
    assert [spec[name].dtype for name in ("whole", "few")] == [dtype, dtype]
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    for name in ("whole", "few"):
        assert str(rows[name].dtype) == dtype
        assert set(rows[name].dropna()) == set(table[name].dropna())


@pytest.mark.parametrize(
    ("table", "advice"),
    [
        (TABLE.rename(columns={"x": 0}), "names must be text, but one is 0; give it names such as"),
        (TABLE.rename(columns={"x": "y"}), "'y': occurs more than once; rename one of them"),
        (TABLE.assign(z=[1, "one"] * (ROWS // 2)), r"has int, str; convert them, such as by .*str"),
    ],
)
def test_rows_that_no_search_can_keep_are_refused_with_what_to_do(
    table: pd.DataFrame, advice: str
) -> None:
    with pytest.raises(DataError, match=advice):
        parquet_form(table)


def test_a_warning_names_the_line_that_called_the_package() -> None:
    rows = TABLE.assign(key=[f"key {i}" for i in range(ROWS)])
    for call in (
        lambda: TableSpec.infer(rows, declared=PLAIN),
        lambda: tabvae_ray.dry_run(rows, spec=PLAIN),
        lambda: tabvae_ray.compare(rows, rows, spec=PLAIN, plan={}, levels=False),
    ):
        with pytest.warns(UserWarning, match="column 'key'") as found:
            call()
        assert {warning.filename for warning in found} == {__file__}
