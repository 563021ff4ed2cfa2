"""Columns of which other columns say whether they have a value."""

import numpy as np
import pandas as pd

from tabvae_ray import TabularVAE
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.spec import TableSpec
from tests.support.tables import small_config

N = 3_000


def found(table: pd.DataFrame) -> set[str]:
    return set(map(str, find_rules(table, TableSpec.infer(table).columns)))


def houses() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    sold = rng.random(N) < 0.6
    price = rng.integers(90, 4_000, N) * 1_000
    paid = np.where(sold, np.round(price * rng.uniform(0.9, 1.05, N), -2), np.nan)
    table = pd.DataFrame({"status": np.where(sold, "sold", "active"), "price": price, "paid": paid})
    return table.assign(ratio=(100 * paid / price).round(1))


def test_a_status_says_which_numbers_are_missing_and_not_the_other_way_round() -> None:
    assert found(houses()) == {
        "ratio = 100 * paid / price",
        "paid is missing exactly where status is active",
        "ratio is missing exactly where paid is",
    }


def test_a_status_keeps_its_shares_beside_numbers_that_it_has() -> None:
    table = houses()
    spec = TableSpec.infer(table)
    model = TabularVAE.build(spec, small_config())
    model.fit(table)
    rows = model.generate(4_000, seed=1)
    assert abs((rows["status"] == "sold").mean() - 0.6) < 0.1
    assert (rows["paid"].isna() == (rows["status"] == "active")).all()


def test_a_kind_is_not_told_by_two_numbers_that_only_some_kinds_have() -> None:
    rng = np.random.default_rng(12)
    kind = rng.choice(["voice", "text", "data"], N)
    minutes = pd.Series(rng.integers(1, 40, N)).where(kind == "voice")
    megabytes = pd.Series(rng.integers(1, 90, N)).where(kind == "data")
    rules = found(pd.DataFrame({"kind": kind, "minutes": minutes, "megabytes": megabytes}))
    assert not any(rule.startswith("kind ") for rule in rules)
    assert "minutes is missing exactly where kind is data, text" in rules


def test_a_region_still_tells_its_country_if_only_one_country_has_regions() -> None:
    rng = np.random.default_rng(13)
    region = rng.choice(["CA", "NY", "TX", "BC", "ON", None], N)
    country = pd.Series(region).map({"CA": "us", "NY": "us", "TX": "us", "BC": "ca", "ON": "ca"})
    table = pd.DataFrame({"region": region, "country": country.fillna("fr")})
    assert "country is determined by region" in found(table)


def test_two_columns_tell_a_zone_although_one_zone_says_that_the_state_is_missing() -> None:
    rng = np.random.default_rng(15)
    state, kind = rng.integers(0, 12, N), rng.choice(["standard", "express", "air"], N)
    zones = rng.choice(["near", "middle", "far"], (10, 3))
    home = state < 10
    zone = np.where(home, zones[state % 10, pd.factorize(kind)[0]], "foreign")
    table = pd.DataFrame({"state": pd.Series([f"S{i}" for i in state]).where(home), "kind": kind})
    assert found(table.assign(zone=zone)) == {
        "zone is determined by state and kind",
        "state is missing exactly where zone is foreign",
    }


def test_a_region_and_a_city_still_tell_a_country_of_which_one_has_neither() -> None:
    rng = np.random.default_rng(16)
    region, city = rng.integers(0, 6, N), rng.integers(0, 5, N)
    countries = rng.choice(["us", "ca", "mx"], (6, 5))
    has = rng.random(N) < 0.8
    table = pd.DataFrame({"region": pd.Series([f"R{i}" for i in region]).where(has)})
    table["city"] = pd.Series([f"C{i}" for i in city]).where(has)
    table["country"] = np.where(has, countries[region, city], "monaco")
    assert "country is determined by region and city" in found(table)


def test_a_balance_is_computed_from_a_signed_amount_not_from_debits_that_some_rows_have() -> None:
    rng = np.random.default_rng(14)
    amount, opening = rng.normal(0, 300, N).round(2), rng.normal(900, 400, N).round(2)
    table = pd.DataFrame({"debit": pd.Series(-amount).where(amount < 0)})
    table["credit"] = pd.Series(amount).where(amount >= 0)
    table = table.assign(amount=amount, opening=opening, closing=(opening + amount).round(2))
    rules = found(table)
    assert {"debit = -amount", "credit = amount"} <= rules
    assert rules & {"closing = amount + opening", "closing = opening + amount"}
    spec = TableSpec.infer(table)
    drawn = table.assign(amount=rng.permutation(amount))
    kept = RuleKeeper.fit(spec.rules, spec.columns, table).apply(drawn, rng)
    # A credit that is drawn beside a negative amount is none.
    for name, sign in (("credit", 1), ("debit", -1)):
        has = kept[name].notna()
        assert has.any() and (kept.loc[has, name] == sign * kept.loc[has, "amount"]).all()
        assert (kept.loc[has, name] >= 0).all()


def with_gaps(values: pd.Series, seed: int) -> pd.Series:
    return values.mask(np.random.default_rng(seed).random(len(values)) < 0.2)


def test_a_product_is_not_divided_because_a_price_is_missing_in_some_rows() -> None:
    rng = np.random.default_rng(17)
    table = pd.DataFrame({"pieces": rng.integers(2, 9, N), "price": rng.uniform(1, 90, N).round(2)})
    table["amount"] = (table["pieces"] * table["price"]).round(2)
    table["price"] = with_gaps(table["price"], 18)
    assert found(table) == {"amount = pieces * price"}


def test_a_unit_is_not_turned_round_because_some_rows_lack_it() -> None:
    rng = np.random.default_rng(19)
    table = pd.DataFrame({"c": rng.uniform(-20, 40, N).round(1), "x": rng.normal(0, 1, N)})
    table["f"] = (1.8 * table["c"] + 32).round(2)
    table["c"] = with_gaps(table["c"], 20)
    assert found(table) == {"f = 1.8 * c + 32"}


def test_a_sum_is_not_solved_for_a_part_because_some_rows_lack_it() -> None:
    rng = np.random.default_rng(21)
    table = pd.DataFrame({"amount": rng.uniform(1, 700, N).round(2)})
    tax, discount = rng.uniform(0, 9, N).round(2), rng.uniform(0, 5, N).round(2)
    total = (table["amount"] + tax).round(2)
    table = table.assign(tax=with_gaps(pd.Series(tax), 22), total=total, discount=discount)
    rules = found(table.assign(net=(total - discount).round(2)))
    assert {"total = amount + tax", "net = total - discount"} <= rules


def test_a_balance_is_computed_from_credits_that_are_never_negative() -> None:
    rng = np.random.default_rng(23)
    is_credit, amount = rng.random(N) < 0.5, pd.Series(rng.integers(1, 500, N))
    before = rng.integers(1_000, 9_000, N)
    table = pd.DataFrame({"before": before, "credit": amount.where(is_credit)})
    table["debit"] = amount.mask(is_credit)
    table["after"] = before + amount.where(is_credit, -amount)
    assert "after = before + credit" in found(table)


def test_a_total_stays_a_sum_of_amount_and_tax_where_amounts_are_missing() -> None:
    rng = np.random.default_rng(25)
    table = pd.DataFrame({"pieces": rng.integers(2, 9, N), "price": rng.uniform(1, 90, N).round(2)})
    amount = (table["pieces"] * table["price"]).round(2)
    tax = (0.2 * amount).round(2)
    table = table.assign(amount=with_gaps(amount, 26), tax=tax, total=(amount + tax).round(2))
    assert "total = amount + tax" in found(table)
