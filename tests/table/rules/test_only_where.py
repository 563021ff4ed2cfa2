"""Numbers that are above 0 only where another column allows it."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 2_000


def claims() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    insured, n_claims = rng.choice(["yes", "no"], N), rng.poisson(0.7, N)
    days, free = rng.integers(-20, 60, N), rng.random(N) < 0.1
    return pd.DataFrame(
        {
            "fee": np.where((insured == "yes") & ~free, rng.lognormal(3, 1, N).round(2), 0.0),
            "insured": insured,
            "paid": np.where(n_claims > 0, rng.integers(0, 5_000, N), 0),
            "claims": n_claims,
            "late": np.where(days >= 0, rng.integers(0, 400, N), -rng.integers(1, 9, N)),
            "days": days,
            "noise": rng.normal(0, 1, N).round(2),
        }
    )


SENTENCES = {
    "fee > 0 only where insured is yes",
    "paid > 0 only where claims > 0",
    "late >= 0 only where days >= 0",
}


def test_they_are_found_read_and_kept() -> None:
    table = claims()
    spec = TableSpec.infer(table)
    rules = [rule for rule in spec.rules if isinstance(rule, OnlyWhere)]
    assert SENTENCES <= set(map(str, rules))
    assert "noise" not in " ".join(map(str, spec.rules))
    categories = {column.name: column.categories for column in spec.columns}
    assert [parse_rule(str(rule), spec.names, categories) for rule in rules] == rules
    rng = np.random.default_rng(1)
    mixed = pd.DataFrame({name: table[name].iloc[rng.permutation(N)].array for name in table})
    assert count_rules(rules, spec.columns, table, mixed).score < 1
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    kept = keeper.apply(mixed, rng)
    assert kept.dtypes.equals(table.dtypes)
    assert not kept.loc[kept["insured"] == "no", "fee"].any()
    assert not kept.loc[kept["claims"] == 0, "paid"].any()
    assert (kept.loc[kept["days"] < 0, "late"] < 0).all()
    assert count_rules(rules, spec.columns, table, kept).score == 1
    pd.testing.assert_frame_equal(keeper.apply(table, rng), table)


def test_columns_that_are_merely_correlated_have_none() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, N).round(2)
    table = pd.DataFrame({"x": x, "y": (x + rng.uniform(0.5, 2, N)).round(2)})
    found = find_rules(table, TableSpec.infer(table).columns)
    assert not any(isinstance(rule, OnlyWhere) for rule in found)


def test_a_missing_value_is_not_above_0() -> None:
    rng = np.random.default_rng(0)
    kind = rng.choice(["car", "walk"], N)
    table = pd.DataFrame(
        {"fuel": np.where(kind == "car", rng.normal(7, 1, N).round(1), np.nan), "kind": kind}
    )
    found = find_rules(table, TableSpec.infer(table).columns)
    assert "fuel is missing exactly where kind is walk" in map(str, found)
    assert not any(isinstance(rule, OnlyWhere) for rule in found)


def test_one_that_a_row_breaks_is_an_error_that_shows_the_row() -> None:
    table = claims()
    table.loc[7, "fee"], table.loc[7, "insured"] = 3.5, "no"
    declared = SpecDeclaration.from_mapping(
        {"rules": {"add": ["fee > 0 only where insured is yes"], "find": False}}
    )
    with pytest.raises(DataError, match=r"does not hold in row 7 \(fee=3.5, insured=no\)"):
        TableSpec.infer(table, declared=declared)
    wrong = SpecDeclaration.from_mapping({"rules": {"add": ["insured > 0 only where fee > 0"]}})
    with pytest.raises(DataError, match="'insured' must be a number"):
        TableSpec.infer(table, declared=wrong)


def test_unreadable_columns_of_another_table_are_not_counted() -> None:
    table = claims()
    rule = OnlyWhere(column="paid", other="claims")
    columns = TableSpec.infer(table).columns
    assert not rule.broken(TableView(table, columns)).any()
    other = table.assign(claims="many")
    assert count_rules([rule], columns, table, other).broken == {str(rule): None}
