"""Moments as numbers, on local clocks and without weekends."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers, column_range, restored
from tabvae_ray.table.grids.timeline import numbers_at_seconds, seconds_at
from tabvae_ray.table.spec import TableSpec

RNG = np.random.default_rng(0)
DAYS = pd.Series(pd.Timestamp("2022-01-03") + pd.to_timedelta(RNG.integers(0, 800, 400), "D"))
WEEKDAYS = DAYS[DAYS.dt.day_of_week < 5].reset_index(drop=True)


def column_of(moments: pd.Series) -> Column:
    return TableSpec.infer(pd.DataFrame({"t": moments})).columns[0]


@pytest.mark.parametrize(
    ("zone", "time"), [("Europe/Berlin", "0h"), ("America/New_York", "9h30min")]
)
def test_local_times_stay_local_over_summer_time(zone: str, time: str) -> None:
    moments = (DAYS + pd.Timedelta(time)).dt.tz_localize(zone)
    column = column_of(moments)
    assert (column.clock, column.step) == ("local", 86_400 * 10**6)
    all_days = restored(np.arange(column_range(column)[2] + 1), column)
    assert (all_days.dt.tz_localize(None) - pd.Timedelta(time)).dt.time.nunique() == 1
    assert (restored(column_numbers(moments, column), column) == moments).all()


def test_hours_in_utc_stay_in_utc() -> None:
    hours = (DAYS + pd.to_timedelta(RNG.integers(0, 24, 400), "h")).dt.tz_localize("UTC")
    column = column_of(hours.dt.tz_convert("Europe/Berlin"))
    assert (column.clock, column.step, column.weekdays) == (None, 3_600 * 10**6, False)


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_weekdays_stay_weekdays(zone: str | None) -> None:
    moments = WEEKDAYS if zone is None else WEEKDAYS.dt.tz_localize(zone)
    column = column_of(moments)
    assert column.weekdays and not column_of(DAYS).weekdays
    days = restored(np.arange(column_range(column)[2] + 1), column)
    assert (days.dt.day_of_week < 5).all()
    assert (days.min(), days.max()) == (moments.min(), moments.max())
    assert (restored(column_numbers(moments, column), column) == moments).all()


def test_a_weekend_is_rounded_down_to_friday_and_up_to_monday() -> None:
    column = column_of(WEEKDAYS)
    saturday = pd.Timestamp("2022-03-05 12:00").timestamp()
    for rounded, day in ((np.floor, "2022-03-04"), (np.ceil, "2022-03-07")):
        numbers = numbers_at_seconds(np.array([saturday, np.nan]), column, rounded)
        assert restored(numbers[:1], column)[0] == pd.Timestamp(day)
        assert seconds_at(numbers, column)[0] == pd.Timestamp(day).timestamp()
        assert np.isnan(numbers[1])


def test_weekly_dates_and_few_dates_have_no_weekdays() -> None:
    mondays = pd.Series(pd.date_range("2022-01-03", periods=60, freq="7D"))
    assert column_of(mondays).step == 7 * 86_400 * 10**6
    assert not column_of(mondays).weekdays
    assert not column_of(WEEKDAYS.head(20)).weekdays
