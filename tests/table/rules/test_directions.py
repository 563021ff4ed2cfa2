"""Formulas that hold one way only, constants that rounding hides, and what is no rule."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.rule import Order
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 2_000
Made = dict[str, object]


def found(table: pd.DataFrame) -> set[str]:
    return set(map(str, find_rules(table, TableSpec.infer(table).columns)))


def invoices(rng: np.random.Generator) -> Made:
    net = np.round(rng.lognormal(4, 1, N), 2)
    tax = np.round(0.19 * net, 2)
    gross = np.round(net + tax, 2)
    return {"limit": gross + rng.integers(0, 900, N), "gross": gross, "tax": tax, "net": net}


def discounts(rng: np.random.Generator) -> Made:
    price, percent = np.round(rng.lognormal(4, 1, N), 2), rng.integers(1, 60, N)
    return {"off": np.round(price * percent / 100, 2), "percent": percent, "price": price}


def shares(rng: np.random.Generator) -> Made:
    won = rng.integers(0, 50, N)
    played = won + rng.integers(1, 50, N)
    return {"share": np.round(won / played, 3), "won": won, "played": played}


def rates(rng: np.random.Generator) -> Made:
    people = rng.integers(1_000, 10**6, N)
    cases = (people * rng.beta(1, 200, N)).astype(int)
    hundreds = np.round(1e5 * cases / people, 1)
    return {
        "cases": cases,
        "people": people,
        "rate": hundreds,
        "permille": np.round(1e3 * cases / people, 2),
    }


def units(rng: np.random.Generator) -> Made:
    km, degrees = np.round(rng.uniform(1, 500, N), 1), np.round(rng.normal(10, 9, N), 1)
    kg = np.round(rng.normal(80, 10, N), 1)
    return {
        "miles": np.round(km / 1.609344, 1),
        "km": km,
        "fahrenheit": np.round(1.8 * degrees + 32, 1),
        "celsius": degrees,
        "pounds": np.round(2.20462 * kg, 1),
        "kg": kg,
    }


def sums(rng: np.random.Generator) -> Made:
    a, b = rng.integers(0, 200, (2, N))
    x, y = np.round(rng.normal(0, 10, N), 1), np.round(rng.uniform(0, 5, N), 1)
    half = np.round(x / 2, 2)
    return {"y": y, "x": x, "z": np.round(half - 1.5 * y + 10, 2), "half": half, "a": a, "b": b}


def with_gaps(rng: np.random.Generator) -> Made:
    a, b, c = rng.integers(0, 300, (3, N))
    made = {"a": a, "b": b, "c": c, "score": 2 * a + 3 * b, "twice": 2 * c + 7}
    return {name: np.where(rng.random(N) < 0.4, np.nan, values) for name, values in made.items()}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (invoices, {"gross = tax + net", "tax = 0.19 * net", "gross <= limit"}),
        (discounts, {"off = 0.01 * percent * price", "off < price"}),
        (shares, {"share = won / played", "won < played"}),
        (rates, {"rate = 100000 * cases / people", "permille = 1000 * cases / people"}),
        (units, {"fahrenheit = 1.8 * celsius + 32", "pounds = 2.20462 * kg"}),
        (sums, {"half = 0.5 * x", "z = -1.5 * y + half + 10"}),
        (with_gaps, {"score = 2 * a + 3 * b", "twice = 2 * c + 7"}),
    ],
)
def test_of_equal_formulas_the_one_that_the_others_follow_from_is_found(
    make: Callable[[np.random.Generator], Made], expected: set[str]
) -> None:
    rules = found(pd.DataFrame(make(np.random.default_rng(0))))
    miles = {rule for rule in rules if rule.startswith("miles = 0.6213")}
    assert rules - miles - {"off < price", "cases < people"} == expected - {"off < price"}
    assert len(miles) == (make is units)


def test_a_share_keeps_its_last_digit_in_generated_rows() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(shares(rng))
    spec = TableSpec.infer(table)
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    mixed = {name: table[name].iloc[rng.permutation(N)].array for name in table}
    kept = keeper.apply(pd.DataFrame(mixed), rng)
    assert (kept["won"] < kept["played"]).all()
    np.testing.assert_allclose(kept["share"], kept["won"] / kept["played"], atol=0.0005 + 1e-9)


def test_a_product_with_a_constant_is_read_as_it_is_printed() -> None:
    rule = parse_rule("off = 0.01 * percent * price", ["off", "percent", "price"])
    assert rule is not None
    assert str(rule) == "off = 0.01 * percent * price"


def test_a_computed_column_determines_another_name_of_its_values() -> None:
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        np.random.default_rng(0).integers(0, 900, N), unit="D"
    )
    table = pd.DataFrame(
        {"name": day.day_name(), "number": day.day_of_week + 1, "half": day.day > 15, "day": day}
    )
    assert "name is determined by number" in found(table)


def test_rounding_and_chance_make_no_rules() -> None:
    rng = np.random.default_rng(1)
    year = rng.integers(1900, 2020, N)
    latitude = rng.normal(20, 20, N).round(1)
    table = pd.DataFrame(
        {
            "year": year,
            # Rounding hides the share: the year is no sum of both.
            "since": year - 1900,
            "share": rng.uniform(0, 0.3, N).round(3),
            # Merely correlated: few latitudes are above the lifetime.
            "latitude": latitude,
            "lifetime": (35 + 0.6 * latitude + rng.normal(0, 5, N)).round(1),
        }
    )
    assert 0 < (table["latitude"] > table["lifetime"]).mean() < 0.01
    assert found(table) == {"since = year - 1900"}


def test_a_remainder_of_few_values_is_chance() -> None:
    shop = np.random.default_rng(0).choice([1, 2, 3, 4, 7], N)
    table = pd.DataFrame({"shop": shop, "group": shop % 7, "other": np.arange(N) % 90})
    assert found(table) == {"group is determined by shop"}


def test_nearly_equal_columns_are_in_no_order() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 90, 3_000)
    second = np.where(rng.random(3_000) < 0.006, rng.integers(0, 90, 3_000), first)
    rules = find_rules(
        table := pd.DataFrame({"first": first, "second": second}), TableSpec.infer(table).columns
    )
    assert not any(isinstance(rule, Order) for rule in rules)


def test_the_free_end_of_an_order_follows_the_computed_one() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 900, (2, N))
    table = pd.DataFrame({"most": a + b + rng.integers(0, 200, N), "sum": a + b, "a": a, "b": b})
    table["last"] = table["most"] + rng.integers(1, 9, N)
    spec = TableSpec.infer(table)
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    mixed = {name: table[name].iloc[rng.permutation(N)].array for name in table}
    kept = keeper.apply(pd.DataFrame(mixed), rng)
    assert not any(rule.broken(TableView(kept, spec.columns)).any() for rule in spec.rules)
    assert {"sum <= most", "most < last"} <= set(map(str, spec.rules))
    # Rows are changed, not copied from others.
    assert kept.duplicated().mean() < 0.05


def test_a_sum_determines_nothing_together_with_another_column() -> None:
    rng = np.random.default_rng(0)
    a, b, week = rng.integers(0, 6, N), rng.integers(20, 30, N), rng.integers(0, 4, N)
    offers = rng.random((4, 60)) < 0.4
    table = pd.DataFrame({"a": a, "b": 2.5 * b, "week": week, "sum": a + 2.5 * b})
    table["offer"] = offers[week, (2 * table["sum"]).astype(int) % 60]
    # New sums and weeks have no known offer: their rows would be copies of others.
    assert found(table) == {"sum = a + b"}
