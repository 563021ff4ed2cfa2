"""Columns of which one at most, or exactly one, says something."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule, shortened
from tabvae_ray.table.spec import TableSpec

N = 1_200


def answers() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    colour, way = rng.choice(4, N, p=[0.6, 0.3, 0.08, 0.02]), rng.integers(0, 5, N)
    debit, paid_by = rng.random(N) < 0.4, rng.integers(0, 3, N)
    table = pd.DataFrame({f"is_{i}": (colour == i).astype(int) for i in range(4)})
    for i in range(1, 5):
        table[f"way_{i}"] = way == i
    amount = np.round(rng.lognormal(3, 1, N), 2)
    table["debit"], table["credit"] = np.where(debit, amount, 0), np.where(debit, 0, amount)
    for i, name in enumerate(("card", "cash", "coupon")):
        table[name] = np.where(paid_by == i, rng.integers(1, 500, N), np.nan)
    return table.assign(noise=rng.random(N) < 0.3, more=rng.choice([0, 1], N))


SENTENCES = {
    "exactly one of is_0, is_1, is_2, is_3 is above 0",
    "at most one of way_1, way_2, way_3, way_4 is true",
    "exactly one of debit, credit is above 0",
    "exactly one of card, cash, coupon has a value",
}


def test_they_are_found_read_and_kept() -> None:
    table, rng = answers(), np.random.default_rng(1)
    spec = TableSpec.infer(table)
    assert {str(rule) for rule in spec.rules} == SENTENCES
    assert [parse_rule(str(rule), spec.names) for rule in spec.rules] == list(spec.rules)
    mixed = table.apply(lambda column: rng.permutation(column))
    assert count_rules(spec.rules, spec.columns, table, mixed).score < 0.9
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    for rows in (mixed, mixed.iloc[:1]):
        kept = keeper.apply(rows, rng)
        assert set(kept.filter(like="is_").sum(axis=1)) == {1}
        assert kept.filter(like="way_").sum(axis=1).max() <= 1
        assert kept.dtypes.equals(table.dtypes)
    assert ((mixed["debit"] > 0) == (mixed["credit"] == 0)).mean() < 0.9
    kept = keeper.apply(mixed, rng)
    assert ((kept["debit"] > 0) == (kept["credit"] == 0)).all()
    assert (kept[["card", "cash", "coupon"]].notna().sum(axis=1) == 1).all()
    pd.testing.assert_frame_equal(keeper.apply(table, rng), table)


def test_groups_side_by_side_are_told_apart_and_rare_members_belong_to_theirs() -> None:
    rng = np.random.default_rng(0)
    zone = rng.choice(4, N, p=[0.5, 0.3, 0.195, 0.005])
    soil = np.where(zone == 0, rng.integers(0, 12, N), rng.integers(6, 18, N))
    table = pd.DataFrame({f"zone_{i}": (zone == i).astype(int) for i in range(4)})
    table = table.assign(**{f"soil_{i}": (soil == i).astype(int) for i in range(18)})
    assert {str(rule) for rule in find_rules(table, TableSpec.infer(table).columns)} >= {
        f"exactly one of {', '.join(f'zone_{i}' for i in range(4))} is above 0",
        f"exactly one of {', '.join(f'soil_{i}' for i in range(18))} is above 0",
    }


def test_a_few_exceptions_stay_at_their_rate() -> None:
    table, rng = answers()[["debit", "credit"]], np.random.default_rng(0)
    table.iloc[:6] = 5.0
    columns = TableSpec.infer(table).columns
    (rule,) = find_rules(table, columns)
    assert rule.exceptions == pytest.approx(6 / N)
    mixed = table.apply(lambda column: rng.permutation(column))
    rows = pd.concat([mixed] * 20, ignore_index=True)
    kept = RuleKeeper.fit([rule], columns, table).apply(rows, rng)
    share = ((kept["debit"] > 0) & (kept["credit"] > 0)).mean()
    assert 0.3 * rule.exceptions < share < 2 * rule.exceptions


@pytest.mark.parametrize("gap", [np.nan, 0.0])
@pytest.mark.parametrize("says", [False, True])
def test_a_few_rows_with_none_of_them_stay_few(gap: float, says: bool) -> None:
    """The balance at the start of a month is neither debit nor credit, and nothing is both."""
    table, rng = answers()[["debit", "credit"]], np.random.default_rng(0)
    table = table.where(table > 0, gap)
    kind = np.where(table["debit"] > 0, "out", "in")
    table.iloc[:6] = gap
    kind[:6] = "opening"
    if says:
        table["kind"] = kind
    columns = TableSpec.infer(table).columns
    state = "is above 0" if gap == 0 else "has a value"
    rules = find_rules(table, columns)
    pair = [rule for rule in rules if rule.kind == "exclusive"]
    assert [str(rule) for rule in pair] == [
        f"at most one of debit, credit {state}",
        f"exactly one of debit, credit {state}",
    ]
    assert [rule.exceptions for rule in pair] == [0, 6 / N]
    mixed = table.apply(lambda column: rng.permutation(column))
    rows = pd.concat([mixed] * 20, ignore_index=True)
    kept = RuleKeeper.fit(rules, columns, table).apply(rows, rng)
    n_given = (kept[["debit", "credit"]] > 0).sum(axis=1)
    assert n_given.max() == 1
    assert (mixed[["debit", "credit"]] > 0).sum(axis=1).eq(0).mean() > 0.1
    assert 0.3 * 6 / N < n_given.eq(0).mean() < 2 * 6 / N
    if says:
        assert (n_given.eq(0) == kept["kind"].eq("opening")).mean() > 0.99


def test_rare_columns_that_do_not_meet_by_chance_make_none() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"rare_{i}": rng.random(N) < 0.03 for i in range(20)})
    table["sparse"] = np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N))
    table["empty"] = np.where(rng.random(N) < 0.9, np.nan, rng.normal(size=N))
    assert find_rules(table, TableSpec.infer(table).columns) == []


def test_what_a_label_says_is_not_said_again() -> None:
    colour = np.random.default_rng(0).choice(list("abc"), N)
    table = pd.DataFrame({"colour": colour} | {c: colour == c for c in "abc"})
    found = {str(rule) for rule in find_rules(table, TableSpec.infer(table).columns)}
    assert found == {f"{c} is determined by colour" for c in "abc"}


def test_one_that_a_row_breaks_is_an_error_that_shows_the_row() -> None:
    table = answers()
    rule = "at most one of is_0, noise is above 0"
    declared = SpecDeclaration.from_mapping({"rules": {"add": [rule], "find": False}})
    with pytest.raises(DataError, match=r"does not hold in row \d+ \(is_0=1, noise=True\)"):
        TableSpec.infer(table, declared=declared)


def test_people_read_the_names_of_many_columns_shortened_and_may_deny_what_they_read() -> None:
    kinds = np.random.default_rng(0).integers(0, 12, 600)
    table = pd.DataFrame({f"soil_{i}": (kinds == i).astype(int) for i in range(12)})
    (rule,) = TableSpec.infer(table).rules
    shown = "exactly one of soil_0, soil_1, ..., soil_11 (12 columns) is above 0"
    assert shortened(str(rule)) == shown
    assert len(str(rule)) > len(shown)
    for sentence in (shown, str(rule)):
        declared = SpecDeclaration.from_mapping({"rules": {"deny": [sentence]}})
        assert TableSpec.infer(table, declared=declared).rules == ()


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("total = a + b - c", "total = a + b - c"),
        ("y = " + " + ".join("abcdefghijkl"), "y = a + b + ... + l (12 columns)"),
        (
            "y = largest of " + ", ".join("abcdefghijkl") + ", of those present",
            "y = largest of a, b, ..., l (12 columns), of those present",
        ),
        ("y is missing exactly where x is a, b", "y is missing exactly where x is a, b"),
    ],
)
def test_only_long_lists_of_names_are_shortened(sentence: str, shown: str) -> None:
    assert shortened(sentence) == shown
