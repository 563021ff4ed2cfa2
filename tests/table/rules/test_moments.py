"""Parts of date-times as numbers, text, dates and times of day."""

import warnings

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.dates import DateOf
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

MADE = {
    "clock": (lambda m: m.strftime("%H:%M:%S"), "clock = time of at"),
    "clock_short": (lambda m: m.strftime("%H:%M"), "clock_short = time to the minute of at"),
    "hhmm": (lambda m: 100 * m.hour + m.minute, "hhmm = hhmm of at"),
    "day_number": (
        lambda m: m.year * 100 + m.month,
        "day_number = yyyymm of at",
    ),
    "epoch": (lambda m: m.as_unit("s").astype(np.int64), "epoch = seconds since 1970 of at"),
    "since": (
        lambda m: (m.normalize() - pd.Timestamp("2021-03-01")).days,
        "since = days since 1970 of at - 18687",
    ),
    "sunday": (lambda m: (m.day_of_week + 1) % 7, "sunday = weekday from Sunday of at"),
    "year_month": (lambda m: m.strftime("%Y-%m"), "year_month = at as %Y-%m"),
    "month": (lambda m: m.month_name(), "month = at as %B"),
    "quarter": (lambda m: [f"{t.year}-Q{t.quarter}" for t in m], "quarter = at as %Y-Q%q"),
    "starts": (lambda m: m.to_period("M").start_time, "starts = start of the month of at"),
}


TEXTS = ("year_month", "month", "quarter")


def found(table: pd.DataFrame) -> set[str]:
    return set(map(str, find_rules(table, TableSpec.infer(table).columns)))


@pytest.mark.filterwarnings("ignore:.*look like dates")
@pytest.mark.parametrize("texts", [False, True])
def test_parts_of_a_date_time_are_found_kept_and_declared(texts: bool) -> None:
    # The name of a month would be looked up by its number.
    some = {name: m for name, m in MADE.items() if (name in TEXTS) == texts}
    rng, n = np.random.default_rng(0), 1_500
    at = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 5 * 10**7, n), unit="s")
    table = pd.DataFrame({"at": at} | {name: make(at) for name, (make, _) in some.items()})
    columns = TableSpec.infer(table).columns
    rules = find_rules(table, columns)
    assert {str(rule) for rule in rules} == {sentence for _, sentence in some.values()}
    names = [column.name for column in columns]
    assert [parse_rule(str(rule), names) for rule in rules] == rules
    rows = pd.DataFrame({name: rng.permutation(table[name]) for name in table})
    kept = RuleKeeper.fit(rules, columns, table).apply(rows.astype(table.dtypes), rng)
    at = pd.DatetimeIndex(kept["at"])
    for name, (make, _) in some.items():
        # Times of day are times, which are written with their seconds.
        made, expected = list(map(str, kept[name])), list(map(str, make(at)))
        length = 5 if name == "clock_short" else None
        assert [text[:length] for text in made] == expected, name


def test_days_may_begin_after_midnight_where_clocks_are_set_then() -> None:
    # Clocks went from 23:59:59 of 14 October to 1:00 of the 15th.
    moments = pd.date_range("2017-10-10 05:07", periods=200, freq="1h", tz="America/Sao_Paulo")
    spec = TableSpec.infer(pd.DataFrame({"at": moments, "seen": moments[::-1]}))
    view = TableView(pd.DataFrame({"at": moments, "seen": moments[::-1]}), spec.columns)
    days = DateOf(column="seen", of="at", part="date").expected(view)
    on_that_day = moments.strftime("%d") == "15"
    first = pd.Timestamp("2017-10-15 01:00", tz="America/Sao_Paulo").timestamp()
    assert set(days[on_that_day]) == {first}


def test_large_numbers_are_compared_to_their_last_place() -> None:
    rng = np.random.default_rng(0)
    seconds = 1_600_000_000 + rng.integers(0, 10**8, 400)
    table = pd.DataFrame(
        {
            "at": pd.to_datetime(seconds, unit="s"),
            "seconds": seconds,
            "exact": seconds + rng.integers(0, 1000, 400) / 1000,
            "milliseconds": seconds * 1000 + rng.integers(0, 1000, 400),
        }
    )
    with warnings.catch_warnings():
        # Its numbers look like dates.
        warnings.simplefilter("ignore")
        rules = [str(rule) for rule in TableSpec.infer(table).rules]
    assert "seconds = seconds since 1970 of at" in rules
    assert not any(rule.startswith(("exact =", "milliseconds =")) for rule in rules)


def test_dates_of_nanoseconds_are_compared_with_those_of_long_ago() -> None:
    rng = np.random.default_rng(0)
    old = pd.Timestamp("1650-01-01") + pd.to_timedelta(rng.integers(0, 9999, 200), "D")
    new = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**15, 200), "ns")
    table = pd.DataFrame({"old": old.astype("M8[s]"), "new": new.astype("M8[ns]")})
    table["days"] = (table["new"].dt.as_unit("s") - table["old"]).dt.days
    assert "days = whole days from old to new" in map(str, TableSpec.infer(table).rules)


def test_clock_times_without_a_colon_are_told_by_a_date_time() -> None:
    rng = np.random.default_rng(21)
    left = pd.Timestamp("2024-03-01") + pd.to_timedelta(
        5 * rng.integers(0, 30_000, 3_000), unit="min"
    )
    table = pd.DataFrame({"left": left, "scheduled": left.strftime("%H%M")})
    assert "scheduled = left as %H%M" in found(table)


def test_milliseconds_of_a_duration_are_told_by_it() -> None:
    rng = np.random.default_rng(22)
    taken = rng.integers(1, 90_000, 3_000)
    table = pd.DataFrame({"taken": pd.to_timedelta(taken, unit="ms"), "ms": taken})
    assert "ms = milliseconds since 1970 of taken" in found(table)
