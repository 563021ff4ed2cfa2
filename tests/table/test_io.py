import io
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabvae_ray.errors import DataError, StorageError
from tabvae_ray.table.io import TableWriter, fingerprint, read_table, write_table
from tabvae_ray.table.spec import TableSpec

SUFFIXES = (".csv", ".csv.gz", ".parquet")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_written_table_is_read_as_it_was(
    tmp_path: Path, mixed: pd.DataFrame, suffix: str
) -> None:
    file = tmp_path / "deep" / f"table{suffix}"
    write_table(mixed, str(file))
    pd.testing.assert_frame_equal(read_table(str(file)), mixed)
    pd.testing.assert_frame_equal(read_table(f"file://{file}"), mixed)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_written_in_parts_is_one_table_and_its_bytes_depend_on_the_rows_alone(
    tmp_path: Path, mixed: pd.DataFrame, suffix: str
) -> None:
    files = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for file in files:
        with TableWriter(str(file)) as writer:
            for start in range(0, len(mixed), 150):
                writer.write(mixed.iloc[start : start + 150])
    pd.testing.assert_frame_equal(read_table(str(files[0])), mixed)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_between_two_parts_leaves_no_file(
    tmp_path: Path, mixed: pd.DataFrame, suffix: str
) -> None:
    with (
        pytest.raises(RuntimeError, match="half way"),
        TableWriter(str(tmp_path / f"t{suffix}")) as w,
    ):
        w.write(mixed)
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


def test_the_types_of_a_parquet_file_are_those_of_the_example(tmp_path: Path) -> None:
    nothing = pd.DataFrame({"x": pd.Series([None, None], dtype=object)})
    some = pd.DataFrame({"x": pd.Series([True, None], dtype=object)})
    file = str(tmp_path / "rows.parquet")
    with TableWriter(file, example=some.head(1)) as writer:
        writer.write(nothing)
        writer.write(some)
    assert pq.read_schema(file).field("x").type == pa.bool_()
    assert read_table(file)["x"].tolist() == [None, None, True, None]


def test_integers_with_missing_values_stay_integers_in_csv(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("whole,decimal,text\n1,1.0,a\n,,\n3,3.0,c\n")
    table = read_table(str(tmp_path / "t.csv"))
    assert table.dtypes.astype(str).to_dict() == {
        "whole": "Int64",
        "decimal": "float64",
        "text": "str",
    }
    write_table(table, str(tmp_path / "back.csv"))
    assert (tmp_path / "back.csv").read_text() == (tmp_path / "t.csv").read_text()


def test_iso_dates_become_datetimes_and_other_text_stays_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "day,moment,late,zones,broken,half\n"
        "2020-01-01,2020-01-01 10:00:00+02:00,9999-12-31,2020-01-01T00:00+01:00,2020-01-01,"
        "2020-01-01T00:00+01:00\n"
        ",2020-01-02 10:00:00+02:00,0001-01-01,2020-06-01T00:00Z,2020-13-01,2020-01-01\n"
    )
    dtypes = read_table(str(tmp_path / "t.csv")).dtypes.astype(str).to_dict()
    assert dtypes.pop("day").startswith("datetime64[")
    assert dtypes.pop("late").startswith("datetime64[")
    assert dtypes.pop("moment").endswith("UTC+02:00]")
    assert dtypes.pop("zones").endswith(", UTC]")
    assert dtypes == {"broken": "str", "half": "str"}


def test_moments_of_a_zone_with_summer_time_come_back_from_csv(tmp_path: Path) -> None:
    moments = pd.date_range("2024-01-01", periods=400, freq="D", tz="Europe/Berlin", unit="us")
    write_table(pd.DataFrame({"x": moments}), str(tmp_path / "t.csv"))
    back = read_table(str(tmp_path / "t.csv"))["x"]
    assert back.tolist() == moments.tolist()


def test_a_byte_order_mark_and_windows_line_ends_are_understood(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\ufeffZürich,b\r\n1,2\r\n".encode())
    assert read_table(str(tmp_path / "t.csv")).to_dict("list") == {"Zürich": [1], "b": [2]}


def test_a_title_or_a_text_may_hold_a_separator(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b\n1\n2\n")
    assert read_table(str(tmp_path / "t.csv")).to_dict("list") == {"a;b": [1, 2]}
    (tmp_path / "t.csv").write_text("a,b\nx;y,1\n")
    assert read_table(str(tmp_path / "t.csv")).to_dict("list") == {"a": ["x;y"], "b": [1]}


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


TWO_OF_A_NAME = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "t.csv: is empty"),
        ("t.csv", b"\n\n", "t.csv: is empty"),
        ("t.parquet", b"", "t.parquet: is empty"),
        ("t.csv", b"a,b\n", "has a header, but no rows"),
        ("t.csv", b"a,b", "has a header, but no rows"),
        ("t.parquet", parquet(pa.table({"a": pa.array([], pa.int64())})), "but no rows"),
        ("t.parquet", parquet(pa.table({})), "has no columns"),
        ("t.csv", b"a,b,a\n1,2,3\n", "column 'a': occurs more than once"),
        ("t.csv", b"NA,NA\n1,2\n", "column 'NA': occurs more than once"),
        ("t.parquet", parquet(TWO_OF_A_NAME), "column 'a': occurs more than once"),
        ("t.csv", b"a,b\n1,2,3\n4,5,6\n", "not CSV: .*Expected 2 fields in line 2, saw 3"),
        ("t.csv", b"a,b\n1,2\n4,5,6\n", "not CSV: .*Expected 2 fields in line 3, saw 3"),
        ("t.csv", b'a,b\n"1,2\n', "not CSV: .*EOF inside string"),
        (
            "t.csv",
            b"a;b;c\n1;2;3\n",
            "not CSV: its columns are separated by semicolons; make it UTF-8",
        ),
        ("t.csv", b"a;b\n1,5;2,5\n", "separated by semicolons; .*pandas.read_csv.file, sep=';'."),
        ("t.csv", b"a\tb\r\n1\t2\r\n", "not CSV: its columns are separated by tabs; make it UTF-8"),
        ("t.csv", b"\n\na\tb\n1\t2\n", "not CSV: its columns are separated by tabs; make it UTF-8"),
        ("t.csv", PNG, "not CSV: it holds binary data"),
        ("t.csv", "a\nZürich\n".encode("latin-1"), "not CSV: line 2 is not UTF-8 text"),
        ("t.csv.gz", b"a,b\n1,2\n", "not CSV: Not a gzipped file"),
        ("t.csv.gz", b"\x1f\x8b\x08\0", "not CSV: .*ended before"),
        ("t.parquet", PNG, "not Parquet: "),
        ("t.parquet", b"PAR1" + struct.pack("<I", 5) + b"PAR1", "not Parquet: "),
        (
            "t.xlsx",
            PNG,
            "a table must end in .csv, .csv.gz, .parquet; make it one by pandas.read_ex",
        ),
        ("t.TSV", b"a\tb\n1\t2\n", r"make it one by pandas.read_csv\(file, sep='\\t', dtype=str"),
        ("t.txt", PNG, "a table must end in .csv, .csv.gz, .parquet$"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_a_table_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"t\.csv: cannot be read: there is no such file"):
        read_table(str(tmp_path / "t.csv"))


def test_a_table_is_written_under_a_known_suffix_alone(tmp_path: Path, mixed: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"t\.txt: a table must end in"):
        write_table(mixed, str(tmp_path / "t.txt"))
    assert list(tmp_path.iterdir()) == []


def test_a_fingerprint_tells_names_dtypes_values_and_order_apart(mixed: pd.DataFrame) -> None:
    own = fingerprint(mixed)
    assert len(own) == 64
    assert fingerprint(mixed.copy()) == own
    changed = mixed.copy()
    changed.loc[399, "weight"] = np.nan if changed["weight"].notna()[399] else 1.0
    others = [
        mixed.rename(columns={"age": "Age"}),
        mixed.astype({"age": "int32"}),
        mixed.iloc[::-1],
        mixed[mixed.columns[::-1]],
        mixed.head(399),
        changed,
    ]
    assert len({own, *map(fingerprint, others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"a": [1, "x"]}), "table: column 'a': must have values of one type"),
        (pd.DataFrame({"a": [1j]}), "table: column 'a': must have values of one type"),
        (pd.DataFrame({0: [1]}), "table: column names must be text, but one is 0"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "table: column 'a': occurs more than once"),
    ],
)
def test_what_parquet_cannot_hold_is_said_by_column(
    table: pd.DataFrame, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        write_table(table, tmp_path / "t.parquet")
    assert not (tmp_path / "t.parquet").exists()


def test_what_is_known_of_columns_may_be_a_mapping_a_file_or_a_spec(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n2,3\n")
    (tmp_path / "spec.yaml").write_text("categorical: [a]\n")
    mapping = {"columns": {"a": {"dtype": "str"}}}
    assert read_table(tmp_path / "t.csv", mapping)["a"].tolist() == ["1", "2"]
    spec = TableSpec.infer(tmp_path / "t.csv", declared=tmp_path / "spec.yaml")
    assert spec["a"].kind == "categorical" and "a" in spec and "c" not in spec
    assert TableSpec.infer(tmp_path / "t.csv", declared=spec)["a"].kind == "categorical"
    with pytest.raises(DataError, match="spec: must be a path, a mapping or a TableSpec, but got"):
        read_table(tmp_path / "t.csv", 3)
