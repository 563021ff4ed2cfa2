import json

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import ExportError
from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.formula import Linear, Product
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.rule import Dependence, MissingTogether, Order, Rule
from tabvae_ray.table.spec import TableSpec
from tests.support.rules import table_with_rules

Known = tuple[pd.DataFrame, tuple[Column, ...], list[Rule]]


@pytest.fixture(scope="module")
def known() -> Known:
    """A table, its columns and its rules."""
    table, sentences = table_with_rules(1_500)
    columns = TableSpec.infer(table).columns
    rules = find_rules(table, columns)
    assert len(rules) == len(sentences)
    return table, columns, rules


def shuffled(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each column by itself: rows that keep no rule."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {name: table[name].iloc[rng.permutation(len(table))].array for name in table}
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("compact", [False, True])
def test_rows_that_kept_no_rule_keep_them_all(known: Known, seed: int, compact: bool) -> None:
    table, columns, rules = known
    keeper = RuleKeeper.fit(rules, columns, table)
    rows = shuffled(table, seed)
    if compact:
        for column in columns:
            if column.kind == "categorical":
                values = pd.CategoricalDtype(list(column.categories))
                rows[column.name] = rows[column.name].astype(values)
    kept = keeper.apply(rows, np.random.default_rng(seed), compact=compact)
    assert kept.dtypes.equals(rows.dtypes)
    view = TableView(kept, columns)
    assert {str(rule): int(rule.broken(view).sum()) for rule in rules} == {
        str(rule): 0 for rule in rules
    }
    # Only routes that there are, with the distances that they have.
    routes = ["origin", "destination", "distance"]
    there = set(table[routes].itertuples(index=False, name=None))
    made = kept[routes].astype({"origin": str, "destination": str})
    assert set(made.itertuples(index=False, name=None)) <= there


def test_rows_that_keep_all_rules_stay_as_they_are(known: Known) -> None:
    table, columns, rules = known
    keeper = RuleKeeper.fit(rules, columns, table)
    kept = keeper.apply(table, np.random.default_rng(0))
    pd.testing.assert_frame_equal(kept, table)


def test_a_rule_with_exceptions_is_kept_at_its_rate() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 300, (2, 20_000))
    total = a + b
    total[:100] += 3
    table = pd.DataFrame({"a": a, "b": b, "total": total})
    columns = TableSpec.infer(table).columns
    (rule,) = find_rules(table, columns)
    keeper = RuleKeeper.fit([rule], columns, table)
    kept = keeper.apply(shuffled(table, 2), np.random.default_rng(3))
    broken = rule.broken(TableView(kept, columns)).mean()
    assert 0.003 < broken < 0.007


def test_equal_numbers_move_apart_where_one_must_be_smaller() -> None:
    table = pd.DataFrame({"a": [1.5, 1.0, 2.5, 2.0] * 20, "b": [1.6, 1.0, 2.5, 1.0] * 20})
    columns = TableSpec.infer(table).columns
    rule = Order(column="a", upper="b", strict=True)
    kept = RuleKeeper.fit([rule], columns, table).apply(table, np.random.default_rng(0))
    # Up by the last decimal, down at the largest value there is, and exchanged.
    expected = pd.DataFrame({"a": [1.5, 1.0, 2.4, 1.0], "b": [1.6, 1.1, 2.5, 2.0]})
    pd.testing.assert_frame_equal(kept.head(4), expected)


def test_a_value_is_drawn_where_one_must_not_be_missing() -> None:
    table = pd.DataFrame({"a": [1.5, None, 2.5, 0.5] * 25, "b": ["x", None, "y", None] * 25})
    columns = TableSpec.infer(table).columns
    rule = MissingTogether(column="b", other="a")
    kept = RuleKeeper.fit([rule], columns, table).apply(table, np.random.default_rng(0))
    assert (kept["a"].isna() == kept["b"].isna()).all()
    assert set(kept["b"].dropna()) == {"x", "y"}


def test_what_was_learnt_comes_back_from_json(known: Known) -> None:
    table, columns, rules = known
    keeper = RuleKeeper.fit(rules, columns, table)
    mapping = json.loads(json.dumps(keeper.to_mapping(), allow_nan=False))
    again = RuleKeeper.from_mapping(mapping, rules, columns)
    rows = shuffled(table, 1)
    first, second = (k.apply(rows, np.random.default_rng(2)) for k in (keeper, again))
    pd.testing.assert_frame_equal(first, second)
    del mapping["lookups"]["season"]
    with pytest.raises(ExportError, match="rules: do not fit the spec"):
        RuleKeeper.from_mapping(mapping, rules, columns)


def test_rules_that_go_in_a_circle_are_refused() -> None:
    table = pd.DataFrame({"a": np.arange(20), "b": np.arange(20) + 1})
    rules = [Linear(column="a", terms={"b": 1.0}), Linear(column="b", terms={"a": 1.0})]
    with pytest.raises(ExportError, match="a, b are computed from each other"):
        RuleKeeper.fit(rules, TableSpec.infer(table).columns, table)


def test_results_that_no_float_holds_are_left_to_the_network() -> None:
    rng = np.random.default_rng(0)
    exponent = rng.integers(0, 10, 2_000)
    table = pd.DataFrame({"a": 10**exponent, "b": 10 ** (9 - exponent)})
    table["p"] = table["a"] * table["b"] + exponent
    rule = Product(column="p", factors=("a", "b"))
    columns = TableSpec.infer(table).columns
    keeper = RuleKeeper.fit([rule], columns, table)
    kept = keeper.apply(shuffled(table, 1), np.random.default_rng(0))
    assert len(kept) == len(table)
    assert kept.dtypes.equals(table.dtypes)


@pytest.mark.parametrize("rows", [1, 300])
def test_a_chain_of_orders_holds_in_every_row(rows: int) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(np.sort(rng.normal(0, 1, (300, 6)), axis=1), columns=list("abcdef"))
    columns = TableSpec.infer(table).columns
    rules = [Order(column=low, upper=high) for low, high in zip("abcde", "bcdef", strict=True)]
    keeper = RuleKeeper.fit(rules, columns, table)
    for seed in range(20):
        mixed = shuffled(table, seed).head(rows)
        kept = keeper.apply(mixed, np.random.default_rng(seed))
        assert (np.diff(kept.to_numpy(), axis=1) >= 0).all()
        # Exchanged, not taken from other rows.
        assert kept.drop_duplicates().shape == mixed.shape


def test_a_category_that_only_held_out_rows_have_is_not_drawn() -> None:
    table = pd.DataFrame({"zip": list("abcdef") * 50, "state": list("xxxyyy") * 50})
    columns = TableSpec.infer(table).columns
    rule = Dependence(column="state", on=("zip",))
    keeper = RuleKeeper.fit([rule], columns, table[table["zip"] != "f"])
    kept = keeper.apply(shuffled(table, 0), np.random.default_rng(0))
    assert set(kept["zip"]) == set("abcde")
    assert not rule.broken(TableView(kept, columns)).any()


def test_values_missing_in_all_training_rows_do_not_stop_a_model() -> None:
    table = pd.DataFrame({"v": [1.5] * 2 + [None] * 60, "g": ["x"] * 2 + ["y"] * 60})
    columns = TableSpec.infer(table).columns
    rule = MissingTogether(column="v", other="g", values=("y",))
    keeper = RuleKeeper.fit([rule], columns, table.tail(60))
    kept = keeper.apply(table, np.random.default_rng(0))
    assert kept["v"].notna().sum() == 2


@pytest.mark.parametrize(
    ("part", "value"),
    [("fillers", 99), ("fillers", float("nan")), ("values", 7), ("values", None), ("keys", [0.5])],
)
def test_what_an_export_says_of_rules_must_be_values_of_the_columns(
    part: str, value: object
) -> None:
    table = pd.DataFrame({"g": ["x", "y"] * 40, "c": ["k", None] * 40, "d": ["p", "q"] * 40})
    columns = TableSpec.infer(table).columns
    rules: list[Rule] = [
        Dependence(column="d", on=("g",)),
        MissingTogether(column="c", other="g", values=("y",)),
    ]
    mapping = RuleKeeper.fit(rules, columns, table).to_mapping()
    if part == "fillers":
        mapping["fillers"]["c"] = value
    else:
        mapping["lookups"]["d"][part][0] = value
    with pytest.raises(ExportError, match="rules: do not fit the spec"):
        RuleKeeper.from_mapping(mapping, rules, columns)


def test_exceptions_of_a_dependence_are_those_of_the_table_at_their_rate() -> None:
    rng = np.random.default_rng(0)
    place = rng.choice(list("abcdef"), 5_000)
    miles = np.array([100, 250, 300, 410, 550, 690])[np.searchsorted(list("abcdef"), place)]
    miles[(place == "c") & (rng.random(5_000) < 0.03)] = 250
    table = pd.DataFrame({"place": place, "miles": miles})
    spec = TableSpec.infer(table)
    (rule,) = spec.rules
    assert rule.exceptions > 0
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    mapping = json.loads(json.dumps(keeper.to_mapping()))
    for made in (keeper, RuleKeeper.from_mapping(mapping, spec.rules, spec.columns)):
        kept = made.apply(shuffled(table, 1), np.random.default_rng(2))
        odd = kept[rule.broken(TableView(kept, spec.columns))]
        assert set(zip(odd["place"], odd["miles"], strict=True)) == {("c", 250)}
        assert 0.5 < len(odd) / (rule.exceptions * 5_000) < 2
    mapping["lookups"]["miles"]["odd"]["places"][0] = 77
    with pytest.raises(ExportError, match="odd values must be of known keys"):
        RuleKeeper.from_mapping(mapping, spec.rules, spec.columns)


def test_a_formula_says_when_its_column_is_missing_before_others_follow() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 300, (2, 2_000)).astype(float)
    a[:200] = np.nan
    table = pd.DataFrame({"a": a, "b": b, "total": a + b})
    spec = TableSpec.infer(table)
    assert {str(rule) for rule in spec.rules} == {
        "total = a + b",
        "total is missing exactly where a is",
    }
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    kept = keeper.apply(shuffled(table, 1), np.random.default_rng(0))
    assert len(kept.drop_duplicates()) > 0.99 * len(table.drop_duplicates())
    for rule in spec.rules:
        assert not rule.broken(TableView(kept, spec.columns)).any()
