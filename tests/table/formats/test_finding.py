"""Search for the formats of dates."""

import warnings
from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.formats.declared import is_format
from tabvae_ray.table.formats.finding import find_formats, format_hint, iso_format, look_like_days
from tabvae_ray.table.formats.spelling import parsed, spelled
from tabvae_ray.table.parsing import parse_iso
from tabvae_ray.table.spec import TableSpec

DAYS = pd.Series(pd.date_range("2023-01-29", periods=120, freq="7h13min", unit="us"))
EXACT = DAYS + pd.to_timedelta(range(120), unit="us")


def find_format(texts: pd.Series) -> str | None:
    return find_formats({"x": texts}, "table").get("x")


@pytest.mark.parametrize(
    "written",
    [
        *("%Y%m%d", "%Y%m%d%H%M%S", "%d.%m.%Y", "%Y/%m/%d", "%-d.%-m.%Y", "%-m/%-d/%Y"),
        *("%d-%b-%Y", "%d-%^b-%Y", "%d %b %Y", "%b %d, %Y", "%m/%d/%Y", "%d-%m-%Y"),
        *("%d.%m.%y", "%d-%b-%y", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p"),
        *("%-m/%-d/%Y %-I:%M:%S %P", "%Y/%m/%dT%H:%M:%SZ", "%d.%m.%Y %H:%M:%S %:z"),
        *("%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ", "%Y-%m-%d %H:%M:%S CET", "%a %b %d %H:%M:%S %Y"),
        *("%a, %d %b %Y", "%a, %d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S %z"),
        *("%d%b%Y", "%d%^b%Y", "%d%^b%Y:%H:%M:%S", "%A, %d %B %Y", "%A, %B %d, %Y", "%b %d %Y"),
        *("%a %b %d %Y", "%a %d %b %Y %H:%M", "%Y-%b-%d", "%d/%b/%Y:%H:%M:%S %z", "%Y_%m_%d"),
        *("%b %d, %Y, %H:%M", "%b %-d, %Y %-I:%M %p", "%A %-d %B %Y", "%a %b %e %H:%M:%S %Y"),
        *("%-d.%m.%Y", "%d.%-m.%Y", "%-m/%d/%Y", "%m/%-d/%Y %-H:%M", "%Y-%-m-%-d", "%Y/%-m/%d"),
        *("%Y-%m-%d %-H:%M", "%-d/%-m/%y", "%d-%^b-%y %I.%M.%S %p", "%Y-%m-%d %H.%M"),
        *("%Y-%m-%d %I:%M:%S %p", "%d.%m.%Y, %H:%M Uhr", "%Y%m%d-%H%M%S", "%Y-%m-%d-%H.%M.%S"),
        *("%Y年%-m月%-d日", "%d%m%Y", "%a %d/%m/%Y", "%H:%M:%S %d/%m/%Y", "%B %-d%o, %Y"),
        *(
            "%-d%o %b %Y",
            "%Y-%m-%d %H:%M:%S,%3f",
            "%-d-[jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec]-%Y",
        ),
    ],
)
def test_a_format_is_found_and_written_again(written: str) -> None:
    texts = spelled(DAYS.dt.tz_localize("Asia/Kolkata") if "z" in written else DAYS, written)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_format(texts) == written
    # A spec that is printed can be given back.
    assert is_format(written)
    again = spelled(parsed(texts, written), written)
    assert again.tolist() == texts.tolist()


@pytest.mark.parametrize(
    "written",
    [
        *("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"),
        *("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S%:z", "%Y-%m-%dT%H:%M:%S%z"),
        *("%Y-%m-%dT%H:%M:%S.%3fZ", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%9f"),
        "%Y-%m-%d %H:%M:%S%:::z",
    ],
)
def test_iso_dates_are_written_as_they_were_read(written: str) -> None:
    assert is_format(written)
    has_zone = written.lower().endswith("z")
    moments = EXACT.dt.tz_localize("UTC") if has_zone else EXACT
    texts = spelled(moments.where(moments.index % 10 > 0), written)
    read = parse_iso(texts)
    assert read is not None
    assert iso_format(texts, read) == written
    assert spelled(read, written).dropna().tolist() == texts.dropna().tolist()


def test_most_texts_decide_where_spellings_differ_but_no_moment_is_lost() -> None:
    texts = pd.Series(["2024-01-05"] * 5 + ["2024-01-05T08:15:00"] + ["2024-01-06T08:15:01"])
    read = parse_iso(texts)
    assert read is not None
    assert iso_format(texts, read) == "%Y-%m-%dT%H:%M:%S"


_SHORT_FRENCH = "janv.|févr.|mars|avr.|mai|juin|juil.|août|sept.|oct.|nov.|déc."
_SHORT_ITALIAN = "gen|feb|mar|apr|mag|giu|lug|ago|set|ott|nov|dic"
_SHORT_SPANISH = "ENE|FEB|MAR|ABR|MAY|JUN|JUL|AGO|SEP|OCT|NOV|DIC"


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        ("%-d. ", "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November"
         "|Dezember", " %Y"),
        ("%d. ", "Jan.|Feb.|März|Apr.|Mai|Juni|Juli|Aug.|Sept.|Okt.|Nov.|Dez.", " %Y %H:%M"),
        ("%d-", _SHORT_FRENCH, "-%y"),
        ("%d/", _SHORT_SPANISH, "/%Y %H:%M"),
        ("%-d de ", _SHORT_SPANISH.lower(), " de %Y"),
        ("%-d ", _SHORT_ITALIAN, " %Y"),
        ("%d de ", "Janeiro|Fevereiro|Março|Abril|Maio|Junho|Julho|Agosto|Setembro|Outubro"
         "|Novembro|Dezembro", " de %Y"),
        ("%-d-", "jan|feb|mrt|apr|mei|jun|jul|aug|sep|okt|nov|dec", "-%Y"),
        ("", "Jan.|Feb.|March|April|May|June|July|Aug.|Sept.|Oct.|Nov.|Dec.", " %-d, %Y"),
        ("[Mo|Di|Mi|Do|Fr|Sa|So], %-d. ", "Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez",
         " %Y"),
    ],
)  # fmt: skip
def test_months_of_other_languages_are_read_and_written(
    before: str, names: str, after: str
) -> None:
    days = pd.Series(pd.date_range("2023-01-05", periods=60, freq="11D2h", unit="us"))
    written = f"{before}[{names}]{after}"
    assert is_format(written)
    texts = spelled(days, written)
    assert any(name in texts.iloc[0] for name in names.split("|"))
    found = find_format(texts)
    assert found == written
    assert spelled(parsed(texts, found), found).tolist() == texts.tolist()


@pytest.mark.parametrize(
    "written",
    [
        *("%Y-%m", "%Y/%m", "%m/%Y", "%-m-%Y", "%b %Y", "%b-%y", "%B %Y", "%Y-Q%q", "%YQ%q"),
        *("Q%q %Y", "%G-W%V", "%Y%m", "[Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez] %Y"),
    ],
)
def test_many_months_quarters_and_weeks_are_dates_and_few_are_categories(written: str) -> None:
    days = pd.Series(pd.date_range("2019-12-30", periods=300, freq="9D", unit="us"))
    texts = spelled(days, written)
    assert find_format(texts) == written and is_format(written)
    moments = parsed(texts, written)
    assert spelled(moments, written).tolist() == texts.tolist()
    assert (moments <= days).all() and (days - moments < pd.Timedelta(days=92)).all()
    few = spelled(pd.concat([days.head(40)] * 100), written)
    assert find_format(few) is None


@pytest.mark.parametrize("written", ["{}-{:02}", "{}/{:02}", "{}-{}"])
def test_a_year_and_the_next_are_a_season_and_no_month(tmp_path: Path, written: str) -> None:
    seasons = [written.format(2000 + i % 12, 1 + i % 12) for i in range(100)]
    pd.DataFrame({"season": seasons}).to_csv(tmp_path / "t.csv", index=False)
    column = TableSpec.infer(str(tmp_path / "t.csv"))["season"]
    assert (column.kind, len(column.categories)) == ("categorical", 12)
    # One other month shows that they are months.
    months = pd.Series([*seasons, "2004-11" if "-" in written else "2004/11"])
    assert find_format(months) is not None
    declared = SpecDeclaration.from_mapping({"columns": {"season": {"kind": "datetime"}}})
    column = TableSpec.infer(str(tmp_path / "t.csv"), declared=declared)["season"]
    assert column.kind == "datetime"


def test_brackets_around_other_numbers_of_names_are_text() -> None:
    days = pd.Series(pd.date_range("2023-01-05", periods=3))
    assert spelled(days, "[a|b] %Y").tolist() == ["[a|b] 2023"] * 3
    assert is_format("[a|b] %Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize("word", ["Marzipan", "of", "janvier 3"])
def test_other_words_are_no_months(word: str) -> None:
    texts = pd.Series([f"{i} {word} 2024" for i in range(10, 25)])
    assert find_format(texts) is None


def test_dates_that_are_spelled_in_two_ways_are_told() -> None:
    texts = DAYS.dt.strftime("%-d.%-m.%Y").where(DAYS.index % 5 > 0, DAYS.dt.strftime("%d.%m.%Y"))
    with pytest.warns(
        UserWarning, match="column 'x': some of its dates are written like '29.01.2023'"
    ):
        assert find_format(texts) == "%-d.%-m.%Y"


@pytest.mark.parametrize(
    "texts",
    [
        ["31.02.2024", "01.01.2024"],
        ["1.2.3", "4.5.6"],
        ["a", "b"],
        ["01.01.2024", "open"],
        [f"1001{i:04}" for i in range(101, 130)],
        [["01.01.2024"], ["02.01.2024"]],
        [1, "01.01.2024"],
    ],
)
def test_other_values_have_no_format(texts: list[object]) -> None:
    assert find_format(pd.Series(texts, dtype=object)) is None


def test_text_of_a_category_dtype_stays_a_category() -> None:
    texts = DAYS.dt.strftime("%d.%m.%Y").astype("category")
    assert find_format(texts) is None


@pytest.mark.parametrize(
    ("written", "per_second"),
    [("unix_s", 1), ("unix_ms", 10**3), ("unix_us", 10**6), ("unix_ns", 10**9)],
)
def test_numbers_since_1970_are_hinted_at(written: str, per_second: int) -> None:
    numbers = spelled(DAYS.dt.floor("s"), written)
    assert numbers.iloc[0] == 1_674_950_400 * per_second
    assert format_hint(numbers) == format_hint(numbers.astype("float64")) == written
    assert (parsed(numbers, written) == DAYS.dt.floor("s")).all()


def test_numbers_that_are_days_are_hinted_at_even_if_a_few_are_not() -> None:
    days = DAYS.dt.strftime("%Y%m%d").astype("int64")
    assert look_like_days(days)
    assert format_hint(days) == "%Y%m%d"
    odd = days.mask(days.index == 7, 99_999_999)
    assert not look_like_days(odd)
    assert format_hint(odd) == "%Y%m%d"


@pytest.mark.parametrize(
    "numbers",
    [
        range(1_000_000_000, 1_000_000_010),
        range(100),
        [x / 7 for x in range(100)],
        [True, False] * 50,
        range(20_000_000, 20_900_000, 1_001),
    ],
)
def test_other_numbers_are_not_dates(numbers: object) -> None:
    assert format_hint(pd.Series(numbers)) is None
