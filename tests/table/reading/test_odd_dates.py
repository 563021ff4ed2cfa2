"""Columns of dates in which a few cells are none: those are missing, and said."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.formats.spelling import spelled
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec

ROWS = 1000
RNG = np.random.default_rng(0)
DAYS = pd.Series(pd.Timestamp("2022-01-01") + pd.to_timedelta(RNG.integers(0, 700, ROWS), "D"))
CLOCK = pd.Series([f"{n // 60:02}:{n % 60:02}" for n in RNG.integers(0, 1440, ROWS)])
MONTHS = pd.Series(pd.Timestamp("1995-01-01") + pd.to_timedelta(RNG.integers(0, 9000, ROWS), "D"))
MAERZ = "%-d. [Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez] %Y"
NO_RULES = {"rules": {"find": False}}


def one(cells: Iterable[str], bad: str) -> list[str]:
    return [bad if i == 100 else cell for i, cell in enumerate(cells)]


def often(cells: Iterable[str], bad: str) -> list[str]:
    return [bad if i % 20 == 3 else cell for i, cell in enumerate(cells)]


# Cells, the cell that is no date, its number, the format.
CASES: dict[str, tuple[list[str], str, int, str]] = {
    "digits": (one(DAYS.dt.strftime("%Y%m%d"), "20241345"), "20241345", 1, "%Y%m%d"),
    "nines": (often(DAYS.dt.strftime("%Y%m%d"), "99999999"), "99999999", 50, "%Y%m%d"),
    "zeros": (often(DAYS.dt.strftime("%Y%m%d"), "0"), "0", 50, "%Y%m%d"),
    "marked": (often(DAYS.dt.strftime("%Y%m%d"), "?"), "?", 50, "%Y%m%d"),
    "february": (one(DAYS.dt.strftime("%Y-%m-%d"), "2022-02-31"), "2022-02-31", 1, "%Y-%m-%d"),
    "mysql": (often(DAYS.dt.strftime("%Y-%m-%d"), "0000-00-00"), "0000-00-00", 50, "%Y-%m-%d"),
    "slashes": (one(DAYS.dt.strftime("%d/%m/%Y"), "31/02/2022"), "31/02/2022", 1, "%d/%m/%Y"),
    "dots": (often(DAYS.dt.strftime("%d.%m.%Y"), "99.99.9999"), "99.99.9999", 50, "%d.%m.%Y"),
    "months": (often(MONTHS.dt.strftime("%Y-%m"), "0000-00"), "0000-00", 50, "%Y-%m"),
    "yyyymm": (often(MONTHS.dt.strftime("%Y%m"), "999999"), "999999", 50, "%Y%m"),
    "german": (often(spelled(DAYS, MAERZ), "00.00.00"), "00.00.00", 50, MAERZ),
    "times": (one(CLOCK, "25:99"), "25:99", 1, "%H:%M"),
}


@pytest.mark.parametrize("source", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("is_declared", [False, True])
def test_one_bad_date_does_not_make_a_column_text(
    tmp_path: Path, source: str, name: str, is_declared: bool
) -> None:
    cells, bad, n_bad, written = CASES[name]
    columns = {"when": {"kind": "datetime", "format": written}} if is_declared else {}
    declared = SpecDeclaration.from_mapping({**NO_RULES, "columns": columns})
    table = pd.DataFrame({"when": cells, "n": np.arange(ROWS) % 7})
    file = tmp_path / f"t.{source}"
    with pytest.warns(
        UserWarning, match=rf"so the {n_bad} that read '{bad[:8]}.*taken for missing"
    ):
        if source != "frame":
            (table.to_csv if source == "csv" else table.to_parquet)(file, index=False)
            table = read_table(str(file), declared)
        spec = TableSpec.infer(table, declared=declared)
    assert (spec["when"].kind, spec["when"].format) == ("datetime", written)
    assert spec["when"].missing


def test_integers_that_are_declared_dates_may_have_a_bad_one() -> None:
    numbers = pd.to_numeric(pd.Series(CASES["digits"][0]))
    columns = {"when": {"kind": "datetime", "format": "%Y%m%d"}}
    declared = SpecDeclaration.from_mapping({**NO_RULES, "columns": columns})
    table = pd.DataFrame({"when": numbers, "n": np.arange(ROWS) % 7})
    with pytest.warns(UserWarning, match="99.9% of its cells are dates, so the 1 that read"):
        spec = TableSpec.infer(table, declared=declared)
    assert spec["when"].missing_values == ("20241345",)


def test_days_that_pandas_wrote_as_floats_are_dates(tmp_path: Path) -> None:
    cells = [f"{day}.0" if i % 9 else "" for i, day in enumerate(DAYS.dt.strftime("%Y%m%d"))]
    pd.DataFrame({"when": cells, "n": np.arange(ROWS) % 7}).to_csv(tmp_path / "t.csv", index=False)
    spec = TableSpec.infer(read_table(str(tmp_path / "t.csv")))
    assert spec["when"].format == "%Y%m%d.0"


def test_two_formats_in_one_column_are_text(tmp_path: Path) -> None:
    iso, dots = DAYS.dt.strftime("%Y-%m-%d"), DAYS.dt.strftime("%d.%m.%Y")
    mixed = iso.where(DAYS.index % 2 == 0, dots)
    pd.DataFrame({"when": mixed, "n": np.arange(ROWS) % 7}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match="not all of them are in one format"):
        table = read_table(str(tmp_path / "t.csv"))
    assert TableSpec.infer(table)["when"].kind != "datetime"


@pytest.mark.parametrize(
    ("written", "nothing"),
    [
        ("%Y%m%d", "00000000"),
        ("%Y%m%d", "99999999"),
        ("%Y%m%d%H%M", "000000000000"),
        ("%Y%m%d%H%M%S", "0"),
        ("%Y-%m-%d", "0000-00-00"),
        ("%d.%m.%Y", "00.00.0000"),
    ],
)
def test_placeholders_of_digits_may_be_frequent(tmp_path: Path, written: str, nothing: str) -> None:
    moments = pd.date_range("2021-03-04 05:06:07", periods=300, freq="37h")
    cells = [nothing if i % 3 == 0 else text for i, text in enumerate(moments.strftime(written))]
    pd.DataFrame({"v": cells, "n": [i % 7 for i in range(300)]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    no_rules = SpecDeclaration.from_mapping({"rules": {"find": False}})
    with pytest.warns(UserWarning, match=f"so the 100 that read '{nothing}' are taken for missing"):
        spec = TableSpec.infer(str(tmp_path / "t.csv"), declared=no_rules)
    kept = (spec["v"].kind, spec["v"].format, spec["v"].missing_values)
    assert kept == ("datetime", written, (nothing,))


@pytest.mark.parametrize("written", ["%Y%m%d%H%M", "%Y%m%d%H%M%S"])
def test_times_of_digits_are_dates(tmp_path: Path, written: str) -> None:
    cells = pd.date_range("2021-03-04 05:06:07", periods=300, freq="37h").strftime(written)
    for gaps in (False, True):
        shown = pd.Series(cells).mask(pd.Series([gaps and i % 9 == 0 for i in range(300)]))
        pd.DataFrame({"v": shown, "n": [i % 7 for i in range(300)]}).to_csv(
            tmp_path / "t.csv", index=False
        )
        spec = TableSpec.infer(str(tmp_path / "t.csv"))
        assert (spec["v"].kind, spec["v"].format) == ("datetime", written)


@pytest.mark.filterwarnings("ignore:.*are taken for missing")
@pytest.mark.parametrize("odd", ["202007", "", "unknown"])
def test_months_of_digits_that_many_rows_share_are_integers(tmp_path: Path, odd: str) -> None:
    cells = one((f"{2020 + i % 3}{1 + i // 3 % 12:02}" for i in range(ROWS)), odd)
    pd.DataFrame({"v": cells, "n": np.arange(ROWS) % 7}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match="look like dates, such as 202001.* format: '%Y%m'"):
        spec = TableSpec.infer(str(tmp_path / "t.csv"))
    assert (spec["v"].kind, spec["v"].minimum, spec["v"].maximum) == ("continuous", 202001, 202212)
    assert spec["v"].dtype == ("int64" if odd.isdigit() else "Int64")
