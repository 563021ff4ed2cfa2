"""Columns whose numbers have a number of significant digits keep it."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.column_values import restored
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.grids.digits import digits_of, with_digits
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.spec import TableSpec

NUMBERS = np.exp(np.random.default_rng(0).normal(3.0, 2.0, 3_000))


def written(digits: int) -> np.ndarray:
    """Return the numbers as a program writes them with these digits."""
    return np.array([float(f"{number:.{digits}g}") for number in NUMBERS])


@pytest.mark.parametrize("digits", [6, 7, 10, 15])
def test_the_digits_of_a_column_are_found_and_kept(digits: int) -> None:
    column = TableSpec.infer(pd.DataFrame({"x": written(digits)})).columns[0]
    assert (column.digits, column.step) == (digits, None)
    made = restored(NUMBERS[::-1] * 1.01, column)
    assert all(float(f"{number:.{digits}g}") == number for number in made)


def test_a_spec_with_digits_reads_the_table_that_it_is_of() -> None:
    table = pd.DataFrame({"x": written(15)})
    spec = TableSpec.infer(table)
    assert TableSpec.infer(table, declared=SpecDeclaration.from_mapping(spec.to_mapping())) == spec
    pd.testing.assert_frame_equal(spec.read(table, "the table"), table)


def test_digits_can_be_declared() -> None:
    declared = SpecDeclaration.from_mapping({"columns": {"x": {"digits": 6}}})
    column = TableSpec.infer(pd.DataFrame({"x": NUMBERS}), declared=declared).columns[0]
    assert (column.kind, column.digits) == ("continuous", 6)


def test_a_number_that_a_reader_has_missed_by_the_last_place_changes_nothing() -> None:
    numbers = written(15)
    numbers[::3] = np.nextafter(numbers[::3], np.inf)
    assert digits_of(numbers, None) == 15


def test_one_number_of_more_digits_changes_nothing() -> None:
    numbers = written(7)
    numbers[5] = 1 / 3
    assert digits_of(numbers, None) == 7


@pytest.mark.parametrize(
    ("numbers", "decimals"),
    [
        (NUMBERS, None),
        (np.round(NUMBERS, 2), 2),
        (np.round(np.random.default_rng(0).uniform(-60, 60, 3_000), 6), 6),
        (np.round(NUMBERS / 1e6, 9), 9),
        (np.round(NUMBERS * 2) / 2, 1),
        (written(7)[:10], 7),
    ],
    ids=["all digits", "money", "coordinates", "small numbers", "halves", "few numbers"],
)
def test_decimals_and_whole_floats_are_not_digits(numbers: np.ndarray, decimals: int) -> None:
    assert digits_of(numbers, decimals) is None


def test_numbers_are_rounded_to_digits_whatever_their_size() -> None:
    numbers = np.array([0.0, np.nan, -123.456789, 1.23456789e-9, 1.23456789e200, 1e-300, 9.9999999])
    expected = [0.0, np.nan, -123.457, 1.23457e-9, 1.23457e200, 1e-300, 10.0]
    np.testing.assert_array_equal(with_digits(numbers, 6), expected)


def test_what_a_rule_computes_has_the_digits_of_its_column() -> None:
    wages = np.repeat(written(15)[:300], 5)
    logs = np.array([float(f"{np.log(wage):.15g}") for wage in wages])
    table = pd.DataFrame({"wage": wages, "logwage": logs})
    spec = TableSpec.infer(table)
    (rule,) = spec.rules
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    kept = keeper.apply(table.assign(**{rule.column: 0.0}), np.random.default_rng(0))
    made = kept[rule.column].to_numpy()
    assert all(float(f"{number:.15g}") == number for number in made)
    np.testing.assert_allclose(made, table[rule.column], rtol=1e-13)
