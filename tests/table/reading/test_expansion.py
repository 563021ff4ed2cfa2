"""Compressed tables that expand beyond a part of the memory are refused before they are read."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabvae_ray.errors import DataError, StorageError
from tabvae_ray.table.io import read_table
from tabvae_ray.table.reading import expansion


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "machine_memory", lambda: 64 * 2**20)
    with gzip.open(tmp_path / "bomb.csv.gz", "wb") as file:
        file.write(b"a,b\n")
        for _ in range(40):
            file.write(b"1,2\n" * 2**17)
    assert (tmp_path / "bomb.csv.gz").stat().st_size < 100_000
    with pytest.raises(DataError, match=r"expand to more than 8\.0 MiB, an eighth of the memory"):
        read_table(str(tmp_path / "bomb.csv.gz"))


def test_a_parquet_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "machine_memory", lambda: 2**20)
    # A column of one value takes a few bytes in the file.
    pq.write_table(pa.table({"a": [1] * 100_000}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 5_000
    with pytest.raises(DataError, match=r"100,000 rows that take about 0\.8 MiB of memory"):
        read_table(str(tmp_path / "bomb.parquet"))


def test_small_tables_and_damaged_ones_are_read_as_before(tmp_path: Path) -> None:
    assert expansion.machine_memory() > 2**28
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("a,b\n1,2\n")
    assert read_table(str(tmp_path / "t.csv.gz"))["b"].tolist() == [2]
    content = (tmp_path / "t.csv.gz").read_bytes()
    for name, broken in (("cut", content[:-4]), ("none", b"a,b\n1,2\n")):
        (tmp_path / f"{name}.csv.gz").write_bytes(broken)
        with pytest.raises(DataError, match="not CSV: "):
            read_table(str(tmp_path / f"{name}.csv.gz"))


def test_links_to_nowhere_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "gone.csv").symlink_to("nothing.csv")
    with pytest.raises(StorageError, match="is a symbolic link that leads to itself"):
        read_table(str(tmp_path / "loop.csv"))
    with pytest.raises(StorageError, match=r"is a symbolic link to nothing\.csv, which is not"):
        read_table(str(tmp_path / "gone.csv"))
