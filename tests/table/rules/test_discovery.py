import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.spec import TableSpec
from tests.support.rules import table_with_rules


def found(table: pd.DataFrame) -> dict[str, float]:
    columns = TableSpec.infer(table).columns
    return {str(rule): rule.exceptions for rule in find_rules(table, columns)}


def test_every_rule_of_a_table_is_found_and_no_other() -> None:
    table, expected = table_with_rules()
    # "A, B" may come in either order.
    sentences = {text.replace("B, A", "A, B"): share for text, share in found(table).items()}
    assert set(sentences) - {"admitted < discharged"} == set(expected) - {"admitted < discharged"}
    assert set(sentences.values()) == {0.0}


def test_columns_that_have_nothing_to_do_with_each_other_have_no_rules() -> None:
    rng = np.random.default_rng(3)
    n = 2_000
    table = pd.DataFrame(
        {
            **{f"n{i}": rng.integers(0, 5 * 4**i, n) for i in range(6)},
            **{f"x{i}": np.round(rng.lognormal(0, 1, n), i) for i in range(4)},
            **{f"c{i}": rng.choice(list("abcdefgh")[: 2 + i], n) for i in range(5)},
            "mostly": np.where(rng.random(n) < 0.99, "no", "yes"),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )
    assert found(table) == {}


def test_a_few_exceptions_are_counted_and_many_make_no_rule() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 300, (2, 5_000))
    total = a + b
    total[:20] += 3
    table = pd.DataFrame({"a": a, "b": b, "total": total})
    assert found(table) == {"total = a + b": pytest.approx(20 / 5_000)}
    total[:200] += 3
    assert "total = a + b" not in found(table.assign(total=total))


@pytest.mark.parametrize(
    ("column", "made", "expected"),
    [
        ("copy", lambda a, b: a, "copy = a"),
        ("less", lambda a, b: a - b, "a = b + less"),
        ("mean", lambda a, b: (a + b) / 2, "mean = 0.5 * a + 0.5 * b"),
        ("share", lambda a, b: np.round(100 * a / b, 1), "share = 100 * a / b"),
        ("hundreds", lambda a, b: a // 100, "hundreds = a divided by 100, rounded down"),
        ("boxes", lambda a, b: -(-a // 24), "boxes = a divided by 24, rounded up"),
        ("boxes", lambda a, b: -(-a // 33), "boxes = a divided by 33, rounded up"),
        ("boxes", lambda a, b: np.ceil(a / 17.5), "boxes = a divided by 17.5, rounded up"),
        ("rest", lambda a, b: a % 60, "rest = remainder of a divided by 60"),
    ],
)
def test_arithmetic_of_one_and_two_columns_is_found(column, made, expected) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 2_400, 3_000), rng.integers(1, 700, 3_000)
    assert expected in found(pd.DataFrame({"a": a, "b": b, column: made(a, b)}))


@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_a_column_of_all_different_values_determines_nothing(kind: str) -> None:
    rng = np.random.default_rng(2)
    names = [f"person {i}" for i in range(500)]
    table = pd.DataFrame(
        {
            "x": rng.normal(0, 1, 500) if kind == "continuous" else names,
            "ward": rng.choice(list("abc"), 500),
        }
    )
    declared = SpecDeclaration.from_mapping({kind: ["x"]})
    assert find_rules(table, TableSpec.infer(table, declared=declared).columns) == []


def test_few_rows_explain_nothing() -> None:
    assert found(table_with_rules(40)[0]) == {}


def test_the_same_seed_finds_the_same() -> None:
    table, _ = table_with_rules(500, seed=5)
    columns = TableSpec.infer(table).columns
    assert find_rules(table, columns, seed=1) == find_rules(table, columns, seed=1)


def test_a_wide_table_is_searched_in_bounded_memory() -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.integers(0, 1_000, (100, 400))).rename(columns=str)
    wide["copy"] = 2 * wide["7"] + 1
    assert set(found(wide)) == {"copy = 2 * 7 + 1"}


def test_a_dependence_has_a_few_exceptions_at_most() -> None:
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 60, 3_000)
    carrier = np.array(list("UVWXYZ"))[plane % 6]
    table = pd.DataFrame({"plane": [f"N{i}" for i in plane], "carrier": carrier})
    table.loc[:5, "carrier"] = table.loc[:5, "carrier"].map(lambda name: "U" if name > "U" else "V")
    assert found(table) == {"carrier is determined by plane": pytest.approx(6 / 3_000)}
    table.loc[:99, "carrier"] = "Q"
    assert found(table) == {}


def test_of_what_explains_missing_values_the_one_with_the_fewest_exceptions_counts() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(0, 1, (2_000, 3)), columns=list("abc"))
    table.loc[:199, "a"] = None
    table.loc[:209, ["b", "c"]] = None
    assert found(table) == {
        "b is missing exactly where a is": pytest.approx(0.005),
        "c is missing exactly where b is": 0.0,
    }


def test_pairs_of_numbers_that_are_nearly_all_different_determine_nothing() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 60, (2, 2_000))
    # Each pair occurs once or twice: the rule holds, but new pairs would have no value.
    table = pd.DataFrame({"a": a, "b": b, "c": (a * 7919 + b * b * 104729) % 1009})
    assert found(table) == {}


def test_of_relations_that_share_columns_each_explains_another_one() -> None:
    rng = np.random.default_rng(0)
    list_price, discount = rng.integers(200, 999, 1_500) / 100, rng.integers(0, 99, 1_500) / 100
    table = pd.DataFrame(
        {
            "list": list_price,
            "discount": discount,
            "price": np.round(list_price - discount, 2),
            "share": np.round(discount / list_price, 6),
        }
    )
    assert set(found(table)) == {"list = discount + price", "share = discount / list"}
