"""Drawn cells beside given ones: rules that can be kept are, and given cells stay."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabvae_ray.table.column_values import column_numbers, restored
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.given.keeper import GivenKeeper
from tabvae_ray.table.rules.given.placing import placed
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.spec import TableSpec
from tests.support.rules import table_with_rules
from tests.support.spans import calls

OTHERS = 600


def spec_of(table: pd.DataFrame, *sentences: str) -> TableSpec:
    rules = {"rules": {"add": list(sentences), "find": False}}
    return TableSpec.infer(table, declared=SpecDeclaration.from_mapping(rules))


def kept_beside(
    table: pd.DataFrame,
    spec: TableSpec,
    rows: pd.DataFrame,
    held: dict[str, np.ndarray],
    seed: int = 0,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return rows whose cells are drawn column by column, but for held ones, and what they break.

    What no network drew keeps no rule, so that all of them must be mended.
    """
    rng, n = np.random.default_rng(seed), len(rows)
    drawn = {
        name: table[name].iloc[rng.integers(0, len(table), n + OTHERS)].reset_index(drop=True)
        for name in table
    }
    masks = {}
    for name, mask in held.items():
        masks[name] = np.append(mask, np.zeros(OTHERS, dtype=bool))
        own = placed(rows[name], drawn[name].iloc[:n], mask, spec[name])
        drawn[name] = pd.concat([own, drawn[name].iloc[n:]], ignore_index=True)
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    made = GivenKeeper(keeper, spec.columns).keep(pd.DataFrame(drawn), masks, rng)
    broken = {str(rule): keeper.broken(rule, made)[:n] for rule in spec.rules}
    made = made.iloc[:n]
    for name, mask in held.items():
        pd.testing.assert_series_equal(made[name][mask], rows[name][mask], check_names=False)
    assert made.dtypes.equals(table.dtypes)
    return made, broken


def given_columns(rows: pd.DataFrame, *names: str) -> dict[str, np.ndarray]:
    return {name: np.ones(len(rows), dtype=bool) for name in names}


REAL, SENTENCES = table_with_rules(2_000)
SPEC = spec_of(REAL, *SENTENCES)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 0.9))
def test_results_follow_from_what_stands_in_the_row(seed: int, share: float) -> None:
    """Every cell is given or not by itself; a rule whose column is drawn can always be kept."""
    rng = np.random.default_rng(seed)
    rows = REAL.iloc[rng.integers(0, len(REAL), 80)].reset_index(drop=True)
    held = {name: rng.random(80) < share for name in REAL}
    _, broken = kept_beside(REAL, SPEC, rows, held, seed)
    for rule in SPEC.rules:
        free = ~held[rule.column]
        if str(rule) not in (
            "admitted < discharged",
            "days = whole days from admitted to discharged",
        ):
            assert not broken[str(rule)][free].any(), rule


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (("total", "casual"), "total = casual + registered"),
        (("total",), "total = casual + registered"),
        (("total", "amount", "quantity"), "amount = price * quantity"),
        (("fahrenheit",), "fahrenheit = 1.8 * celsius + 32"),
        (("time",), "time = 100 * hour + minute"),
        (("season",), "season is determined by month"),
        (("distance", "origin"), "distance is determined by origin and destination"),
        (("distance",), "distance is determined by origin and destination"),
        (("discharged", "days"), "days = whole days from admitted to discharged"),
        (("admitted", "discharged"), "days = whole days from admitted to discharged"),
        (("year",), "year = year of admitted"),
        (("highest",), "lowest <= highest"),
        (("lowest",), "lowest <= highest"),
        (("first_test",), "first_test is missing exactly where origin is A, B"),
        (("second_test",), "second_test is missing exactly where first_test is"),
    ],
)
def test_inputs_are_found_for_given_results(names: tuple[str, ...], rule: str) -> None:
    rows = REAL.head(300)
    made, broken = kept_beside(REAL, SPEC, rows, given_columns(rows, *names))
    assert not broken[rule].any(), (broken[rule].sum(), made[broken[rule]].head(3).T)
    for name in ("casual", "registered", "quantity", "admitted", "highest"):
        if name not in names:
            assert made[name].nunique() > 10
            assert made[name].between(REAL[name].min(), REAL[name].max()).mean() > 0.99


def test_chains_of_rules_are_followed_back() -> None:
    rng = np.random.default_rng(0)
    net, city = np.round(rng.lognormal(4, 1, 1_500), 2), rng.integers(0, 12, 1_500)
    came = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 10**6, 1_500), unit="min")
    spent = rng.integers(1, 5_000, 1_500)
    table = pd.DataFrame({"net": net, "tax": np.round(0.19 * net, 2)})
    table["gross"] = np.round(table["net"] + table["tax"], 2)
    table["size"] = np.where(table["gross"] < 40, "small", "large")
    table["city"] = [f"city {i}" for i in city]
    table["country"] = [f"country {i // 2}" for i in city]
    table["continent"] = [f"continent {i // 6}" for i in city]
    table = table.assign(came=came, left=came + pd.to_timedelta(spent, unit="min"), spent=spent)
    table["day"] = table["left"].dt.normalize()
    spec = spec_of(
        table,
        "tax = 0.19 * net",
        "gross = net + tax",
        "size is small where gross < 40, else large",
        "country is determined by city",
        "continent is determined by country",
        "spent = minutes from came to left",
        "day = date of left",
    )
    rows = table.head(200)
    for names in (
        ("gross", "continent", "day"),
        ("size", "country", "left"),
        ("tax", "gross", "day", "spent"),
        ("net", "city", "came"),
    ):
        made, broken = kept_beside(table, spec, rows, given_columns(rows, *names))
        assert not np.any(list(broken.values())), (names, {k: v.sum() for k, v in broken.items()})
        assert made["city"].nunique() > 6 and made["spent"].between(1, 5_000).all()


def test_groups_and_orders_are_never_broken_by_drawn_cells() -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 4, 1_200)
    table = pd.DataFrame({f"is_{i}": (colour == i).astype(int) for i in range(4)})
    for i, values in enumerate(rng.integers(1, 60, (1_200, 5)).cumsum(axis=1).T):
        table[f"q{i}"] = values
    orders = [f"q{i} < q{i + 1}" for i in range(4)]
    spec = spec_of(table, "exactly one of is_0, is_1, is_2, is_3 is above 0", *orders)
    for seed in range(5):
        held = {name: rng.random(150) < 0.4 for name in table}
        rows = table.iloc[rng.integers(0, 1_200, 150)].reset_index(drop=True)
        _, broken = kept_beside(table, spec, rows, held, seed)
        assert not np.any(list(broken.values()))


def test_orders_of_computed_columns_are_kept_by_what_they_follow_from() -> None:
    rng = np.random.default_rng(0)
    came = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 500, 1_200), unit="D")
    spent = rng.integers(1, 300, 1_200)
    table = pd.DataFrame({"came": came, "left": came + pd.to_timedelta(spent, unit="D")})
    table = table.assign(spent=spent, a=rng.integers(0, 50, 1_200), b=rng.integers(0, 50, 1_200))
    table["paid"] = table["left"] + pd.to_timedelta(rng.integers(0, 40, 1_200), unit="D")
    table["month"] = table["paid"].dt.to_period("M").dt.start_time
    table["low"], table["high"] = 2 * table["a"], 2 * table["a"] + table["b"]
    table = table[table["came"] <= table["month"]].reset_index(drop=True)
    spec = spec_of(
        table,
        "spent = days from came to left",
        "month = start of the month of paid",
        "low = 2 * a",
        "high = low + b",
        "left <= paid",
        "came <= month",
        "low <= high",
    )
    rows = table.head(200)
    for name in ("came", "paid", "month", "spent", "high", "a"):
        _, broken = kept_beside(table, spec, rows, given_columns(rows, name))
        # Rows are drawn anew where several rules meet in one drawn cell.
        shares = {rule: float(mask.mean()) for rule, mask in broken.items()}
        assert max(shares.values()) < 0.02, (name, shares)


def test_given_cells_that_contradict_each_other_stay_and_numbers_may_lie_beyond_ranges() -> None:
    rows = pd.DataFrame({"casual": [1, 9_000, 10_000], "registered": [2, 5, 0], "total": [9, 0, 0]})
    held = {name: np.array([True, True, True]) for name in ("casual", "registered")}
    held["total"] = np.array([True, False, False])
    made, broken = kept_beside(REAL, SPEC, rows, held)
    assert list(made["total"]) == [9, 9_005, 10_000]
    assert list(broken["total = casual + registered"]) == [True, False, False]
    rows = pd.DataFrame({"casual": [1], "total": [50_000]})
    made, _ = kept_beside(REAL, SPEC, rows, given_columns(rows, "casual", "total"))
    assert list(made["registered"]) == [49_999]


def test_exceptions_are_as_frequent_as_in_the_table_where_cells_are_computed() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.integers(0, 300, 4_000), "b": rng.integers(0, 300, 4_000)})
    table["total"] = table["a"] + table["b"]
    odd = rng.random(4_000) < 0.01
    table.loc[odd, "total"] += rng.integers(1, 90, odd.sum())
    spec = TableSpec.infer(table)
    (rule,) = spec.rules
    assert 0 < rule.exceptions < 0.015
    for names in (("a", "b"), ("a",), ("a", "total")):
        _, broken = kept_beside(table, spec, table, given_columns(table, *names))
        share = broken[str(rule)].mean()
        assert 0 < share < 0.05


@pytest.mark.parametrize("kind", ["m8[us]", "arrow", "time"])
def test_durations_are_kept_beside_given_cells(kind: str) -> None:
    table = calls(1_500, kind)
    table = table.assign(**{name: restored_values(table, name) for name in table})
    spec = spec_of(table, "stay = seconds from came to left", "total = stay + wait")
    rows = table.head(200)
    for names in (
        ("came", "left"),
        ("left",),
        ("stay",),
        ("total",),
        ("total", "stay"),
        ("total", "left"),
        # The ends say the one part of the sum, so that the other part is the rest.
        ("came", "left", "total"),
        ("wait", "came", "total"),
    ):
        made, broken = kept_beside(table, spec, rows, given_columns(rows, *names))
        assert not np.any(list(broken.values())), (names, {k: v.sum() for k, v in broken.items()})
        assert made["stay"].nunique() > 50


def restored_values(table: pd.DataFrame, name: str) -> pd.Series:
    """Return a column in the dtype that generated rows have."""
    column = TableSpec.infer(table[[name]])[name]
    return pd.Series(restored(column_numbers(table[name], column), column))
