"""Categories that say which of two columns is the larger one."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.published.spec import published_spec
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.comparison import Comparison
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 1_500


def loans() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    due = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 900, N), unit="D")
    back = due + pd.to_timedelta(rng.integers(-20, 20, N), unit="D")
    table = pd.DataFrame({"due": due, "back": back.where(rng.random(N) < 0.9)})
    table["home"], table["away"] = rng.integers(0, 9, N), rng.integers(0, 9, N)
    table["budget"], table["spent"] = rng.normal(50, 9, N).round(2), rng.normal(45, 9, N).round(2)
    return table.assign(
        late=table["back"] > table["due"],
        result=np.select(
            [table["home"] > table["away"], table["home"] < table["away"]], ["home", "away"], "draw"
        ),
        over=np.where(table["spent"] > table["budget"], "yes", "no"),
        kind=rng.choice(["x", "y"], N),
    )


SENTENCES = {
    "late is True where due < back, else False, False where missing",
    "result is away where home < away, draw where home = away, else home",
    "over is yes where budget < spent, else no",
}


def comparisons(table: pd.DataFrame) -> list[Comparison]:
    rules = find_rules(table, TableSpec.infer(table).columns)
    return [rule for rule in rules if isinstance(rule, Comparison)]


def test_they_are_found_read_and_kept() -> None:
    table, rng = loans(), np.random.default_rng(1)
    spec = TableSpec.infer(table)
    found = [rule for rule in spec.rules if isinstance(rule, Comparison)]
    assert {str(rule) for rule in found} == SENTENCES
    categories = {column.name: column.categories for column in spec.columns}
    assert [parse_rule(str(rule), spec.names, categories) for rule in found] == found
    rows = table.apply(lambda column: rng.permutation(column))
    kept = RuleKeeper.fit(spec.rules, spec.columns, table).apply(rows, rng)
    assert (kept["late"] == (kept["back"] > kept["due"])).all()
    assert ((kept["over"] == "yes") == (kept["spent"] > kept["budget"])).all()
    apart = kept["home"] - kept["away"]
    assert (kept["result"] == np.select([apart > 0, apart < 0], ["home", "away"], "draw")).all()


def test_a_few_exceptions_are_told_and_noise_makes_none() -> None:
    table, rng = loans()[["budget", "spent", "over"]], np.random.default_rng(0)
    table.loc[:8, "over"] = table.loc[:8, "over"].map({"yes": "no", "no": "yes"})
    (rule,) = comparisons(table)
    assert rule.exceptions == pytest.approx(9 / N)
    near = table["spent"] + rng.normal(0, 2, N) > table["budget"]
    assert comparisons(table.assign(over=near)) == []
    # One of the two decides alone.
    assert comparisons(table.assign(over=table["spent"] > 45, budget=table["budget"] - 50)) == []


def test_a_label_that_too_few_rows_have_is_not_published() -> None:
    table = loans()
    table["result"] = table["result"].where(table.index % 50 == 0, np.where(
        table["home"] < table["away"], "away", "home"))  # fmt: skip
    table = table[(table["home"] != table["away"]) | (table["result"] == "draw")]
    columns = TableSpec.infer(table).columns
    spec = TableSpec(columns=columns, rules=tuple(comparisons(table)))
    few = int((table["result"] == "draw").sum())
    crowd = Crowd.of(table, None, few + 1)
    rules = published_spec(spec, table, crowd).rules
    rule = next(rule for rule in rules if rule.column == "result")
    assert isinstance(rule, Comparison) and rule.labels == ("away", None, "home")
    broken = rule.broken(TableView(table, columns))
    assert broken.sum() == few


def test_one_of_unlike_columns_is_an_error() -> None:
    declared = SpecDeclaration.from_mapping(
        {"rules": {"add": ["over is yes where due < spent, else no"]}}
    )
    with pytest.raises(DataError, match="'spent' must be a datetime"):
        TableSpec.infer(loans(), declared=declared)
