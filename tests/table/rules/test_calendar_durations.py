"""Nights between two moments, and ages in whole years and months."""

import re

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.formula import Duration
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 1_500
RNG = np.random.default_rng(0)


def stays(zone: str | None) -> pd.DataFrame:
    minutes = pd.to_timedelta(RNG.integers(0, 1_000_000, N), unit="min")
    came = pd.Series(pd.Timestamp("2021-01-01", tz=zone) + minutes)
    left = came + pd.to_timedelta(RNG.integers(20, 20_000, N), unit="min")
    nights = left.dt.tz_localize(None).dt.normalize() - came.dt.tz_localize(None).dt.normalize()
    return pd.DataFrame({"nights": nights.dt.days, "left": left, "came": came})


def patients() -> pd.DataFrame:
    born = pd.Timestamp("1930-01-01") + pd.to_timedelta(RNG.integers(0, 28_000, N), unit="D")
    seen = pd.Timestamp("2019-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), unit="D")
    before = (seen.month < born.month) | ((seen.month == born.month) & (seen.day < born.day))
    months = 12 * (seen.year - born.year) + seen.month - born.month - (seen.day < born.day)
    return pd.DataFrame(
        {"age": seen.year - born.year - before, "months": months, "seen": seen, "born": born}
    )


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (stays(None), "nights = calendar days from came to left"),
        (stays("Europe/Berlin"), "nights = calendar days from came to left"),
        (patients(), "age = whole years from born to seen"),
        (patients(), "months = whole months from born to seen"),
    ],
)
def test_they_are_found_read_and_kept(table: pd.DataFrame, sentence: str) -> None:
    spec = TableSpec.infer(table)
    rules = find_rules(table, spec.columns)
    (rule,) = [rule for rule in rules if str(rule) == sentence]
    assert parse_rule(sentence, spec.names) == rule
    assert isinstance(rule, Duration)
    keeper = RuleKeeper.fit(rules, spec.columns, table)
    mixed = {name: table[name].iloc[RNG.permutation(N)].array for name in table}
    kept = keeper.apply(pd.DataFrame(mixed), np.random.default_rng(1))
    assert kept.dtypes.equals(table.dtypes)
    view = TableView(kept, spec.columns)
    assert not any(other.broken(view).any() for other in rules)
    assert kept.duplicated().mean() < 0.05
    pd.testing.assert_frame_equal(keeper.apply(table, np.random.default_rng(1)), table)


@pytest.mark.parametrize(
    ("start", "end", "days", "months", "years"),
    [
        ("2023-12-31 23:59", "2024-01-01 00:01", 1, 0, 0),
        ("2020-02-29 00:00", "2021-02-28 00:00", 365, 11, 0),
        ("2020-02-29 00:00", "2021-03-01 00:00", 366, 12, 1),
        ("2024-05-17 10:00", "2025-05-17 09:59", 365, 11, 0),
        ("2024-05-17 10:00", "2025-05-17 10:00", 365, 12, 1),
    ],
)
def test_they_count_as_calendars_do(
    start: str, end: str, days: int, months: int, years: int
) -> None:
    moments = pd.DataFrame({"start": [pd.Timestamp(start)] * 2, "end": [pd.Timestamp(end), None]})
    view = TableView(moments, TableSpec.infer(moments).columns)
    for unit, expected in (("calendar days", days), ("months", months), ("years", years)):
        rule = Duration.model_validate(
            {"column": "x", "start": "start", "end": "end", "unit": unit}
        )
        assert rule.expected(view).tolist() == pytest.approx([expected, np.nan], nan_ok=True)


@pytest.mark.parametrize(("unit", "length"), [("years", 12), ("months", 1)])
def test_an_age_on_the_day_of_the_table_is_found_and_kept(unit: str, length: int) -> None:
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 25_000, 4_000), unit="D")
    born = pd.Series(pd.Timestamp("1940-01-01") + days)

    def age(born: pd.Series) -> pd.Series:
        months = 12 * (2023 - born.dt.year) + 6 - born.dt.month - (born.dt.day > 17)
        return months // length

    table = pd.DataFrame({"born": born, "age": age(born), "noise": rng.integers(0, 90, 4_000)})
    spec = TableSpec.infer(table)
    (rule,) = spec.rules
    assert re.fullmatch(rf"age = whole {unit} from born to 2023-06-1\d", str(rule))
    assert parse_rule(str(rule), spec.names) == rule
    rows = table.apply(lambda column: rng.permutation(column))
    kept = RuleKeeper.fit(spec.rules, spec.columns, table).apply(rows, rng)
    assert (kept["age"] == age(kept["born"])).all()
    shuffled = table.assign(age=rows["age"].to_numpy())
    assert find_rules(shuffled, TableSpec.infer(shuffled).columns) == []


@pytest.mark.parametrize("unit", ["calendar days", "business days", "weekdays"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_as_many_ends_are_before_their_starts(unit: str, zone: str | None) -> None:
    rng = np.random.default_rng(4)
    due = pd.Series(pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 900, N), "D"))
    late = pd.Series(rng.choice([-9, -3, -1, 0, 2, 5, 30], N))
    paid = due + pd.to_timedelta(late, unit="D")
    if unit != "calendar days":
        last = paid + pd.Timedelta(f"{int(unit == 'weekdays')}D")
        dates = [part.to_numpy().astype("M8[D]") for part in (due, last)]
        late = pd.Series(np.busday_count(*dates))
    if zone is not None:
        due, paid = due.dt.tz_localize(zone), paid.dt.tz_localize(zone)
    table = pd.DataFrame({"due": due, "paid": paid, "late": late})
    spec = TableSpec.infer(table)
    rule = Duration.model_validate({"column": "late", "start": "due", "end": "paid", "unit": unit})
    mixed = pd.DataFrame({name: rng.permutation(table[name]) for name in table})
    mixed = mixed.astype(table.dtypes)
    kept = RuleKeeper.fit([rule], spec.columns, table).apply(mixed, rng)
    assert not rule.broken(TableView(kept, spec.columns)).any()
    pd.testing.assert_series_equal(kept["late"], mixed["late"])
    before = [(rows["paid"] < rows["due"]).mean() for rows in (table, kept)]
    assert before[0] > 0.4
    assert before[1] == pytest.approx(before[0], abs=0.04)


@pytest.mark.parametrize("unit", ["days", "calendar days", "business days"])
def test_missing_ends_stay_missing(unit: str) -> None:
    rng = np.random.default_rng(4)
    start = pd.Series(pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 900, N), "D"))
    end = start + pd.to_timedelta(rng.integers(1, 30, N), unit="D")
    rule = Duration.model_validate({"column": "n", "start": "start", "end": "end", "unit": unit})
    table = pd.DataFrame({"start": start, "end": end, "n": rng.integers(1, 30, N)})
    columns = TableSpec.infer(table).columns
    table["n"] = rule.expected(TableView(table, columns))
    table.loc[::3, "end"] = pd.NaT
    spec = TableSpec.infer(table)
    kept = RuleKeeper.fit([rule], spec.columns, table).apply(
        table.assign(end=table["end"] + pd.Timedelta("3D")), rng
    )
    pd.testing.assert_series_equal(kept["end"].isna(), table["end"].isna())
    assert not rule.broken(TableView(kept, spec.columns)).any()
