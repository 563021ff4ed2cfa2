"""Tables in directories of Parquet files: which files, which columns, which rows."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabvae_ray.errors import DataError, StorageError
from tabvae_ray.search.inputs import _name_from
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.parquet import ParquetTable
from tabvae_ray.table.io import read_sample, read_table


def part(home: Path, name: str, **columns: object) -> Path:
    file = home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file, row_group_size=7)
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Write 60 rows in three files, the second of which has no rows."""
    for name, numbers in (("b", range(20, 60)), ("a", range(20)), ("empty", range(0))):
        values = list(numbers)
        kinds = pa.array(["x" if n % 3 else None for n in values], pa.string())
        part(tmp_path / "t", f"{name}.parquet", n=pa.array(values, pa.int64()), kind=kinds)
    return tmp_path


def test_the_rows_are_those_of_all_files_in_the_order_of_their_paths(home: Path) -> None:
    table = read_table(home / "t")
    assert table["n"].tolist() == list(range(60))
    assert table["kind"].isna().sum() == 20


@pytest.mark.parametrize(
    ("pattern", "n"),
    [("t/*.parquet", 60), ("t/[ab].parquet", 60), ("*/a*", 20), ("**/b.parquet", 40), ("t*", 60)],
)
def test_a_glob_pattern_names_files_or_directories(home: Path, pattern: str, n: int) -> None:
    assert len(read_table(str(home / pattern))) == n


def test_a_uri_names_a_directory_or_a_pattern(home: Path) -> None:
    assert len(read_table(f"file://{home}/t")) == 60
    assert len(read_table(f"file://{home}/t/[b].parquet")) == 40


def test_a_directory_may_end_as_a_file_does(home: Path) -> None:
    (home / "t").rename(home / "t.parquet")
    assert len(read_table(home / "t.parquet")) == 60


def test_a_file_whose_name_has_wildcards_is_that_file(home: Path) -> None:
    part(home, "t[1].parquet", n=[1, 2])
    assert len(read_table(home / "t[1].parquet")) == 2


def test_what_other_programs_leave_beside_the_files_is_left_out(home: Path) -> None:
    (home / "t" / "_SUCCESS").touch()
    (home / "t" / "manifest.json").write_text("{}")
    part(home / "t", "_temporary/c.parquet", other=[1])
    part(home / "t", ".hidden.parquet", other=[1])
    assert len(read_table(home / "t")) == 60


def test_a_link_back_to_the_directory_repeats_no_row(home: Path) -> None:
    os.symlink(home / "t", home / "t" / "again")
    assert len(read_table(home / "t")) == 60


def test_partitions_are_columns_and_codes_keep_their_zeros(tmp_path: Path) -> None:
    for year, code in ((2023, "01"), (2024, "02"), (2024, "__HIVE_DEFAULT_PARTITION__")):
        part(tmp_path, f"year={year}/code={code}/part.parquet", n=[1, 2])
    table = read_table(tmp_path)
    assert table["year"].tolist() == [2023, 2023, 2024, 2024, 2024, 2024]
    assert table["code"].tolist()[:4] == ["01", "01", "02", "02"]
    assert table["code"].isna().tolist()[4:] == [True, True]
    sampled = read_sample(tmp_path, rows=5, seed=0).rows
    assert list(sampled.columns) == ["n", "year", "code"]


def test_a_partition_that_the_files_have_as_a_column_is_theirs(tmp_path: Path) -> None:
    part(tmp_path, "year=2023/part.parquet", n=[1], year=["as written"])
    assert read_table(tmp_path)["year"].tolist() == ["as written"]


def test_files_whose_directories_name_other_partitions_are_refused(tmp_path: Path) -> None:
    part(tmp_path, "year=2023/part.parquet", n=[1])
    odd = part(tmp_path, "month=1/part.parquet", n=[1])
    with pytest.raises(DataError, match="partition columns") as error:
        read_table(tmp_path)
    assert "year=2023" in str(error.value) and str(odd) in str(error.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"n": [1.5], "kind": ["x"]}, r"b\.parquet: column 'n': is double, but int64 in .*a\.par"),
        ({"n": [1]}, r"b\.parquet: column 'kind': is not there, but in .*a\.parquet"),
        ({"n": [1], "kind": ["x"], "new": [1]}, r"b\.parquet: column 'new': is not in .*a\.par"),
    ],
)
def test_files_with_other_columns_are_refused_by_file_and_column(
    tmp_path: Path, columns: dict[str, object], message: str
) -> None:
    part(tmp_path, "a.parquet", n=[1], kind=["x"])
    part(tmp_path, "b.parquet", **columns)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path)


def test_files_may_differ_in_order_and_in_columns_without_values(tmp_path: Path) -> None:
    part(tmp_path, "a.parquet", n=[1], kind=pa.nulls(1))
    part(tmp_path, "b.parquet", kind=pa.array(["x"], pa.large_string()), n=[2])
    part(tmp_path, "c.parquet", kind=["y"], n=[3])
    table = read_table(tmp_path)
    assert table["n"].tolist() == [1, 2, 3]
    assert table["kind"].tolist()[1:] == ["x", "y"] and table["kind"].isna()[0]


def test_dictionaries_of_several_files_are_one(tmp_path: Path) -> None:
    for name, values in (("a", ["x", "y"]), ("b", ["z", "x"])):
        part(tmp_path, f"{name}.parquet", kind=pa.array(values).dictionary_encode())
    assert read_table(tmp_path)["kind"].tolist() == ["x", "y", "z", "x"]


@pytest.mark.parametrize("pattern", ["", "*.parquet", "*"])
def test_a_link_to_a_file_that_is_gone_is_not_left_out(home: Path, pattern: str) -> None:
    (home / "z.parquet").symlink_to(home / "gone")
    with pytest.raises(StorageError, match=r"z\.parquet: cannot be read.*gone"):
        read_table(home / pattern)


def test_a_pipe_in_the_directory_is_refused_and_not_waited_for(home: Path) -> None:
    os.mkfifo(home / "t" / "c.parquet")
    with pytest.raises(StorageError, match=r"c\.parquet: .*is a named pipe"):
        read_table(home / "t")


def test_a_pipe_under_another_name_is_no_file_of_the_table(home: Path) -> None:
    os.mkfifo(home / "t" / "pipe")
    assert len(read_table(home / "t")) == 60


@pytest.mark.parametrize(
    ("content", "message"), [(b"", r"c\.parquet: is empty"), (b"text", r"c\.parquet: not Parquet")]
)
def test_a_damaged_file_is_named(home: Path, content: bytes, message: str) -> None:
    (home / "t" / "c.parquet").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_sample(home / "t", rows=9, seed=0)


def test_a_directory_without_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n")
    with pytest.raises(DataError, match=r"is a directory with no Parquet file .*a\.csv"):
        read_table(tmp_path)


@pytest.mark.parametrize("kind", [pa.int64(), pa.string(), pa.timestamp("us")])
def test_a_table_without_rows_is_refused(tmp_path: Path, kind: pa.DataType) -> None:
    part(tmp_path, "a.parquet", n=pa.array([], kind))
    part(tmp_path, "b.parquet", n=pa.array([], kind))
    with pytest.raises(DataError, match="no rows"):
        read_sample(tmp_path, rows=9, seed=0)


def test_a_sample_is_the_same_rows_of_many_files_of_one_and_of_csv(home: Path) -> None:
    whole = read_table(home / "t")
    whole.to_parquet(home / "one.parquet", index=False, row_group_size=11)
    whole.to_csv(home / "one.csv", index=False)
    sample = read_sample(home / "t", rows=25, seed=3)
    assert (sample.n_rows, sample.text) == (60, "a sample of 25 of 60 rows")
    assert sample.rows["n"].is_monotonic_increasing and sample.rows["n"].is_unique
    for source in ("t", "one.parquet", "one.csv"):
        again = read_sample(home / source, rows=25, seed=3).rows
        assert again["n"].tolist() == sample.rows["n"].tolist(), source
    assert read_sample(home / "t", rows=25, seed=4).rows["n"].tolist() != again["n"].tolist()
    pd.testing.assert_frame_equal(
        sample.rows, whole.iloc[sample.rows["n"]].reset_index(drop=True), check_like=True
    )


def test_all_rows_are_equally_likely(home: Path) -> None:
    table = ParquetTable.open(Location(home / "t"))
    assert table.n_rows == 60
    counts = np.zeros(60)
    for seed in range(100):
        counts[read_sample(home / "t", rows=15, seed=seed).rows["n"]] += 1
    # Each count is binomial: 100 draws with a probability of 1/4.
    assert abs(counts - 25).max() < 4.5 * np.sqrt(100 * 0.25 * 0.75)


def test_a_search_is_named_after_the_directory_of_a_pattern(home: Path) -> None:
    assert _name_from(None, str(home / "sales" / "year=*" / "*.parquet")) == "sales"
    assert _name_from(None, f"file://{home}/sales/") == "sales"


def test_a_table_that_is_small_enough_is_read_as_it_is(home: Path) -> None:
    sample = read_sample(home / "t", rows=60, seed=3)
    assert not sample.is_part and sample.text == "60 rows"
    assert not read_sample(home / "t", rows=None, seed=3).is_part


def test_the_batches_of_a_large_row_group_are_bounded(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": np.arange(200_000)}), tmp_path / "a.parquet")
    sizes = [len(batch) for batch in ParquetTable.open(Location(tmp_path)).batches()]
    assert sum(sizes) == 200_000 and max(sizes) <= 65_536
