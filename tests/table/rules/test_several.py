"""The largest of several columns, and products with a rate."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.rules.finding.agreement import SampledColumns
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec


def found(table: pd.DataFrame) -> set[str]:
    columns = TableSpec.infer(table).columns
    rules = find_rules(table, columns)
    names = [column.name for column in columns]
    assert [parse_rule(str(rule), names) for rule in rules] == [
        rule.model_copy(update={"exceptions": 0.0}) for rule in rules
    ]
    return {str(rule) for rule in rules}


def test_the_largest_and_the_smallest_and_their_distance_are_found() -> None:
    marks = np.random.default_rng(0).integers(0, 100, (900, 3))
    table = pd.DataFrame(marks, columns=list("abc"))
    table["best"], table["worst"] = marks.max(axis=1), marks.min(axis=1)
    table["range"] = table["best"] - table["worst"]
    assert found(table) == {
        "best = largest of a, b, c",
        "worst = smallest of a, b, c",
        "range = best - worst",
    }


def test_what_is_cut_off_at_zero_is_found() -> None:
    balance = np.round(np.random.default_rng(0).normal(10, 50, 900), 2)
    table = pd.DataFrame({"balance": balance, "credit": np.maximum(balance, 0)})
    assert found(table) == {"credit = largest of balance, 0"}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda t: t.price * (1 - t.off), "paid = price * (1 - off)"),
        (lambda t: t.price * (1 + t.vat / 100), "paid = price * (1 + 0.01 * vat)"),
        (lambda t: t.price * t.pieces * (1 - t.off), "paid = price * pieces * (1 - off)"),
        (lambda t: t.price * t.pieces * t.weeks, "paid = price * pieces * weeks"),
    ],
)
def test_discounts_taxes_and_products_of_three_are_found(
    make: Callable[[pd.DataFrame], pd.Series], sentence: str
) -> None:
    rng, n = np.random.default_rng(0), 900
    table = pd.DataFrame(
        {
            "price": np.round(rng.lognormal(3, 1, n), 2),
            "pieces": rng.integers(1, 60, n),
            "weeks": rng.integers(1, 53, n),
            "off": rng.choice([0, 0.05, 0.1, 0.25], n),
            "vat": rng.choice([0, 7, 19], n),
        }
    )
    assert found(table) == set()
    assert found(table.assign(paid=make(table).round(2))) == {sentence}


def test_numbers_that_the_fullest_rows_lack_are_looked_at_without_a_warning() -> None:
    some, none = np.ones((20, 2)) * np.arange(1, 21)[:, None], np.zeros((20, 2))
    last = np.append(np.full(20, np.nan), np.arange(20.0))
    sample = np.column_stack([np.vstack([some, none]), last])
    columns = SampledColumns(sample, np.full(3, 0.5), np.ones(3, dtype=bool))
    # Warnings are errors.
    assert 2 not in {column for _, _, column in columns.scaled(np.multiply)}
