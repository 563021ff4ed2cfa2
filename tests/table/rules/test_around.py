"""Times of day plus minutes, sums modulo a period, dates of date-times, and other units."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

RNG = np.random.default_rng(0)
N = 2_000


def hhmm(minutes: np.ndarray, midnight: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    times = minutes % 1440 // 60 * 100 + minutes % 60
    return np.where(times == 0, midnight, times)


def trains() -> pd.DataFrame:
    starts, minutes = RNG.integers(0, 1440, N), RNG.integers(-30, 700, N)
    starts[:5], minutes[:5] = 1430, 10
    return pd.DataFrame(
        {"starts": hhmm(starts), "minutes": minutes, "ends": hhmm(starts + minutes, 2400)}
    )


def shifts() -> pd.DataFrame:
    starts, hours = RNG.integers(0, 24, (2, N))
    return pd.DataFrame({"starts": starts, "hours": hours, "ends": (starts + hours) % 24})


def courses() -> pd.DataFrame:
    before, after = RNG.integers(0, 360, (2, N))
    turn = (after - before + 180) % 360 - 180
    return pd.DataFrame({"turn": turn, "before": before, "after": after})


def visits(zone: str | None) -> pd.DataFrame:
    passed = pd.to_timedelta(RNG.integers(0, 500_000, N), unit="min")
    came = pd.Series(pd.Timestamp("2023-01-01", tz=zone) + passed)
    return pd.DataFrame({"came": came, "day": came.dt.normalize()})


def ways() -> pd.DataFrame:
    miles = RNG.integers(1, 3_000, N)
    return pd.DataFrame({"miles": miles, "kilometres": np.round(1.609344 * miles, 2)})


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (trains(), "ends = starts + minutes minutes, as hhmm (midnight = 2400)"),
        (shifts(), "ends = starts + hours, modulo 24"),
        (courses(), "after = turn + before, modulo 360"),
        (visits(None), "day = date of came"),
        (visits("Europe/Berlin"), "day = date of came"),
        (ways(), "kilometres = 1.609344 * miles"),
    ],
)
def test_a_rule_is_found_read_and_kept(table: pd.DataFrame, sentence: str) -> None:
    spec = TableSpec.infer(table)
    (rule,) = spec.rules
    assert str(rule) == sentence
    assert parse_rule(sentence, spec.names) == rule
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    mixed = {name: table[name].iloc[RNG.permutation(N)].array for name in table}
    kept = keeper.apply(pd.DataFrame(mixed), np.random.default_rng(1))
    assert kept.dtypes.equals(table.dtypes)
    assert not rule.broken(TableView(kept, spec.columns)).any()
    pd.testing.assert_frame_equal(keeper.apply(table, np.random.default_rng(1)), table)


def test_a_turn_to_either_side_begins_again_at_half_a_circle() -> None:
    table = courses()
    rule = parse_rule("turn = after - before, modulo 360 from -180", list(table))
    assert rule is not None
    assert not rule.broken(TableView(table, TableSpec.infer(table).columns)).any()
