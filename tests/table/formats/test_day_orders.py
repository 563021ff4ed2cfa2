"""Dates that may have the day or the month first."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.formats.finding import find_formats
from tabvae_ray.table.formats.spelling import spelled
from tabvae_ray.table.spec import TableSpec


def find_format(texts: pd.Series) -> str | None:
    return find_formats({"x": texts}, "table").get("x")


def test_days_and_months_that_could_be_either_are_told() -> None:
    texts = pd.Series(["03/04/2024", "05/06/2024", None], dtype="str")
    with pytest.warns(UserWarning, match=r"column 'x': its dates fit %d/%m/%Y and %m/%d/%Y"):
        assert find_format(texts) == "%d/%m/%Y"
    short = pd.Series([f"0{i}/0{j}/24" for i in (2, 4, 1, 3) for j in range(1, 5)])
    with pytest.warns(UserWarning, match=r"one of the formats %d/%m/%y, %m/%d/%y"):
        assert find_format(short) is None


@pytest.mark.parametrize("time", ["", " 08:30", " 08:30 +0100"])
@pytest.mark.parametrize("day", [1, 5])
def test_of_two_readings_the_one_with_the_same_day_of_each_month_is_taken(
    day: int, time: str
) -> None:
    months = [(month, year) for year in (2016, 2017, 2019) for month in (1, 4, 7, 10)]
    for first, second in (("%d", "%m"), ("%m", "%d")):
        for mark in "/-":
            written = f"{first}{mark}{second}{mark}%Y"
            dates = [pd.Timestamp(year, month, day) for month, year in months]
            texts = pd.Series([f"{date.strftime(written)}{time}" for date in dates])
            with pytest.warns(UserWarning, match=f"its dates fit {written}.* and {written}.* is"):
                assert str(find_format(texts)).startswith(written)


IN_ORDER = pd.Series(
    [pd.Timestamp(year, month, day) for year in (2023, 2024) for month in (2, 3)
     for day in range(1, 13)]
)  # fmt: skip
SHUFFLED = IN_ORDER.sample(frac=1, random_state=1).reset_index(drop=True)


@pytest.mark.parametrize("written", ["%d/%m/%Y", "%m/%d/%Y", "%m-%d-%Y"])
@pytest.mark.parametrize("is_rising", [True, False])
def test_of_two_readings_the_one_in_which_rows_are_in_order_is_taken(
    written: str, is_rising: bool
) -> None:
    texts = IN_ORDER.dt.strftime(written)
    with pytest.warns(UserWarning, match=f"its dates fit {written} and .* {written} is taken"):
        assert find_format(texts if is_rising else texts[::-1]) == written


def test_rows_in_order_of_text_say_nothing_about_days_and_months() -> None:
    texts = IN_ORDER.tail(24).dt.strftime("%m/%d/%Y")
    assert texts.is_monotonic_increasing
    with pytest.warns(UserWarning, match="%d/%m/%Y is taken"):
        assert find_format(texts) == "%d/%m/%Y"
    # Without leading zeros, texts are in another order than days.
    unpadded = spelled(IN_ORDER.tail(24), "%-m/%-d/%Y")
    with pytest.warns(UserWarning, match="%m/%d/%Y is taken"):
        assert find_format(unpadded) == "%-m/%-d/%Y"


@pytest.mark.parametrize(
    "telling",
    [
        # Days above 12; all the first of a month; in order.
        pd.Series(["03/25/2024"]),
        pd.Series([f"{month:02}/01/2024" for month in (5, 2, 9, 3, 7)]),
        IN_ORDER.dt.strftime("%m/%d/%Y"),
    ],
)
@pytest.mark.parametrize("written", ["%m/%d/%Y", "%m/%d/%Y %H:%M"])
def test_a_column_without_evidence_is_read_in_the_order_of_the_others(
    telling: pd.Series, written: str
) -> None:
    unknown = SHUFFLED.dt.strftime(written)
    table = {"end": unknown, "start": telling, "day": SHUFFLED.dt.strftime("%d-%m-%Y")}
    with pytest.warns(UserWarning) as told:
        found = find_formats(table, "table")
    assert found == {"end": written, "start": "%m/%d/%Y", "day": "%d-%m-%Y"}
    other = written.replace("%m/%d", "%d/%m")
    assert f"'end': its dates fit {written} and {other}, and {written} is taken" in "".join(
        str(each.message) for each in told
    )


@pytest.mark.filterwarnings("ignore:table. column .*its dates fit:UserWarning")
def test_columns_of_both_orders_keep_their_own() -> None:
    table = {
        "sent": pd.Series(["03/25/2024"]),
        "born": pd.Series(["25/03/2024"]),
        "end": SHUFFLED.dt.strftime("%m/%d/%Y"),
        "start": IN_ORDER.dt.strftime("%m/%d/%Y"),
    }
    day_first, month_first = "%d/%m/%Y", "%m/%d/%Y"
    found = find_formats(table, "table")
    assert [*found.values()] == [month_first, day_first, day_first, month_first]
    found = find_formats({"end": table["end"]}, "table", declared=[month_first, day_first])
    assert found == {"end": day_first}


def test_days_that_are_their_months_are_no_evidence_and_are_written_as_the_others() -> None:
    texts = pd.Series(["03/03/2024", "05/05/2023", "01/01/2024"])
    unknown = SHUFFLED.dt.strftime("%m/%d/%Y")
    with pytest.warns(UserWarning, match="'end': .*%d/%m/%Y is taken"):
        found = find_formats({"twins": texts, "end": unknown}, "table")
    assert found == {"twins": "%d/%m/%Y", "end": "%d/%m/%Y"}
    assert find_formats({"twins": texts}, "table", declared=["%m/%d/%Y"]) == {"twins": "%m/%d/%Y"}


@pytest.mark.filterwarnings("ignore:table. column .*its dates fit:UserWarning")
def test_starts_and_ends_of_a_table_are_read_in_one_order() -> None:
    starts = pd.Series(
        [pd.Timestamp(2024, month, day) for month in (3, 4, 5) for day in range(1, 11)]
    ).repeat(4)
    ends = starts + pd.to_timedelta(np.random.default_rng(0).integers(0, 3, 120), unit="D")
    padded, written = "%m/%d/%Y", "%-m/%-d/%Y"
    table = pd.DataFrame({"start": spelled(starts, written), "end": spelled(ends, written)})
    spec = TableSpec.infer(table, source="table")
    assert [spec["start"].format, spec["end"].format] == [written, written]
    table = pd.DataFrame({"start": spelled(starts, padded), "end": spelled(ends, padded)})
    spec = TableSpec.infer(table, source="table")
    assert spec["start"].format == spec["end"].format
    # What the user declares of one column is told of the other.
    declared = SpecDeclaration.from_mapping({"columns": {"start": {"format": padded}}})
    spec = TableSpec.infer(table, declared=declared, source="table")
    assert [spec["start"].format, spec["end"].format] == [padded, padded]
    declared = SpecDeclaration.from_mapping({"columns": {"end": {"format": "%d/%m/%Y"}}})
    table["start"] = spelled(starts, written)
    spec = TableSpec.infer(table, declared=declared, source="table")
    assert [spec["start"].format, spec["end"].format] == [written, "%d/%m/%Y"]


@pytest.mark.filterwarnings("ignore:table. column .*its dates fit:UserWarning")
def test_columns_that_are_declared_as_dates_tell_the_order_of_others() -> None:
    table = pd.DataFrame({"start": IN_ORDER.dt.strftime("%m/%d/%Y"), "end": SHUFFLED})
    table["start"] = table["start"].mask(table.index == 0, "03/25/2024")
    table["end"] = table["end"].dt.strftime("%m/%d/%Y")
    declared = SpecDeclaration.from_mapping({"datetime": ["start"]})
    spec = TableSpec.infer(table, declared=declared, source="table")
    assert [spec["start"].format, spec["end"].format] == ["%m/%d/%Y", "%m/%d/%Y"]


@pytest.mark.parametrize("written", ["%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p"])
def test_of_two_readings_of_many_times_the_one_of_few_days_is_taken(written: str) -> None:
    seconds = np.random.default_rng(0).integers(0, 12 * 86_400, 200)
    moments = pd.Timestamp("2024-03-01") + pd.to_timedelta(seconds, unit="s")
    with pytest.warns(UserWarning, match=f"its dates fit {written} and .* {written} is taken"):
        assert find_format(pd.Series(moments.strftime(written))) == written


def test_days_of_one_month_are_not_taken_for_a_day_of_each_month() -> None:
    texts = pd.Series([f"{day:02}/03/2024" for day in range(1, 13)])
    with pytest.warns(UserWarning, match="%d/%m/%Y is taken"):
        assert find_format(texts) == "%d/%m/%Y"


def test_formats_of_other_shapes_tell_nothing() -> None:
    short = pd.Series([f"0{i}-0{j}-0{k}" for i in (2, 4, 1) for j in (3, 1) for k in (5, 2)])
    named = pd.Series(["05 Mar 2024", "07 Apr 2024"])
    with pytest.warns(UserWarning, match="one of the formats %d-%m-%y, %m-%d-%y, %y-%m-%d"):
        assert find_formats({"x": short, "y": named}, "table") == {"y": "%d %b %Y"}
