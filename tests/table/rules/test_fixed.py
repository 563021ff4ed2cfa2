"""Columns that always have one category where another column says so."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.published.spec import published_spec
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.fixed import Fixed
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 2_000


def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sex, work = rng.choice(["f", "m"], N), rng.choice(["full", "part", "no, never", "no"], N)
    age, none = rng.integers(0, 90, N), np.isin(work, ["no", "no, never"])
    return pd.DataFrame(
        {
            "sex": sex,
            "pregnant": np.where((sex == "f") & (rng.random(N) < 0.3), "yes", "no"),
            "work": work,
            "employer": np.where(none, "none", rng.choice(["x", "y", "z"], N)),
            "age": age,
            "licence": (age >= 18) & (rng.random(N) < 0.6),
            "tickets": np.where(age < 70, rng.choice(["day", "month"], N), "free"),
            "colour": rng.choice(["red", "blue"], N),
        }
    )


SENTENCES = {
    "sex is f where pregnant is yes",
    "employer is none exactly where work is no, no, never",
    "licence is False where age < 18",
    "tickets is free where age >= 70",
}


def fixed_rules(table: pd.DataFrame) -> list[Fixed]:
    rules = find_rules(table, TableSpec.infer(table).columns)
    return [rule for rule in rules if isinstance(rule, Fixed)]


def test_they_are_found_read_and_kept() -> None:
    table, rng = people(), np.random.default_rng(1)
    spec = TableSpec.infer(table)
    found = [rule for rule in spec.rules if isinstance(rule, Fixed)]
    assert {str(rule) for rule in found} == SENTENCES
    categories = {column.name: column.categories for column in spec.columns}
    assert [parse_rule(str(rule), spec.names, categories) for rule in found] == found
    mixed = table.apply(lambda column: rng.permutation(column))
    assert count_rules(found, spec.columns, table, mixed).score < 0.95
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    kept = keeper.apply(mixed, rng)
    assert not ((kept["sex"] == "m") & (kept["pregnant"] == "yes")).any()
    assert ((kept["employer"] == "none") == kept["work"].isin(["no", "no, never"])).all()
    assert not kept.loc[kept["age"] < 18, "licence"].any()
    assert (kept.loc[kept["age"] >= 70, "tickets"] == "free").all()
    assert kept.dtypes.equals(table.dtypes)
    assert count_rules(found, spec.columns, table, kept).score == 1
    pd.testing.assert_frame_equal(keeper.apply(table, rng), table)


def test_a_few_exceptions_stay_at_their_rate() -> None:
    table, rng = people()[["sex", "pregnant"]], np.random.default_rng(0)
    table.iloc[:5] = ["m", "yes"]
    columns = TableSpec.infer(table).columns
    (rule,) = fixed_rules(table)
    assert rule.exceptions == pytest.approx(5 / N)
    rows = pd.concat([table.apply(lambda c: rng.permutation(c))] * 20, ignore_index=True)
    kept = RuleKeeper.fit([rule], columns, table).apply(rows, rng)
    share = ((kept["sex"] == "m") & (kept["pregnant"] == "yes")).mean()
    assert 0.3 * rule.exceptions < share < 2 * rule.exceptions


def test_correlated_columns_and_few_rows_make_none() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, N)
    table = pd.DataFrame({"x": x.round(2), "high": x + rng.normal(0, 0.3, N) > 0})
    for name in "abc":
        table[name] = rng.choice(list("pqrst"), N, p=[0.9, 0.06, 0.03, 0.006, 0.004])
    assert fixed_rules(table) == []


def test_values_that_too_few_rows_have_are_not_published() -> None:
    table = people()
    columns = TableSpec.infer(table).columns
    spec = TableSpec(columns=columns, rules=tuple(fixed_rules(table)))
    few = int((table["pregnant"] == "yes").sum())
    left = set(map(str, published_spec(spec, table, Crowd.of(table, None, few + 1)).rules))
    assert "sex is f where pregnant is yes" not in left
    assert "employer is none exactly where work is no, no, never" in left


def test_one_that_a_row_breaks_is_an_error_that_shows_the_row() -> None:
    table = people()
    rule = "colour is red where sex is m"
    declared = SpecDeclaration.from_mapping({"rules": {"add": [rule], "find": False}})
    with pytest.raises(DataError, match=r"does not hold in row \d+ \(colour=blue, sex=m\)"):
        TableSpec.infer(table, declared=declared)
    wrong = SpecDeclaration.from_mapping({"rules": {"add": ["colour is red where sex < 5"]}})
    with pytest.raises(DataError, match="'sex' must be a number"):
        TableSpec.infer(table, declared=wrong)


def test_a_rare_flag_is_not_fixed_by_one_of_many_columns_of_noise() -> None:
    for seed in range(24, 32):
        rng = np.random.default_rng(seed)
        noise = {f"x{i}": rng.normal(size=60).round(2) for i in range(8)}
        flags = {f"f{i}": rng.choice(["no", "yes"], 60, p=[0.96, 0.04]) for i in range(5)}
        assert not TableSpec.infer(pd.DataFrame({**noise, **flags})).rules


def test_a_limit_beyond_which_too_few_rows_lie_is_not_published() -> None:
    # The label of 25 rows, so that it is a category whatever is published of the limit.
    ages = np.r_[np.tile(np.arange(20, 60), 10), [90, 92, 95]]
    retired = np.where((ages >= 90) | (np.arange(len(ages)) % 20 == 0), "yes", "no")
    table = pd.DataFrame({"age": ages, "retired": retired})
    rule = Fixed(column="retired", label="no", other="age", limit=90.0)
    spec = TableSpec.infer(table).model_copy(update={"rules": (rule,)})
    for min_rows, kept in ((3, True), (4, False)):
        found = published_spec(spec, table, Crowd.of(table, None, min_rows))
        assert bool(found.rules) is kept


@pytest.mark.parametrize(
    ("inside", "alike"),
    # So many rows at the end are the same, and these of the ones after them.
    [(20, [1] * 20), (60, [0, 0, 0, 0, 1] * 5 + [1] * 24)],
)
def test_the_ends_of_correlated_numbers_fix_no_category(inside: int, alike: list[int]) -> None:
    rest = 500 - inside - len(alike)
    other = np.array([*[0] * inside, *alike, *(i % 10 > 0 for i in range(rest))], dtype=bool)
    order = np.random.default_rng(0).permutation(500)
    table = pd.DataFrame(
        {"size": 1000.0 - 1.5 * np.arange(500), "rare": np.where(other, "no", "yes")}
    )
    rules = TableSpec.infer(table.iloc[order].reset_index(drop=True)).rules
    assert not [rule for rule in rules if isinstance(rule, Fixed)]


def test_numbers_of_two_values_fix_a_category() -> None:
    rng = np.random.default_rng(31)
    consent = (rng.random(2_000) < 0.9).astype(int)
    letter = np.where(consent == 1, rng.choice(["yes", "no"], 2_000), "no")
    table = pd.DataFrame({"consent": consent, "letter": letter, "x": rng.normal(0, 1, 2_000)})
    rules = find_rules(table, TableSpec.infer(table).columns)
    assert set(map(str, rules)) == {"letter is no where consent is 0"}
