"""Totals of three and more columns."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.formula import Linear
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.spec import TableSpec


def found(table: pd.DataFrame) -> dict[str, float]:
    columns = TableSpec.infer(table).columns
    return {
        str(rule): rule.exceptions
        for rule in find_rules(table, columns)
        if isinstance(rule, Linear)
    }


def invoices(n: int = 1_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    net, tax, post = (np.round(rng.lognormal(mean, 1, n), 2) for mean in (4, 2, 1))
    off = np.where(rng.random(n) < 0.04, np.round(rng.uniform(0, 5, n), 2), 0)
    total = np.round(net + tax + post - off, 2)
    return pd.DataFrame({"net": net, "tax": tax, "post": post, "off": off, "total": total})


def test_a_total_of_four_columns_is_found_even_if_a_part_is_mostly_zero() -> None:
    assert found(invoices()) == {"total = net + tax + post - off": 0.0}


def test_a_subtotal_takes_the_place_of_its_parts() -> None:
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 90, (800, 6))
    table = pd.DataFrame(parts, columns=list("abcdef"))
    table["whole"] = parts.sum(axis=1)
    table["first"] = parts[:, :3].sum(axis=1)
    assert found(table) == {"first = a + b + c": 0.0, "whole = d + e + f + first": 0.0}


def test_what_may_be_negative_is_computed_from_what_is_not() -> None:
    rng = np.random.default_rng(0)
    revenue, cost, tax = (np.round(rng.lognormal(5, 1, 800), 2) for _ in range(3))
    table = pd.DataFrame({"revenue": revenue, "cost": cost, "tax": tax})
    table["profit"] = np.round(revenue - cost - tax, 2)
    assert found(table) == {"profit = revenue - cost - tax": 0.0}


def test_exceptions_and_missing_cells_leave_a_total() -> None:
    table, rng = invoices(3_000), np.random.default_rng(1)
    for name in table:
        table.loc[rng.random(3_000) < 0.2, name] = np.nan
    assert found(table) == {"total = net + tax + post - off": 0.0}
    table = invoices(3_000)
    table.loc[rng.permutation(3_000)[:20], "total"] += 7
    assert found(table) == {"total = net + tax + post - off": pytest.approx(20 / 3_000)}


def test_totals_of_a_wide_table_are_found() -> None:
    rng = np.random.default_rng(0)
    values = pd.DataFrame(rng.integers(0, 1_000, (400, 120))).add_prefix("c")
    values["sum"] = values[[f"c{i}" for i in range(40, 60)]].sum(axis=1)
    (sentence,) = found(values)
    assert sentence == "sum = " + " + ".join(f"c{i}" for i in range(40, 60))


def test_one_column_of_a_one_hot_group_is_the_rest() -> None:
    rng = np.random.default_rng(0)
    which = rng.choice(4, 600, p=[0.6, 0.3, 0.08, 0.02])
    table = pd.DataFrame({f"is_{i}": (which == i).astype(int) for i in range(4)})
    table["noise"] = rng.normal(size=600)
    assert found(table) == {"is_3 = -is_0 - is_1 - is_2 + 1": 0.0}
    columns = TableSpec.infer(table).columns
    rules = find_rules(table, columns)
    shuffled = table.apply(lambda column: rng.permutation(column))
    kept = RuleKeeper.fit(rules, columns, table).apply(shuffled, rng)
    assert (kept[[f"is_{i}" for i in range(4)]].sum(axis=1) == 1).all()


def test_collinear_noise_makes_no_total() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0, 100, 900)
    table = pd.DataFrame({f"x{i}": np.round(base + rng.normal(0, 1, 900), 1) for i in range(8)})
    table["near"] = np.round(table["x0"] + table["x1"] - table["x2"] + rng.normal(0, 0.3, 900), 1)
    assert found(table) == {}


@pytest.mark.parametrize("exceptions", [0, 12])
def test_rounded_means_and_weighted_sums_of_many_columns_are_found(exceptions: int) -> None:
    rng = np.random.default_rng(0)
    marks = rng.integers(0, 101, (2_000, 4))
    table = pd.DataFrame(marks, columns=list("abcd"))
    table["mean"] = np.round(marks.mean(axis=1), 1)
    table["grade"] = np.round(marks @ [0.2, 0.2, 0.25, 0.35], 1)
    table["noise"] = np.round(rng.normal(0, 9, 2_000), 1)
    table.loc[:exceptions, "grade"] += 3 if exceptions else 0
    assert set(found(table)) == {
        "mean = 0.25 * a + 0.25 * b + 0.25 * c + 0.25 * d",
        "grade = 0.2 * a + 0.2 * b + 0.25 * c + 0.35 * d",
    }
