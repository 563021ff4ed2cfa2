"""Odd tables: either modelled as they are, or refused with what to do."""

import gzip
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import fingerprint, read_table, write_table
from tabvae_ray.table.spec import TableSpec

ROWS = 300
RNG = np.random.default_rng(0)
LETTERS = pd.DataFrame({"café": RNG.choice(["é", "ü"], ROWS), "x": RNG.integers(0, 99, ROWS)})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_told_as_such(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(LETTERS.to_csv(index=False).encode(encoding))
    with pytest.raises(DataError, match=r"it is text in UTF-16; make it UTF-8 .* by pandas"):
        read_table(str(tmp_path / "t.csv"))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_other_text_than_utf_8_is_told_with_its_line(tmp_path: Path, encoding: str) -> None:
    content = LETTERS.rename(columns={"café": "c"}).to_csv(index=False).encode(encoding)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"line 2 is not UTF-8 text, but perhaps Latin-1"):
        read_table(str(tmp_path / "t.csv.gz"))


def test_text_of_windows_is_told_by_its_euro_sign(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("price,n\n5 €,1\n7 €,2\n".encode("cp1252"))
    with pytest.raises(
        DataError, match=r"perhaps Windows-1252; .*read_csv\(file, encoding='cp1252"
    ):
        read_table(str(tmp_path / "t.csv"))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(LETTERS.to_csv(index=False).encode("utf-8-sig"))
    assert list(read_table(str(tmp_path / "t.csv"))) == ["café", "x"]


def test_compression_and_a_line_that_names_the_separator_are_told_as_such(tmp_path: Path) -> None:
    text = LETTERS.to_csv(index=False).encode()
    (tmp_path / "t.csv").write_bytes(gzip.compress(text))
    with pytest.raises(DataError, match=r"it is compressed by gzip; its name must end in .csv.gz"):
        read_table(str(tmp_path / "t.csv"))
    (tmp_path / "t.csv").write_bytes(b"sep=,\n" + text)
    with pytest.raises(DataError, match="its first line names a separator"):
        read_table(str(tmp_path / "t.csv"))


def test_text_with_carriage_returns_is_written_so_that_it_can_be_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"t": ["a\rb", None, "c"] * 20, "n": [0.5, 1.0, 2.0] * 20})
    write_table(table, str(tmp_path / "t.csv"))
    pd.testing.assert_frame_equal(read_table(str(tmp_path / "t.csv")), table)


def test_vertical_bars_are_told_as_such(tmp_path: Path) -> None:
    LETTERS.to_csv(tmp_path / "t.csv", index=False, sep="|")
    with pytest.raises(DataError, match="separated by vertical bars; make it UTF-8 with commas"):
        read_table(str(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    "written", ["{:,.2f}", "${:.2f}", "{:.2f} €", "{:.1f}%", "USD {:.2f}", "{:.0f},5"]
)
def test_numbers_that_are_spelled_otherwise_are_numbers(tmp_path: Path, written: str) -> None:
    numbers = RNG.lognormal(8, 1, ROWS)
    cells = [written.format(n) for n in numbers]
    pd.DataFrame({"v": cells, "n": LETTERS["x"]}).to_csv(tmp_path / "t.csv", index=False)
    assert np.allclose(read_table(str(tmp_path / "t.csv"))["v"], numbers, atol=1)


def test_numbers_of_several_currencies_get_a_hint(tmp_path: Path) -> None:
    cells = [f"{'$€'[i % 2]}{n:,.2f}" for i, n in enumerate(RNG.lognormal(8, 1, ROWS))]
    pd.DataFrame({"v": cells, "n": LETTERS["x"]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match="column 'v': it looks like numbers with a currency"):
        read_table(str(tmp_path / "t.csv"))


def test_dates_of_which_some_have_a_zone_get_a_hint(tmp_path: Path) -> None:
    moments = pd.date_range("2024-01-01", periods=ROWS, freq="5h")
    cells = [f"{t.isoformat()}{'Z' * (i % 2)}" for i, t in enumerate(moments)]
    pd.DataFrame({"t": cells, "n": LETTERS["x"]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match="some have a time zone and some have none, so it is read"):
        read_table(str(tmp_path / "t.csv"))


def test_a_counter_that_ends_at_64_bits_is_an_identifier(tmp_path: Path) -> None:
    numbers = [2**64 - 1 - i for i in range(ROWS)]
    pd.DataFrame({"id": numbers, "n": LETTERS["x"]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match="taken for an identifier"):
        spec = TableSpec.infer(str(tmp_path / "t.csv"))
    assert (spec["id"].fill, spec["id"].dtype) == ("generate", "uint64")


def test_nullable_dtypes_of_pandas_are_searched_for_rules() -> None:
    numbers = RNG.integers(0, 100, ROWS)
    gone = np.arange(ROWS) % 7 == 0
    table = pd.DataFrame(
        {
            "whole": pd.Series(numbers, dtype="Int16").mask(gone),
            "truth": pd.Series(numbers % 2 == 0, dtype="boolean").mask(gone),
            "text": pd.Series([f"{n % 3}x" for n in numbers], dtype="string").mask(gone),
        }
    )
    spec = TableSpec.infer(table)
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    assert [str(dtype) for dtype in rows.dtypes] == [str(dtype) for dtype in table.dtypes]


def test_reading_by_the_spec_gives_the_same_cells(tmp_path: Path) -> None:
    days = pd.Series(pd.Timestamp("2022-01-01") + pd.to_timedelta(RNG.integers(0, 700, ROWS), "D"))
    gone = days.index % 20 == 3
    table = pd.DataFrame(
        {
            "digits": days.dt.strftime("%Y%m%d").mask(gone, "99999999"),
            "floats": days.dt.strftime("%Y%m%d.0").mask(gone),
            "iso": days.dt.strftime("%Y-%m-%d").mask(gone, "0000-00-00"),
            "dots": days.dt.strftime("%d.%m.%Y").mask(gone, "?"),
            "clock": pd.Series([f"{i % 24:02}:15" for i in range(ROWS)]).mask(gone, "?"),
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = read_table(str(tmp_path / "t.csv"))
        spec = TableSpec.infer(
            read, declared=SpecDeclaration.from_mapping({"rules": {"find": False}})
        )
        assert set(spec.datetime) == set(table)
        # A report of a search reads the table by its spec, and compares the fingerprints.
        assert fingerprint(spec.read(str(tmp_path / "t.csv"))) == fingerprint(read)


def test_integers_of_thousands_of_digits_are_text(tmp_path: Path) -> None:
    digits = "9" * 5_000
    pd.DataFrame({"x": [digits, *range(60)], "y": [1, *range(60)]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert read_table(str(tmp_path / "t.csv"))["x"][0] == digits
