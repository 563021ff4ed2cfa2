"""Dates in text that is not ISO 8601."""

import re
import warnings
from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray.generate import main
from tabvae_ray.table.io import read_table
from tabvae_ray.table.reading.date_formats import find_format, spelled
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.tables import small_config

DAYS = pd.Series(pd.date_range("2023-01-29", periods=120, freq="7h13min"))


@pytest.mark.parametrize(
    "written",
    [
        *(
            "%Y%m%d",
            "%d.%m.%Y",
            "%Y/%m/%d",
            "%d-%b-%Y",
            "%d %b %Y",
            "%b %d, %Y",
            "%m/%d/%Y",
            "%d-%m-%Y",
        ),
        *("%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p"),
    ],
)
def test_a_format_is_found_and_written_again(written: str) -> None:
    texts = DAYS.dt.strftime(written).astype("str")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_format(texts, "column 'x'") == written
    again = spelled(pd.to_datetime(texts, format=written), written)
    assert again.tolist() == texts.tolist()


def test_days_and_months_that_could_be_either_are_told() -> None:
    texts = pd.Series(["03/04/2024", "05/06/2024", None], dtype="str")
    with pytest.warns(UserWarning, match=r"column 'x': its dates fit %d/%m/%Y and %m/%d/%Y"):
        assert find_format(texts, "column 'x'") == "%d/%m/%Y"


@pytest.mark.parametrize(
    "texts", [["31.02.2024", "01.01.2024"], ["1.2.3", "4.5.6"], ["a", "b"], ["01.01.2024", "open"]]
)
def test_other_text_has_no_format(texts: list[str]) -> None:
    assert find_format(pd.Series(texts, dtype="str"), "column 'x'") is None


def test_numbers_that_are_days_stay_days(tmp_path: Path) -> None:
    days = DAYS.dt.strftime("%Y%m%d")
    days.where(days.index % 10 > 0).rename("birth").to_csv(tmp_path / "real.csv", index=False)
    (column,) = TableSpec.infer(read_table(tmp_path / "real.csv")).columns
    assert (column.kind, column.format, column.missing) == ("datetime", "%Y%m%d", True)
    with pytest.warns(UserWarning, match="column 'birth': its numbers look like days"):
        TableSpec.infer(days.astype("int64").to_frame("birth"))


def test_csv_has_dates_as_the_real_file_writes_them(tmp_path: Path) -> None:
    day = DAYS.dt.strftime("%d.%m.%Y")
    real = pd.DataFrame({"day": day.where(day.index % 10 > 0), "size": range(len(day))})
    real["size"] %= 7
    real.to_csv(tmp_path / "real.csv", index=False)
    table = read_table(tmp_path / "real.csv")
    vae = TabularVAE.build(TableSpec.infer(table), small_config())
    vae.fit(table)
    vae.synthesizer().save(tmp_path / "model")
    model, out = str(tmp_path / "model"), tmp_path / "rows.csv"
    assert main(["--model", model, "--rows", "200", "--out", str(out)]) == 0
    rows = pd.read_csv(out, dtype=str)
    assert rows["day"].isna().any()
    written = rows["day"].dropna()
    assert all(re.fullmatch(r"\d\d\.\d\d\.2023", text) for text in written)
    assert pd.to_datetime(written, format="%d.%m.%Y").between("2023-01-29", "2023-03-07").all()
