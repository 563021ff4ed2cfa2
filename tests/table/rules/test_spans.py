"""Durations between moments, and sums of durations; times of day are not added up."""

from datetime import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.formula import Duration, Linear
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec
from tests.support.spans import calls

N = 1_500
STAY, TOTAL = "stay = seconds from came to left", "total = stay + wait"


@pytest.mark.parametrize("kind", ["m8[s]", "m8[us]", "m8[ns]", "arrow", "text", "time"])
def test_they_are_found_read_and_kept(kind: str) -> None:
    table = calls(N, kind)
    spec = TableSpec.infer(table)
    sentences = [str(rule) for rule in spec.rules if isinstance(rule, Duration | Linear)]
    assert sentences == [STAY, TOTAL]
    for rule in spec.rules:
        assert parse_rule(str(rule), spec.names) == rule
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    rng = np.random.default_rng(1)
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    # Generated rows are of the columns' own dtypes, not text.
    whole = keeper.apply(typed(table, spec), rng)
    assert whole.equals(typed(table, spec))
    mixed = {name: whole[name].iloc[rng.permutation(N)].array for name in table}
    kept = keeper.apply(pd.DataFrame(mixed), rng)
    assert kept.dtypes.equals(whole.dtypes)
    view = TableView(kept, spec.columns)
    assert not any(rule.broken(view).any() for rule in spec.rules)
    assert kept.duplicated().mean() < 0.1 and kept["stay"].nunique() > 100
    counts = count_rules(spec.rules, spec.columns, table, pd.DataFrame(mixed))
    assert (counts.broken[STAY] or 0) > 0.9 * N and (counts.broken[TOTAL] or 0) > 0.9 * N


def typed(table: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return a table with its columns in the dtypes that generated rows have."""
    from tabvae_ray.table.column_values import column_numbers, restored

    columns = {c.name: restored(column_numbers(table[c.name], c), c) for c in spec.columns}
    return pd.DataFrame(columns)


@pytest.mark.parametrize("missing", ["total", "wait", "left"])
def test_missing_values_stay_and_break_nothing(missing: str) -> None:
    table = calls(N, "m8[us]")
    table.loc[np.random.default_rng(0).random(N) < 0.2, missing] = pd.NaT
    spec = TableSpec.infer(table)
    assert {STAY, TOTAL} <= {str(rule) for rule in spec.rules}
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    pd.testing.assert_frame_equal(keeper.apply(table, np.random.default_rng(1)), table)


def test_a_sum_of_those_present_is_one_of_durations_too() -> None:
    table = calls(N, "m8[us]").drop(columns=["came", "left"])
    gone = np.random.default_rng(0).random(N) < 0.3
    table["total"] = table["total"].mask(gone, table["stay"])
    table.loc[gone, "wait"] = pd.NaT
    rules = {str(rule) for rule in TableSpec.infer(table).rules}
    assert f"{TOTAL}, of those present" in rules


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_the_time_between_times_with_microseconds_is_found_and_kept(zone: str | None) -> None:
    rng = np.random.default_rng(0)
    at = pd.to_timedelta(rng.integers(0, 10**13, N), unit="us").astype("m8[us]")
    start = pd.Timestamp("2024-03-01", tz=zone).as_unit("us")
    came = pd.Series([start] * N) + at
    stay = pd.to_timedelta(rng.integers(1, 10**10, N), unit="us").astype("m8[us]")
    table = pd.DataFrame({"came": came, "stay": stay, "left": came + stay})
    spec = TableSpec.infer(table)
    assert STAY in [str(rule) for rule in spec.rules]
    mixed = {name: table[name].iloc[rng.permutation(N)].array for name in table}
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    kept = keeper.apply(pd.DataFrame(mixed), rng)
    # Seconds since 1970 are exact to a quarter of a microsecond.
    apart = (kept["left"] - kept["came"] - kept["stay"]).abs()
    assert apart.max() <= pd.Timedelta("1us")


def test_they_are_declared_by_their_sentences_and_held_against_the_rows() -> None:
    table = calls(N, "text")

    def infer(table: pd.DataFrame, *sentences: str) -> TableSpec:
        rules = {"rules": {"add": list(sentences), "find": False}}
        return TableSpec.infer(table, declared=SpecDeclaration.from_mapping(rules))

    longer = "wait = total - stay"
    assert [str(rule) for rule in infer(table, STAY, longer).rules] == [STAY, longer]
    with pytest.raises(DataError, match=r"'stay' is a duration: say 'stay = seconds from came to"):
        infer(table, "stay = minutes from came to left")
    with pytest.raises(DataError, match="'left' must be a number, but is datetime"):
        infer(table, "left = came + stay")
    with pytest.raises(DataError, match="'total' must be a number, but is datetime"):
        infer(table, "total = stay * wait")
    with pytest.raises(DataError, match="does not hold in row 0"):
        infer(table.assign(total=table["total"].iloc[::-1].to_numpy()), TOTAL)


def test_times_of_day_are_not_added_up() -> None:
    rng = np.random.default_rng(0)
    quarters = rng.integers(28, 44, (N, 3))
    opens = {f"opens_{i}": quarters[:, i] for i in range(3)}
    closes = {f"closes_{i}": quarters[:, i] + rng.integers(16, 40, N) for i in range(3)}
    # As long on both days; a sum of three times that says nothing.
    closes["closes_1"] = opens["opens_1"] + closes["closes_0"] - opens["opens_0"]
    both = {**opens, **closes, "again": opens["opens_2"], "an_hour_later": opens["opens_2"] + 4}
    table = pd.DataFrame(
        {name: [time(v // 4, v % 4 * 15) for v in values] for name, values in both.items()}
    ).assign(price=rng.normal(50, 10, N).round(2), minutes=15 * rng.integers(28, 44, N))
    found = find_rules(table, TableSpec.infer(table).columns)
    assert not [str(rule) for rule in found if isinstance(rule, Duration | Linear)]
    assert "an_hour_later" in {rule.column for rule in found}


def test_a_duration_is_the_difference_of_times_of_day() -> None:
    rng = np.random.default_rng(0)
    opens, lasts = rng.integers(300, 600, N), rng.integers(60, 700, N)
    table = pd.DataFrame(
        {
            "opens": pd.array(
                [time(v // 60, v % 60) for v in opens], pd.ArrowDtype(pa.time64("us"))
            ),
            "lasts": pd.to_timedelta(lasts, unit="min"),
            "closes": [time(v // 60, v % 60) for v in opens + lasts],
            "locked": [time(v // 60, v % 60) for v in opens + lasts + 5],
        }
    )
    assert "closes = opens + lasts" in [str(rule) for rule in TableSpec.infer(table).rules]


def test_computed_durations_stay_on_the_grid_of_their_column() -> None:
    rng = np.random.default_rng(0)
    came, stay = (pd.to_timedelta(rng.integers(1, 10**10, N), unit="ms") for _ in range(2))
    table = pd.DataFrame({"came": pd.Timestamp("2024-03-01") + came, "stay": stay})
    table["left"] = table["came"] + table["stay"]
    table["copy"] = table["left"]
    table = table.astype({"came": "M8[ns]", "left": "M8[ns]", "copy": "M8[ns]", "stay": "m8[ns]"})
    # What computes the end leaves the duration to be computed.
    rules = {"rules": {"add": ["left = copy", STAY], "find": False}}
    spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping(rules))
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    mixed = {name: table[name].iloc[rng.permutation(N)].array for name in table}
    kept = keeper.apply(pd.DataFrame(mixed), rng)
    assert (kept["stay"] == kept["left"] - kept["came"]).all() and kept["stay"].nunique() > 1_000


def test_a_duration_may_be_a_copy_of_its_seconds() -> None:
    table = calls(N, "m8[us]")[["stay"]].assign(stay_s=lambda t: t["stay"].dt.total_seconds())
    for sentence in ("stay = stay_s", "stay_s = stay"):
        declared = SpecDeclaration.from_mapping({"rules": {"find": False, "add": [sentence]}})
        spec = TableSpec.infer(table, declared=declared)
        assert [str(rule) for rule in spec.rules] == [sentence]


def test_no_time_of_day_is_made_up_beyond_midnight() -> None:
    rng = np.random.default_rng(0)
    opens, lasts = rng.integers(0, 700, N), rng.integers(1, 700, N)
    minutes = {"opens": opens, "lasts": lasts, "closes": opens + lasts}
    table = pd.DataFrame(
        {name: [time(m // 60, m % 60) for m in values] for name, values in minutes.items()}
    )
    spec = TableSpec.infer(table)
    assert "closes = opens + lasts" in map(str, spec.rules)
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    late = typed(table, spec)
    late.loc[:9, ["opens", "lasts"]] = time(20, 0)
    kept = keeper.apply(late, rng)
    assert not (kept["closes"].astype(str) > "23:59:00").any()
