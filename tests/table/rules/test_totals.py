"""Totals of three and more columns."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.formula import Linear
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
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


def test_truth_values_are_counted() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.random(600) < 0.3 for name in ("mail", "post", "call", "sms")})
    table["ways"] = table.sum(axis=1)
    assert found(table) == {"ways = mail + post + call + sms": 0.0}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        ("sum", "made = a + b + c"),
        ("mean", "made = 0.333333333333 * a + 0.333333333333 * b + 0.333333333333 * c"),
        ("max", "made = largest of a, b, c"),
    ],
)
def test_what_leaves_out_missing_parts_is_computed_from_those_present(
    make: str, sentence: str
) -> None:
    rng = np.random.default_rng(0)
    parts = pd.DataFrame(np.round(rng.normal(50, 9, (900, 3)), 1), columns=list("abc"))
    parts = parts.mask(rng.random((900, 3)) < 0.2)
    table = parts.assign(made=getattr(parts, make)(axis=1).round(2))
    columns = TableSpec.infer(table).columns
    rule = next(rule for rule in find_rules(table, columns) if rule.column == "made")
    assert str(rule) == f"{sentence}, of those present"
    assert str(parse_rule(str(rule), list(table))) == str(rule)
    rows = table.apply(lambda column: rng.permutation(column))
    kept = RuleKeeper.fit([rule], columns, table).apply(rows, rng)
    wanted = getattr(kept[["a", "b", "c"]], make)(axis=1)
    known = kept["made"].notna() & wanted.notna()
    assert (abs(kept["made"] - wanted)[known] < 0.0051).all()
    # Where a missing part makes the sum missing, it is said as it was.
    strict = parts.assign(made=getattr(parts, make)(axis=1, skipna=False).round(2))
    assert sentence in map(str, find_rules(strict, TableSpec.infer(strict).columns))
