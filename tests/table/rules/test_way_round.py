"""Which column of a relation is computed: one whose values the others can give."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray import TabularVAE, TabularVAEConfig
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.conditions import RowConditions
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 4_000


def found(table: pd.DataFrame) -> set[str]:
    return set(map(str, find_rules(table, TableSpec.infer(table).columns)))


def wages() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    base = rng.choice([2100, 2600, 3100, 3800], N)
    bonus = np.where(rng.random(N) < 0.3, 100 * rng.integers(1, 30, N), 0)
    extra = rng.lognormal(4, 1, N).round(2)
    gross = (base + bonus + extra).round(2)
    tax = (gross * rng.uniform(0.1, 0.3, N)).round(2)
    social = (0.2 * gross).round(2)
    table = pd.DataFrame({"base": base, "bonus": bonus, "extra": extra, "gross": gross})
    return table.assign(tax=tax, social=social, net=(gross - tax - social).round(2))


def test_a_column_of_hundreds_is_no_difference_of_amounts() -> None:
    rules = found(wages())
    assert {"net = gross - tax - social", "social = 0.2 * gross"} <= rules
    (gross,) = [rule for rule in rules if rule.startswith("gross = ")]
    assert set(gross.removeprefix("gross = ").split(" + ")) == {"base", "bonus", "extra"}


def test_a_discount_that_is_mostly_0_is_not_a_difference() -> None:
    rng = np.random.default_rng(1)
    net = rng.lognormal(5, 1, N).round(2)
    tax = (0.19 * net).round(2)
    gross = (net + tax).round(2)
    off = np.where(rng.random(N) < 0.3, (0.02 * gross).round(2), 0)
    table = pd.DataFrame({"net": net, "tax": tax, "gross": gross, "off": off})
    table["paid"] = (gross - off).round(2)
    assert {"gross = net + tax", "paid = gross - off"} <= found(table)


def test_pallets_and_what_is_left_are_divisions_of_a_sum() -> None:
    rng = np.random.default_rng(2)
    stock = rng.integers(0, 500, N)
    kept = (stock * rng.random(N)).astype(int)
    table = pd.DataFrame({"stock": stock, "kept": kept, "free": stock - kept})
    table["pallets"], table["loose"] = stock // 48, stock % 48
    assert found(table) == {
        "stock = kept + free",
        "pallets = stock divided by 48, rounded down",
        "loose = remainder of stock divided by 48",
    }


@pytest.mark.parametrize("divisor", [48, 2.5, 17, 12.5])
@pytest.mark.parametrize("exceptions", [0, 0.005])
def test_the_divisor_of_quotients_may_be_any_number(divisor: float, exceptions: float) -> None:
    rng = np.random.default_rng(3)
    of = rng.integers(0, 3_000, N)
    whole = (of // divisor).astype(int)
    whole[rng.random(N) < exceptions] += 3
    rules = found(pd.DataFrame({"of": of, "whole": whole}))
    assert f"whole = of divided by {divisor:g}, rounded down" in rules


def test_sums_of_the_same_columns_are_told_apart() -> None:
    rng = np.random.default_rng(4)
    home, away = rng.poisson(1.5, N), rng.poisson(1.2, N)
    home_half, away_half = rng.binomial(home, 0.5), rng.binomial(away, 0.5)
    table = pd.DataFrame({"home": home, "away": away, "h1": home_half, "a1": away_half})
    table["second"] = home + away - home_half - away_half
    table["apart"] = home - away
    rules = found(table)
    assert "apart = home - away" in rules
    assert "second = home + away - h1 - a1" in rules


def test_a_product_is_found_beside_two_differences() -> None:
    rng = np.random.default_rng(5)
    listed, percent = rng.lognormal(4, 1, N).round(2), rng.choice([0, 10, 20, 50], N)
    sold = (listed * (1 - percent / 100)).round(2)
    cost = (listed * rng.uniform(0.2, 0.9, N)).round(2)
    table = pd.DataFrame({"listed": listed, "percent": percent, "sold": sold, "cost": cost})
    table["saved"], table["margin"] = (listed - sold).round(2), (sold - cost).round(2)
    assert found(table) >= {
        "sold = listed * (1 - 0.01 * percent)",
        "saved = listed - sold",
        "margin = sold - cost",
    }


def test_a_number_that_a_category_says_has_no_factor() -> None:
    rng = np.random.default_rng(6)
    plan = pd.Series(rng.choice(["S", "M", "L"], N))
    table = pd.DataFrame({"plan": plan, "fee": plan.map({"S": 9.99, "M": 19.99, "L": 29.99})})
    table["gigabytes"] = plan.map({"S": 5, "M": 20, "L": 50})
    table["used"] = rng.gamma(2, 9, N).round(1)
    assert {"fee is determined by plan", "gigabytes is determined by plan"} <= found(table)


def test_a_condition_on_a_computed_column_holds_beyond_its_range_and_steps() -> None:
    rng = np.random.default_rng(7)
    table = pd.DataFrame({"a": rng.integers(0, 90, 800), "b": rng.integers(0, 90, 800)})
    table["c"] = 100 * rng.integers(0, 60, 800)
    spec = TableSpec.infer(table)
    (column,) = [column for column in spec.columns if column.name == "c"]
    assert (column.step, column.minimum) == (100, 0)
    vae = TabularVAE.build(spec, TabularVAEConfig().replace({"training.max_n_epochs": 1}))
    vae.fit(table)
    conditions = RowConditions.of({"c": (0, 100)}, vae.encoder)
    beyond = pd.DataFrame({"a": 0, "b": 0, "c": [-100, 0, 50, 100, 130, 7000]})
    assert conditions.hold(beyond).tolist() == [False, True, True, True, False, False]
    above = RowConditions.of({"c": (5000, None)}, vae.encoder)
    assert above.hold(beyond).tolist() == [False, False, False, False, False, True]


def test_a_third_reads_as_it_is_printed() -> None:
    rule = parse_rule("mean = 0.333333333333 * a + 0.666666666667 * b", ["mean", "a", "b"])
    assert rule is not None
    assert rule.model_dump()["terms"] == {"a": 1 / 3, "b": 2 / 3}


def test_missing_values_and_dependences_keep_their_rate_of_exceptions() -> None:
    rng = np.random.default_rng(8)
    n = 20_000
    region = pd.Series([f"r{i}" for i in rng.integers(0, 30, n)])
    manager = "m" + (region.str[1:].astype(int) % 7).astype(str)
    manager[rng.random(n) < 0.004] = "m9"
    closed = pd.Series(rng.choice(["yes", "no"], n))
    rating = pd.Series(rng.normal(0, 1, n)).where((closed == "yes") ^ (rng.random(n) < 0.004))
    table = pd.DataFrame({"region": region, "manager": manager, "closed": closed, "rating": rating})
    spec = TableSpec.infer(table)
    rules = {str(rule): rule for rule in spec.rules}
    assert set(rules) == {
        "manager is determined by region",
        "rating is missing exactly where closed is no",
    }
    for crowd in (None, Crowd.of(table, None, 5)):
        keeper = RuleKeeper.fit(spec.rules, spec.columns, table, crowd)
        rows = pd.DataFrame({name: table[name].iloc[rng.permutation(n)].array for name in table})
        kept = keeper.apply(rows, rng)
        for rule in rules.values():
            assert 0.002 < rule.broken(TableView(kept, spec.columns)).mean() < 0.006
