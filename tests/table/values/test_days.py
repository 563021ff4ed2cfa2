"""Columns of some days: weekdays, or one day of each month."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers, column_range, restored
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.grids.sentences import grid_sentence
from tabvae_ray.table.grids.timeline import numbers_at_seconds, seconds_at
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.values.days import of_line

RNG = np.random.default_rng(0)
ANY = pd.Series(pd.Timestamp("2015-03-02") + pd.to_timedelta(RNG.integers(0, 3000, 300), "D"))
MONTHS = ANY.dt.to_period("M")
DAYS = {
    "1 of month": MONTHS.dt.start_time,
    "last of month": ANY + pd.offsets.MonthEnd(0),
    "15 of month": MONTHS.dt.start_time + pd.Timedelta(days=14),
    "Mon Tue Wed Thu Fri Sat": ANY[ANY.dt.day_of_week < 6],
    "Tue Thu": ANY[ANY.dt.day_of_week.isin([1, 3])],
    "Sat Sun": ANY[ANY.dt.day_of_week > 4],
}


def column_of(moments: pd.Series, **declared: object) -> Column:
    spec = SpecDeclaration.from_mapping({"columns": {"t": {"kind": "datetime", **declared}}})
    return TableSpec.infer(pd.DataFrame({"t": moments}), declared=spec).columns[0]


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_all_dates_are_on_the_days_of_the_real_ones(days: str, zone: str | None) -> None:
    moments = DAYS[days].astype("M8[us]").dt.tz_localize(zone).reset_index(drop=True)
    column = column_of(moments)
    assert (column.days, column.weekdays) == (days, False)
    made = pd.Series(restored(np.arange(column_range(column)[2] + 1), column))
    assert made.is_monotonic_increasing and made.nunique() == len(made)
    assert (made.min(), made.max()) == (moments.min(), moments.max())
    assert set(moments) <= set(made)
    assert (restored(column_numbers(moments, column), column) == moments).all()
    # The days that are made are found again.
    assert column_of(made).days == days


@pytest.mark.parametrize(
    ("moments", "words"),
    [
        (ANY.dt.to_period("Q").dt.start_time, "always midnight, first day of every 3 months"),
        (ANY + pd.offsets.QuarterEnd(0), "always midnight, last day of every 3 months"),
        (ANY.dt.to_period("Y").dt.start_time, "always midnight, first day of a month, every year"),
        (ANY + pd.offsets.YearEnd(0), "always midnight, last day of a month, every year"),
    ],
)
def test_quarters_and_years_are_steps_of_months(moments: pd.Series, words: str) -> None:
    column = column_of(moments)
    assert grid_sentence(column) == words
    made = restored(np.arange(column_range(column)[2] + 1), column)
    assert set(moments) <= set(made) and len(set(made)) <= moments.nunique() + 2


def test_other_days_are_named() -> None:
    assert grid_sentence(column_of(DAYS["15 of month"])) == "always midnight, day 15 of the month"
    assert grid_sentence(column_of(DAYS["Tue Thu"])) == "always midnight, only Tue, Thu"


def test_times_of_the_day_stay_on_the_days() -> None:
    hours = pd.to_timedelta(RNG.integers(0, 24, 300), "h")
    column = column_of(DAYS["last of month"] + hours)
    made = pd.Series(restored(np.arange(column_range(column)[2] + 1), column))
    assert column.days == "last of month" and made.dt.is_month_end.all()
    assert made.dt.hour.nunique() == 24


def test_one_odd_date_in_a_long_column_is_no_other_day() -> None:
    moments = DAYS["1 of month"].copy()
    moments[7] = pd.Timestamp("2019-05-20")
    assert column_of(moments).days == "1 of month"
    assert column_of(moments.head(100)).days is None


@pytest.mark.parametrize("time", ["00:00", "18:00"])
@pytest.mark.parametrize(
    ("days", "odd", "near"),
    [
        ("1 of month", "2018-05-03", "2018-05-01"),
        ("1 of month", "2018-05-30", "2018-06-01"),
        ("last of month", "2018-05-02", "2018-04-30"),
        ("15 of month", "2018-05-27", "2018-05-15"),
        ("Mon Tue Wed Thu Fri", "2018-05-05", "2018-05-04"),
        ("Mon Tue Wed Thu Fri", "2018-05-06", "2018-05-07"),
        ("Tue Thu", "2018-05-05", "2018-05-03"),
    ],
)
def test_an_odd_date_becomes_the_nearest_day_of_the_column(
    days: str, odd: str, near: str, time: str
) -> None:
    weekdays = ANY[ANY.dt.day_of_week < 5]
    moments = DAYS.get(days, weekdays) + pd.Timedelta(f"{time}:00")
    column = column_of(moments)
    values = pd.Series(pd.to_datetime([f"{odd} {time}", f"{near} {time}", None]))
    made = restored(column_numbers(values, column), column)
    assert list(made[:2]) == [pd.Timestamp(f"{near} {time}")] * 2
    # In a condition, it is after the days before and not after the days that follow.
    low, high = column_numbers(moments.sort_values().iloc[[0, -1]], column)
    number = column_numbers(values, column, between=True)[0]
    assert low < number < high
    ends = restored(np.array([np.ceil(number) - 1, np.ceil(number)]), column)
    assert ends[0] < pd.Timestamp(f"{odd} {time}") < ends[1]


def test_few_dates_and_dates_of_all_days_have_no_days() -> None:
    assert column_of(ANY).days is None
    assert column_of(pd.Series(pd.to_datetime(["2024-03-01", "2024-05-01"]))).days is None
    assert column_of(DAYS["15 of month"].drop_duplicates().head(5)).days is None
    weekly = pd.Series(pd.date_range("2022-01-04", periods=60, freq="7D"))
    assert column_of(weekly).days is None


def test_another_day_is_rounded_down_to_the_month_before_and_up_to_the_next() -> None:
    column = column_of(DAYS["last of month"])
    between = pd.Timestamp("2018-02-14 12:00").timestamp()
    for rounded, day in ((np.floor, "2018-01-31"), (np.ceil, "2018-02-28")):
        numbers = numbers_at_seconds(np.array([between]), column, rounded)
        assert restored(numbers, column)[0] == pd.Timestamp(day)
        assert seconds_at(numbers, column)[0] == pd.Timestamp(day).timestamp()


def test_days_may_be_declared() -> None:
    few = pd.Series(pd.to_datetime(["2024-03-05", "2024-05-05"]))
    assert column_of(few, days="5 of month").days == "5 of month"
    with pytest.raises(DataError, match="must have weekdays or days"):
        column_of(few, days="5 of month", weekdays=True)


@pytest.mark.parametrize(
    "text", ["", "Fri Mon", "Mon Mon", "0 of month", "31 of month", "Mon  Tue", "first"]
)
def test_other_text_names_no_days(text: str) -> None:
    with pytest.raises(DataError, match=r"days: .*must be such as 'last of month'"):
        column_of(ANY, days=text)


def test_days_before_1970_are_in_order() -> None:
    day = 86_400
    for days in DAYS:
        line = of_line(np.arange(-2000, 2000) * day, days, day)
        assert (np.diff(line) >= 0).all() and set(np.diff(line)) == {0, day}
