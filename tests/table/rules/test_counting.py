import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec
from tests.support.rules import table_with_rules

RULES = (
    "total = casual + registered",
    "season is determined by month",
    "admitted < discharged",
    "first_test is missing exactly where origin is A, B",
)


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return table_with_rules(600)[0]


def counts(real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, int | None]:
    spec = TableSpec.infer(real)
    rules = [parse_rule(text, spec.names) for text in RULES]
    found = count_rules([rule for rule in rules if rule], spec.columns, real, synthetic)
    assert set(found.real.values()) == {0}
    return found.broken


def test_a_table_breaks_none_of_its_own_rules(real: pd.DataFrame) -> None:
    assert counts(real, real) == dict.fromkeys(RULES, 0)


def test_each_broken_row_is_counted_and_the_worst_rule_comes_first(real: pd.DataFrame) -> None:
    made = real.copy()
    made.loc[:2, "total"] += 1
    made.loc[:9, "discharged"] = made["admitted"]
    made.loc[0, "season"] = "winter" if made.loc[0, "season"] != "winter" else "summer"
    expected = {RULES[2]: 10, RULES[0]: 3, RULES[1]: 1, RULES[3]: 0}
    found = counts(real, made)
    assert found == expected
    assert list(found) == list(expected)


def test_the_real_table_says_what_is_determined_not_the_majority_of_the_synthetic_rows(
    real: pd.DataFrame,
) -> None:
    made = real.assign(season="winter")
    wrong = int((~real["month"].isin([1, 2, 12])).sum())
    assert counts(real, made)[RULES[1]] == wrong


def test_values_that_the_real_table_does_not_have_must_agree_with_each_other(
    real: pd.DataFrame,
) -> None:
    made = real.head(4).assign(month=13, season=["winter", "winter", "spring", "winter"])
    assert counts(real, made)[RULES[1]] == 1


def test_a_rule_whose_columns_are_not_there_or_hold_something_else_cannot_be_checked(
    real: pd.DataFrame,
) -> None:
    made = real.drop(columns="casual").assign(admitted=["soon"] * len(real))
    found = counts(real, made)
    assert (found[RULES[0]], found[RULES[2]]) == (None, None)
    assert found[RULES[1]] == 0


def test_what_is_kept_is_the_share_of_rows_and_rules_that_can_be_checked() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 100, (2, 200))
    real = pd.DataFrame({"a": a, "b": b, "total": a + b})
    spec = TableSpec.infer(real)
    made = real.assign(total=np.where(np.arange(200) < 50, -1, real["total"]))
    assert count_rules(spec.rules, spec.columns, real, made).kept == pytest.approx(0.75)
    assert count_rules(spec.rules, spec.columns, real, made.drop(columns="a")).kept is None


def test_exceptions_count_only_where_they_are_more_frequent_than_in_the_real_table() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 100, (2, 1_000))
    real = pd.DataFrame({"a": a, "b": b, "total": a + b})
    real.loc[:4, "total"] = 500
    spec = TableSpec.infer(real)
    assert [str(rule) for rule in spec.rules] == ["total = a + b"]
    as_often = count_rules(spec.rules, spec.columns, real, real.sample(frac=1, random_state=0))
    assert as_often.score == 1
    worse = real.assign(total=np.where(np.arange(1_000) < 105, 500, a + b))
    found = count_rules(spec.rules, spec.columns, real, worse)
    assert found.score == pytest.approx((1 - 0.105) / (1 - 0.005))


def test_the_score_is_1_without_rules_and_0_where_none_can_be_checked(real: pd.DataFrame) -> None:
    spec = TableSpec.infer(real)
    assert count_rules((), spec.columns, real, real).score == 1
    made = real.drop(columns="casual")
    rule = [rule for rule in spec.rules if rule.column == "total"]
    assert count_rules(rule, spec.columns, real, made).score == 0
