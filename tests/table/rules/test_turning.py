"""Sums compute what is hard to draw, from columns that are easy to draw."""

import numpy as np
import pandas as pd

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.sums.turning import plainer_inputs
from tabvae_ray.table.rules.forms.formula import Linear
from tabvae_ray.table.spec import TableSpec


def sums(table: pd.DataFrame) -> dict[str, str]:
    rules = TableSpec.infer(table).rules
    return {rule.column: str(rule) for rule in rules if isinstance(rule, Linear)}


def sales(seed: int = 0) -> pd.DataFrame:
    """Make two products with few prices, and discounts that are 0 in most rows."""
    rng, n = np.random.default_rng(seed), 900
    prices = {name: rng.choice([169, 186, 199, 213], n) for name in "ab"}
    discounts = {name: rng.choice([0, 0, 0, 0, 10, 24, 37], n) for name in "ab"}
    paid = {name: prices[name] - discounts[name] for name in "ab"}
    return pd.DataFrame(
        {
            "paid_a": paid["a"] / 100,
            "paid_b": paid["b"] / 100,
            "difference": (paid["a"] - paid["b"]) / 100,
            "price_a": prices["a"] / 100,
            "price_b": prices["b"] / 100,
            "off_a": discounts["a"] / 100,
            "off_b": discounts["b"] / 100,
        }
    )


def test_prices_and_discounts_give_what_is_paid_in_whatever_order_they_stand() -> None:
    table = sales()
    expected = {
        "paid_a": "paid_a = price_a - off_a",
        "paid_b": "paid_b = price_b - off_b",
        "difference": "difference = paid_a - paid_b",
    }
    given = [str(name) for name in table]
    for names in (given, given[::-1], sorted(given)):
        assert sums(table[names]) == expected


def test_a_part_that_is_never_negative_is_no_difference_that_may_be() -> None:
    rng, n = np.random.default_rng(0), 600
    total = rng.choice([10, 20], n)
    part = rng.integers(0, total + 1)
    table = pd.DataFrame({"total": total, "part": part, "rest": total - part})
    found = sums(table)
    # Either part of the total has more values than it, but their difference may be below 0.
    assert found == {"total": "total = part + rest"}


def test_parts_of_a_total_stay_drawn() -> None:
    rng, n = np.random.default_rng(0), 600
    parts = {name: rng.poisson(40, n) for name in ("casual", "registered")}
    table = pd.DataFrame({"all": parts["casual"] + parts["registered"], **parts})
    assert sums(table) == {"all": "all = casual + registered"}


def test_no_sum_is_lost_where_two_are_turned_before_another() -> None:
    other = sales(seed=1)[["price_a", "off_a", "paid_a"]]
    table = sales().join(other.set_axis(["price_c", "off_c", "paid_c"], axis=1))
    formulas = [
        Linear(column="off_a", terms={"price_a": 1, "paid_a": -1}),
        Linear(column="off_c", terms={"price_c": 1, "paid_c": -1}),
        Linear(column="paid_a", terms={"difference": 1, "paid_b": 1}),
    ]
    view = TableView(table, TableSpec.infer(table).columns)
    turned = plainer_inputs(formulas, view, list(table), {}, np.random.default_rng(0))
    assert {str(rule) for rule in turned} == {
        "paid_a = price_a - off_a",
        "difference = paid_a - paid_b",
        "paid_c = price_c - off_c",
    }
