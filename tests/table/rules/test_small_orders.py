"""Orders between numbers of few values, those that formulas hide, and those that few rows break."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.finding.orders import find_orders
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.rule import Order
from tabvae_ray.table.spec import TableSpec

N = 2_000
NOTHING_FOUND = SpecDeclaration.from_mapping({"rules": {"find": False}})


def found(table: pd.DataFrame) -> set[str]:
    return set(map(str, find_rules(table, TableSpec.infer(table).columns)))


def goals(*, missing: bool) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    home = rng.poisson(1.5, N)
    half = rng.binomial(home, 0.5)
    table = pd.DataFrame({"home": home, "half": half, "noise": rng.poisson(1, N)})
    return table.astype("Int64").mask(rng.random((N, 3)) < 0.1) if missing else table


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("compact", [False, True])
def test_an_order_between_numbers_of_few_values_is_found_and_kept(
    missing: bool, compact: bool
) -> None:
    table = goals(missing=missing)
    columns = TableSpec.infer(table).columns
    assert [column.kind for column in columns] == ["categorical"] * 3
    rules = find_rules(table, columns)
    assert set(map(str, rules)) == {"half <= home"}
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({name: table[name].iloc[rng.permutation(N)].array for name in table})
    if compact:
        for column in columns:
            values = pd.CategoricalDtype(list(column.categories))
            rows[column.name] = rows[column.name].astype(values)
    assert rules[0].broken(TableView(rows, columns)).mean() > 0.1
    kept = RuleKeeper.fit(rules, columns, table).apply(rows, rng, compact=compact)
    assert not rules[0].broken(TableView(kept, columns)).any()
    assert kept.dtypes.equals(rows.dtypes)
    assert (kept.isna() == rows.isna()).all(axis=None)


@pytest.mark.parametrize(
    ("n", "loading", "most"), [(600, 0.9, 9), (1_000, 0.85, 5), (5_000, 0.85, 9)]
)
def test_numbers_of_few_values_that_are_merely_correlated_are_not_in_order(
    n: int, loading: float, most: int
) -> None:
    rng = np.random.default_rng(n)
    common = rng.normal(0, 1, n)
    answers = {
        f"q{i}": rng.uniform(0.3 * most, 0.8 * most)
        + most / 5 * (loading * common + np.sqrt(1 - loading**2) * rng.normal(0, 1, n))
        for i in range(30)
    }
    table = pd.DataFrame(answers).round().clip(1, most).astype(int)
    columns = TableSpec.infer(table, declared=NOTHING_FOUND).columns
    orders = find_orders(TableView(table, columns), np.random.default_rng(0), [])
    assert len(orders) <= 1


def test_an_order_between_correlated_numbers_of_few_values_may_have_an_exception() -> None:
    table = goals(missing=False)
    table.loc[0, ["home", "half"]] = [1, 3]
    assert found(table) == {"half <= home"}


@pytest.mark.parametrize("strict", [False, True])
def test_few_values_move_to_those_that_the_other_column_has(strict: bool) -> None:
    table = pd.DataFrame({"low": [0, 2, 4] * 40, "high": [1, 3, 5] * 40})
    columns = TableSpec.infer(table).columns
    rule = Order(column="low", upper="high", strict=strict)
    rows = pd.DataFrame({"low": [4, 4, 2, 0], "high": [1, 3, 1, 5]})
    kept = RuleKeeper.fit([rule], columns, table).apply(rows, np.random.default_rng(0))
    assert not rule.broken(TableView(kept, columns)).any()
    assert set(kept["low"]) <= {0, 2, 4}
    assert set(kept["high"]) <= {1, 3, 5}


def test_an_order_of_categories_out_of_order_is_refused() -> None:
    table = goals(missing=False)
    declared = {
        "columns": {"half": {"kind": "categorical", "categories": [3, 2, 1, 0, 4, 5, 6, 7]}},
        "rules": {"add": ["half <= home"], "find": False},
    }
    with pytest.raises(DataError, match="half <= home: 'half' must be a number, but is categor"):
        TableSpec.infer(table, declared=SpecDeclaration.from_mapping(declared))


def test_an_order_between_the_inputs_of_a_mean_is_found() -> None:
    rng = np.random.default_rng(2)
    systolic = rng.integers(95, 190, N)
    diastolic = systolic - rng.integers(15, 60, N)
    table = pd.DataFrame({"systolic": systolic, "diastolic": diastolic})
    table["mean"] = ((systolic + 2 * diastolic) / 3).round(1)
    rules = found(table)
    # The formula alone says nothing of the order, so that of the mean follows from both.
    assert "diastolic < systolic" in rules
    assert not any(" mean" in rule and "<" in rule for rule in rules)


def test_a_part_of_a_whole_is_not_said_to_be_smaller() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 300, (2, N))
    table = pd.DataFrame({"a": a, "b": b, "total": a + b})
    table["limit"] = table["total"] + rng.integers(0, 50, N)
    assert found(table) == {"total = a + b", "total <= limit"}


def test_the_date_of_a_start_is_not_said_to_be_before_the_end() -> None:
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 10**6, N), unit="min")
    end = start + pd.to_timedelta(rng.integers(1, 90_000, N), unit="min")
    table = pd.DataFrame({"start": start, "end": end, "day": start.normalize()})
    assert found(table) == {"start < end", "day = date of start"}


def test_counts_that_few_rows_could_break_are_in_order() -> None:
    rng = np.random.default_rng(4)
    shown = rng.integers(100, 50_000, 5_000)
    clicks = rng.binomial(shown, 0.02)
    assert found(pd.DataFrame({"shown": shown, "clicks": clicks})) == {"clicks < shown"}


def test_numbers_of_another_size_are_not_in_order() -> None:
    rng = np.random.default_rng(5)
    both = rng.normal(0, 1, (2, 5_000))
    height = (170 + 10 * both[0]).round(1)
    weight = (110 + 15 * (0.8 * both[0] + 0.6 * both[1])).round(1)
    assert ((weight > np.random.default_rng(0).permutation(height)).mean()) < 0.01
    assert found(pd.DataFrame({"height": height, "weight": weight})) <= {"weight <= height"}


def test_a_comparison_goes_in_no_circle_with_what_it_compares() -> None:
    rng = np.random.default_rng(6)
    kind = rng.choice(["debit", "credit"], N)
    amount = rng.lognormal(4, 1, N).round(2)
    table = pd.DataFrame({"kind": kind, "amount": amount})
    table["debit"] = np.where(kind == "debit", amount, 0)
    table["credit"] = np.where(kind == "credit", amount, 0)
    spec = TableSpec.infer(table)
    rules = set(map(str, spec.rules))
    assert any(" = " in rule and "amount" in rule for rule in rules)
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    rows = pd.DataFrame({name: rng.permutation(table[name]) for name in table})
    kept = keeper.apply(rows, rng)
    view = TableView(kept, spec.columns)
    assert not any(rule.broken(view).any() for rule in spec.rules)
