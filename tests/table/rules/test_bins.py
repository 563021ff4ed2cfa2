"""Categories that are ranges of a number or of a part of a date-time."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.published.spec import published_spec
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.bins import Bins
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec


def people(n: int = 1_500) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age, income = rng.integers(0, 96, n), np.round(rng.lognormal(10, 1, n), 2)
    seen = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 900_000, n), unit="min")
    groups = pd.cut(age, [-1, 17, 64, 200], labels=["young, small", "adult", "old"])
    return pd.DataFrame(
        {
            "age": age,
            "age_group": groups.astype(str),
            "adult": age >= 18,
            "income": income,
            "rich": (income > 50_000).astype(int),
            "seen": seen,
            "weekend": np.where(seen.day_of_week >= 5, "yes", "no"),
            "shift": pd.cut(seen.hour, [-1, 5, 21, 23], labels=["a", "b", "c"]).astype(str),
            "kind": rng.choice(["x", "y", "z"], n),
        }
    )


SENTENCES = {
    "age_group is young, small where age < 18, adult where < 65, else old",
    "adult is False where age < 18, else True",
    "rich is 0 where income < 50000, else 1",
    "weekend is no where weekday (Monday = 0) of seen < 5, else yes",
    "shift is a where hour of seen < 6, b where < 22, else c",
}


def test_flags_and_groups_are_found_with_simple_limits() -> None:
    table = people()
    columns = TableSpec.infer(table).columns
    found = find_rules(table, columns)
    assert {str(rule) for rule in found} == SENTENCES
    names = [column.name for column in columns]
    categories = {column.name: column.categories for column in columns}
    assert [parse_rule(str(rule), names, categories) for rule in found] == found


def test_values_that_the_table_has_not_are_in_the_right_range() -> None:
    table, rng = people(), np.random.default_rng(1)
    columns = TableSpec.infer(table).columns
    rules = find_rules(table, columns)
    rows = table.apply(lambda column: rng.permutation(column))
    rows["income"] = np.round(rng.lognormal(10, 1, len(rows)), 2)
    kept = RuleKeeper.fit(rules, columns, table).apply(rows, rng)
    assert (kept["rich"] == (kept["income"] >= 50_000)).all()
    assert (kept["adult"] == (kept["age"] >= 18)).all()
    counts = count_rules(rules, columns, table, kept)
    assert set(counts.broken.values()) == {0}
    assert count_rules(rules, columns, table, rows).broken[str(rules[0])]


def test_a_few_exceptions_leave_a_flag_and_noise_makes_none() -> None:
    table, rng = people()[["income", "rich"]], np.random.default_rng(0)
    some = rng.permutation(len(table))[:8]
    table.loc[some, "rich"] = 1 - table.loc[some, "rich"]
    columns = TableSpec.infer(table).columns
    (rule,) = find_rules(table, columns)
    assert isinstance(rule, Bins) and rule.exceptions == pytest.approx(8 / len(table))
    noisy = table.assign(rich=(table["income"] * rng.lognormal(0, 0.1, len(table)) > 50_000) * 1)
    assert find_rules(noisy, columns) == []


def test_missing_numbers_say_nothing_of_the_category() -> None:
    table = people()[["income", "rich"]]
    table.loc[:99, "income"] = np.nan
    columns = TableSpec.infer(table).columns
    (rule,) = find_rules(table, columns)
    assert not rule.broken(TableView(table.assign(rich=1), columns))[:100].any()


def test_limits_of_categories_that_too_few_rows_have_are_not_published() -> None:
    table = people()
    columns = TableSpec.infer(table).columns
    spec = TableSpec(columns=columns, rules=tuple(find_rules(table, columns)))
    few = int((table["age_group"] == "young, small").sum())
    crowd = Crowd.of(table, None, few + 1)
    left = {str(rule) for rule in published_spec(spec, table, crowd).rules}
    assert not any(text.startswith("age_group") for text in left)
    assert any(text.startswith("weekend") for text in left)
