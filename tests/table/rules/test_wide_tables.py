"""Rules of tables of hundreds of columns, whose pairs are tens of thousands."""

from unittest.mock import patch

import numpy as np
import pandas as pd

from tabvae_ray import TableSpec
from tabvae_ray.table.declaration import RulesDeclaration, SpecDeclaration
from tabvae_ray.table.rules.finding import evidence, formulas, orders
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.formula import Linear
from tabvae_ray.table.rules.rule import MissingTogether, Order, Rule

_N = 60


def _found(table: pd.DataFrame) -> list[Rule]:
    without = SpecDeclaration(rules=RulesDeclaration(find=False))
    return find_rules(table, TableSpec.infer(table, declared=without).columns)


def test_of_columns_in_a_row_only_neighbours_are_compared_with_all_rows() -> None:
    rng = np.random.default_rng(0)
    steps = rng.exponential(size=(200, _N)) + 0.01
    values = np.round(np.cumsum(steps, axis=1) + _N * rng.normal(size=(200, 1)), 3)
    table = pd.DataFrame(values, columns=[f"c{i}" for i in range(_N)])
    with patch.object(orders, "is_rule", side_effect=evidence.is_rule) as checked:
        rules = _found(table)
    expected = {(f"c{i}", f"c{i + 1}") for i in range(_N - 1)}
    assert {(rule.column, rule.upper) for rule in rules if isinstance(rule, Order)} == expected
    # There are 1,770 pairs.
    assert checked.call_count <= 2 * _N


def test_of_equal_columns_each_is_compared_with_the_first_one_only() -> None:
    values = np.round(np.random.default_rng(0).normal(size=200), 3)
    table = pd.DataFrame({f"c{i}": values for i in range(_N)})
    with patch.object(formulas, "is_rule", side_effect=evidence.is_rule) as checked:
        rules = _found(table)
    assert sorted(str(rule) for rule in rules) == sorted(f"c{i} = c0" for i in range(1, _N))
    assert all(isinstance(rule, Linear) for rule in rules)
    assert checked.call_count <= 2 * _N


def test_of_columns_missing_together_only_those_that_agree_are_looked_at() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, _N)), columns=[f"c{i}" for i in range(_N)])
    for i in range(_N):
        table.loc[rng.random(300) < 0.2, f"c{i}"] = np.nan
    table["last"] = rng.normal(size=300)
    table.loc[table["c7"].isna(), "last"] = np.nan
    table["group"] = np.where(table["c9"].isna(), "without", rng.choice(["a", "b"], 300))
    with patch.object(
        MissingTogether, "broken", autospec=True, side_effect=MissingTogether.broken
    ) as looked_at:
        rules = _found(table)
    assert {str(rule) for rule in rules if isinstance(rule, MissingTogether)} == {
        "last is missing exactly where c7 is",
        "c9 is missing exactly where group is without",
    }
    assert looked_at.call_count < 10
