"""Products with a factor that a category says."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.published.spec import published_spec
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.several import Scaled
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 1_500
RATES = {"EUR": 1.0, "USD": 0.92, "GBP, old": 1.17}
GRAMS = {"g": 1, "kg": 1_000, "t": 1_000_000}


def sales() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "currency": rng.choice(list(RATES), N, p=[0.5, 0.45, 0.05]),
            "amount": rng.lognormal(4, 1, N).round(2),
            "unit": rng.choice(list(GRAMS), N),
            "mass": rng.integers(1, 500, N),
            "kind": rng.choice(["private", "firm", "club"], N),
            "price": rng.lognormal(5, 1, N).round(2),
            "noise": rng.normal(0, 1, N),
        }
    )
    return table.assign(
        euros=(table["amount"] * table["currency"].map(RATES)).round(2),
        grams=table["mass"] * table["unit"].map(GRAMS),
        rebate=np.where(table["kind"] == "private", 0, 0.1 * table["price"]).round(2),
    )


SENTENCES = {
    "euros = amount * (1 where currency is EUR, 1.17 where GBP, old, 0.92 where USD)",
    "grams = mass * (1 where unit is g, 1000 where kg, 1000000 where t)",
    "rebate = price * (0.1 where kind is club, 0.1 where firm, 0 where private)",
}


def scaled(table: pd.DataFrame) -> list[Scaled]:
    rules = find_rules(table, TableSpec.infer(table).columns)
    return [rule for rule in rules if isinstance(rule, Scaled)]


def test_they_are_found_read_and_kept() -> None:
    table, rng = sales(), np.random.default_rng(1)
    spec = TableSpec.infer(table)
    found = [rule for rule in spec.rules if isinstance(rule, Scaled)]
    assert {str(rule) for rule in found} == SENTENCES
    categories = {column.name: column.categories for column in spec.columns}
    assert [parse_rule(str(rule), spec.names, categories) for rule in found] == found
    rows = table.apply(lambda column: rng.permutation(column))
    assert count_rules(found, spec.columns, table, rows).score < 0.5
    kept = RuleKeeper.fit(spec.rules, spec.columns, table).apply(rows, rng)
    wanted = kept["amount"] * kept["currency"].map(RATES)
    assert (abs(kept["euros"] - wanted) < 0.0051).all()
    assert (kept["grams"] == kept["mass"] * kept["unit"].map(GRAMS)).all()
    assert count_rules(found, spec.columns, table, kept).score == 1


def test_a_factor_that_all_categories_share_or_that_varies_is_none() -> None:
    table, rng = sales(), np.random.default_rng(0)
    alone = table[["amount", "currency", "noise"]]
    assert scaled(alone.assign(gross=(1.19 * table["amount"]).round(2))) == []
    varied = table["euros"] * rng.normal(1, 0.01, N)
    assert scaled(alone.assign(euros=varied.round(2))) == []
    assert scaled(alone.assign(euros=rng.permutation(table["euros"]))) == []


def test_a_factor_of_a_category_that_too_few_rows_have_is_not_published() -> None:
    table = sales()
    columns = TableSpec.infer(table).columns
    spec = TableSpec(columns=columns, rules=tuple(scaled(table)))
    few = int((table["currency"] == "GBP, old").sum())
    rules = published_spec(spec, table, Crowd.of(table, None, few + 1)).rules
    rule = next(rule for rule in rules if rule.column == "euros")
    assert str(rule) == "euros = amount * (1 where currency is EUR, 0.92 where USD)"


def test_one_that_a_row_breaks_is_an_error_that_shows_the_row() -> None:
    table = sales()
    rule = "euros = amount * (1 where currency is EUR, 0.9 where USD)"
    declared = SpecDeclaration.from_mapping({"rules": {"add": [rule], "find": False}})
    with pytest.raises(DataError, match=r"does not hold in row \d+ \(euros=.*currency=USD\)"):
        TableSpec.infer(table, declared=declared)
