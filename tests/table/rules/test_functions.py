"""Numbers that are a function of one other, and what else computes a number in real tables."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 1_200
Make = Callable[[pd.DataFrame], "pd.Series | np.ndarray[tuple[int], np.dtype[np.float64]]"]


def base() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "area": rng.lognormal(4, 1, N).round(2),
            "change": rng.integers(-90, 90, N),
            "height": rng.normal(1.7, 0.1, N).round(2),
            "weight": rng.normal(75, 12, N).round(1),
            "people": rng.integers(0, 10**5, N),
        }
    )


def found(table: pd.DataFrame) -> set[str]:
    columns = TableSpec.infer(table).columns
    rules = find_rules(table, columns)
    assert [parse_rule(str(rule), list(table)) for rule in rules] == rules
    return {str(rule) for rule in rules if rule.column == "made"}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda t: np.log(t.area), "made = natural logarithm of area"),
        (lambda t: np.log1p(t.people), "made = natural logarithm of 1 + people"),
        (lambda t: np.log10(t.area).round(4), "made = logarithm to base 10 of area"),
        (lambda t: np.sqrt(t.area).round(3), "made = square root of area"),
        (lambda t: t.change**2, "made = square of change"),
        (lambda t: t.change.abs(), "made = absolute value of change"),
        (lambda t: np.floor(t.weight).astype(int), "made = whole number below weight"),
        (lambda t: np.ceil(t.weight).astype(int), "made = whole number above weight"),
        (lambda t: (t.weight / t.height**2).round(1), "made = weight / height^2"),
        (lambda t: t.change.clip(upper=60), "made = smallest of change, 60"),
    ],
)
def test_they_are_found_read_and_kept_for_values_that_the_table_has_not(
    make: Make, sentence: str
) -> None:
    table, rng = base(), np.random.default_rng(1)
    assert found(table.assign(made=rng.permutation(make(table)))) == set()
    table["made"] = make(table)
    assert found(table) == {sentence}
    columns = TableSpec.infer(table).columns
    rows = table.apply(lambda column: rng.permutation(column))
    rows["area"], rows["weight"] = rows["area"] + 0.01, rows["weight"] + 0.1
    kept = RuleKeeper.fit(find_rules(table, columns), columns, table).apply(rows, rng)
    expected = np.asarray(make(kept), dtype=float)
    assert np.abs(kept["made"] - expected).max() < 1e-6 + 0.5 * 10.0 ** -(columns[-1].decimals or 9)


def test_rounding_is_not_taken_for_a_sum_of_a_number_and_its_rounded_self() -> None:
    table = pd.DataFrame({"raw": np.random.default_rng(0).normal(50, 20, N).round(3)})
    table["one"], table["none"] = table["raw"].round(1), table["raw"].round(0).astype(int)
    rules = find_rules(table, TableSpec.infer(table).columns)
    assert {str(rule) for rule in rules} == {"one = raw", "none = raw"}


def test_a_number_that_is_another_one_where_it_is_present_is_no_remainder() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"final": rng.lognormal(3, 1, N).round(2)})
    table["special"] = table["final"].where((rng.random(N) < 0.3) & (table["final"] < 240))
    rules = map(str, find_rules(table, TableSpec.infer(table).columns))
    assert not any("remainder" in rule for rule in rules)


def test_a_sum_makes_room_for_the_product_of_the_same_column() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "price": rng.choice([9.99, 19.99, 49.5, 99.0, 12.25], N),
            "pieces": rng.integers(1, 12, N),
            "off": rng.choice([0, 10, 20, 30], N),
        }
    )
    table["sales"] = (table["price"] * table["pieces"] * (1 - table["off"] / 100)).round(2)
    table["cost"] = (table["sales"] * rng.uniform(0.4, 1.2, N)).round(2)
    table["profit"] = (table["sales"] - table["cost"]).round(2)
    rules = set(map(str, find_rules(table, TableSpec.infer(table).columns)))
    assert rules >= {"sales = price * pieces * (1 - 0.01 * off)", "profit = sales - cost"}


def test_a_total_of_which_one_part_is_always_0_is_a_sum() -> None:
    rng = np.random.default_rng(0)
    total, paid = rng.lognormal(4, 1, N).round(2), rng.random(N) < 0.7
    table = pd.DataFrame({"total": total, "paid": np.where(paid, total, 0)})
    table["due"] = (table["total"] - table["paid"]).round(2)
    table["settled"] = table["due"] == 0
    rules = set(map(str, find_rules(table, TableSpec.infer(table).columns)))
    assert rules >= {"total = paid + due", "exactly one of paid, due is above 0"}
    assert "settled is False where paid <= 0, else True" in rules


def test_a_price_that_another_one_replaces_is_found_and_kept() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"usual": rng.lognormal(3, 1, N).round(2), "other": rng.normal(0, 1, N)})
    cut = (table["usual"] * rng.uniform(0.5, 0.9, N)).round(2)
    table["special"] = cut.where(rng.random(N) < 0.3)
    table["price"] = table["special"].fillna(table["usual"])
    columns = TableSpec.infer(table).columns
    rules = find_rules(table, columns)
    rule = next(rule for rule in rules if rule.column == "price")
    assert str(rule) == "price = first of special, usual, of those present"
    assert parse_rule(str(rule), list(table)) == rule
    rows = table.apply(lambda column: rng.permutation(column))
    kept = RuleKeeper.fit([rule], columns, table).apply(rows, rng)
    assert (kept["price"] == kept["special"].fillna(kept["usual"])).all()
    near = table.assign(price=table["special"].fillna(table["usual"] * rng.normal(1, 0.1, N)))
    rules = find_rules(near, TableSpec.infer(near).columns)
    assert not any(str(rule).startswith("price = first") for rule in rules)
