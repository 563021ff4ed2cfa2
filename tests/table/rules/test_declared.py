import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.forms.formula import Linear
from tabvae_ray.table.rules.rule import Rule
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec
from tests.support.rules import table_with_rules

NAMES = ["a", "a b", "a - b", "net, tax", "x<=y", "is", "größe"]
NAME = st.sampled_from(NAMES)
FACTOR = st.sampled_from([1.0, -1.0, 2.0, -0.5, 1.8, 100.0])


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return table_with_rules(500)[0]


def spec_of(table: pd.DataFrame, **rules: Any) -> TableSpec:
    return TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"rules": rules}))


def test_a_spec_has_the_rules_of_its_table_and_keeps_them_as_json(table: pd.DataFrame) -> None:
    spec = TableSpec.infer(table)
    assert "total = casual + registered" in map(str, spec.rules)
    mapping = json.loads(json.dumps(spec.to_mapping()))
    assert TableSpec.from_mapping(mapping) == spec
    # As a declaration, too: nothing is looked for again.
    again = TableSpec.infer(table.head(60), declared=SpecDeclaration.from_mapping(mapping))
    assert again.rules == spec.rules


def test_every_rule_is_read_as_it_is_printed(table: pd.DataFrame) -> None:
    spec = TableSpec.infer(table)
    assert [parse_rule(str(rule), spec.names) for rule in spec.rules] == list(spec.rules)


@given(
    column=NAME,
    terms=st.dictionaries(NAME, FACTOR, min_size=1, max_size=3),
    constant=st.sampled_from([0.0, -17.5, 32.0]),
)
def test_sums_of_columns_with_odd_names_are_read_as_they_are_printed(
    column: str, terms: dict[str, float], constant: float
) -> None:
    rule = Linear(column=column, terms=terms, constant=constant)
    assert str(parse_rule(str(rule), NAMES)) == str(rule)


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "quotient", "column": "a", "of": "a b", "divisor": 100},
        {"kind": "quotient", "column": "a", "of": "a b", "divisor": 500, "up": True},
        {"kind": "remainder", "column": "a", "of": "a b", "divisor": 0.5},
        {"kind": "ratio", "column": "a", "numerator": "is", "denominator": "a b", "scale": 100},
        {"kind": "duration", "column": "a", "start": "is", "end": "a b", "unit": "hours"},
        {"kind": "date part", "column": "a", "of": "is", "part": "weekday", "offset": 1},
        {"kind": "missing", "column": "a", "other": "is", "values": ["x", "y"]},
        {"kind": "order", "column": "a", "upper": "x<=y", "strict": True},
        {"kind": "dependence", "column": "a", "on": ["is", "a b"]},
    ],
)
def test_rules_of_all_kinds_are_read_as_they_are_printed(rule: dict[str, Any]) -> None:
    expected: Rule = TypeAdapter(Rule).validate_python(rule)
    assert parse_rule(str(expected), NAMES) == expected


def test_a_rule_that_is_denied_is_not_kept_and_one_that_is_declared_is(
    table: pd.DataFrame,
) -> None:
    found = {str(rule) for rule in TableSpec.infer(table).rules}
    spec = spec_of(table, deny=["total = casual + registered", "season"])
    assert found - {str(rule) for rule in spec.rules} == {
        "total = casual + registered",
        "season is determined by month",
    }
    only = spec_of(table, find=False, add=["total = registered + casual"])
    assert [str(rule) for rule in only.rules] == ["total = registered + casual"]
    # What is declared of a column goes before what is found.
    both = spec_of(table, add=["casual = total - registered"])
    assert {str(r) for r in both.rules} & {"total = casual + registered"} == set()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"add": ["total = casual"]}, r"total = casual: does not hold in row 0 \(total=\d+, cas"),
        ({"add": ["total is casual"]}, r"add: 'total is casual' is no rule between columns"),
        ({"add": ["total = casual + nothing"]}, "is no rule between columns"),
        ({"add": [{"kind": "sum"}]}, r"rules: add: .*kind"),
        ({"add": ["season <= month"]}, "'season' must be a number, but is categorical"),
        ({"deny": ["nobody"]}, "deny: 'nobody' is neither a column nor a rule that was found"),
        ({"add": ["hour = hour + minute"]}, "must name different columns"),
        (
            {"add": ["total = casual + registered", "casual = total - registered"]},
            "casual, total are computed from each other in a circle",
        ),
    ],
)  # fmt: skip
def test_declared_rules_that_cannot_be_are_refused(
    table: pd.DataFrame, rules: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        spec_of(table, **rules)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"kind": "linear", "column": "season", "terms": {"hour": 1}}, "'season' must be a number"),
        ({"kind": "order", "column": "hour", "upper": "gone"}, "there is no column 'gone'"),
        ({"kind": "date part", "column": "hour", "of": "minute", "part": "day"}, "must be a date"),
    ],
)
def test_rules_of_a_spec_that_do_not_suit_its_columns_are_refused(
    table: pd.DataFrame, rule: dict[str, Any], message: str
) -> None:
    mapping = TableSpec.infer(table).to_mapping()
    with pytest.raises(DataError, match=message):
        TableSpec.from_mapping({**mapping, "rules": [rule]})


def test_categories_are_read_as_the_table_has_them() -> None:
    table = pd.DataFrame({"v": [1.5, None] * 40, "code": ["02", "01"] * 40})
    sentence = "v is missing exactly where code is 01"
    (rule,) = spec_of(table, find=False, add=[sentence]).rules
    assert rule == parse_rule(sentence, ["v", "code"], {"code": ["01", "02"]})
    assert not isinstance(rule, Linear) and rule.model_dump()["values"] == ("01",)
    with pytest.raises(DataError, match="is no rule between columns"):
        spec_of(table, add=["v is missing exactly where code is 01, 02, 03, 04, 05, ..."])


def test_a_factor_without_end_in_a_spec_is_refused(table: pd.DataFrame) -> None:
    mapping = TableSpec.infer(table).to_mapping()
    rule = {"kind": "linear", "column": "total", "terms": {"casual": 1.0}, "constant": 1e999}
    with pytest.raises(DataError, match="rules"):
        TableSpec.from_mapping({**mapping, "rules": [rule]})
    with pytest.raises(DataError, match="rules"):
        TableSpec.from_mapping({**mapping, "rules": [{**rule, "terms": {"casual": 1e999}}]})


def test_a_declared_order_leaves_the_formula_of_its_column(table: pd.DataFrame) -> None:
    spec = spec_of(table, add=["days <= total", "lowest <= highest"], find=True)
    found = list(map(str, spec.rules))
    assert "days = whole days from admitted to discharged" in found
    assert found.count("lowest <= highest") == 1
