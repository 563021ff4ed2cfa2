"""Columns of products that nobody has rounded keep them to the last bit."""

import io

import numpy as np
import pandas as pd
import pytest

from tabvae_ray import TabularVAE, TabularVAEConfig
from tabvae_ray.errors import DataError
from tabvae_ray.table.column_values import column_numbers, restored
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.grids.steps import with_unit
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.spec import TableSpec

RNG = np.random.default_rng(0)
WHOLE = RNG.integers(0, 60, 1_000)


@pytest.mark.parametrize(("unit", "most"), [(1.15078, 60), (0.1, 60), (1.1, 8), (2.54, 60)])
def test_products_come_back_to_the_last_bit(unit: float, most: int) -> None:
    """Also where they are so few that they have no step, or where a step is the last decimal."""
    values = WHOLE % most * unit
    assert (np.round(values, 5) != values).any()
    column = TableSpec.infer(pd.DataFrame({"x": values, "y": WHOLE})).columns[0]
    assert column.unit == unit
    made = restored(column_numbers(pd.Series(values), column), column)
    assert (made == values).all()


@pytest.mark.parametrize(
    "values",
    [
        np.round(WHOLE * 1.15078, 5),
        WHOLE / 10 + RNG.integers(0, 60, 1_000) / 10,
        (WHOLE * 0.1).astype("float32"),
        RNG.normal(size=1_000),
        WHOLE * 2.5,
    ],
)
def test_other_numbers_have_no_unit(values: np.ndarray) -> None:
    """Rounded ones, sums of rounded ones, those of 32 bits, any, and what floats hold exactly."""
    assert TableSpec.infer(pd.DataFrame({"x": values, "y": WHOLE})).columns[0].unit is None


@pytest.mark.parametrize("values", [np.full(300, 3 * 1.15078), WHOLE % 2 * (3 * 0.1)])
def test_few_multiples_are_products_too(values: np.ndarray) -> None:
    """A constant, and 0 and another one: the unit is a part of what they have in common."""
    column = TableSpec.infer(pd.DataFrame({"x": values, "y": np.arange(len(values)) % 7})).columns[
        0
    ]
    made = restored(column_numbers(pd.Series(values), column), column)
    assert (made == values).all()


def test_results_of_rules_are_products_too() -> None:
    """What a rule computes has the last bit of the table's values."""
    table = pd.DataFrame({"n": WHOLE, "x": WHOLE * 1.15078})
    spec = TableSpec.infer(table)
    assert [str(rule) for rule in spec.rules] == ["x = 1.15078 * n"]
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    mixed = table.assign(x=np.roll(table["x"], 1))
    kept = keeper.apply(mixed, np.random.default_rng(0))
    assert (kept["x"] == kept["n"] * 1.15078).all()


def test_numbers_that_are_no_multiples_stay_as_they_are() -> None:
    """Whatever an export or a spec says: a unit changes no more than the last bits."""
    assert with_unit(np.array([1.0, 67.9, 300.0]), 100.0, 1).tolist() == [1.0, 67.9, 300.0]


def test_a_private_spec_has_no_unit_that_does_not_suit_its_decimals() -> None:
    """Noise finds the decimals if they are not declared."""
    table = pd.DataFrame({"x": WHOLE * 1.15078, "y": RNG.normal(size=1_000)})
    declared = SpecDeclaration.from_mapping(
        {"columns": {"x": {"kind": "continuous", "unit": 1.15078}, "y": {"kind": "continuous"}}}
    )
    config = TabularVAEConfig().replace(
        {"training.max_n_epochs": 1, "training.dp": {"epsilon": 3.0, "delta": 1e-5}}
    )
    spec = TableSpec.infer(table, declared=declared)
    vae = TabularVAE.build(spec, config, device="cpu", declared=declared)
    vae.fit(table, progress=False)
    published = vae.synthesizer().encoder.spec
    assert TableSpec.from_mapping(published.to_mapping()) == published


def test_odd_values_do_not_change_the_unit() -> None:
    """Two of a thousand numbers that somebody has typed are no multiples."""
    values = WHOLE * 1.15078
    values[:2] = 12.34567
    assert TableSpec.infer(pd.DataFrame({"x": values, "y": WHOLE})).columns[0].unit == 1.15078


def test_generated_rows_have_the_values_of_the_table_in_memory_and_in_csv() -> None:
    """A tree that compares them finds no difference in the last place."""
    table = pd.DataFrame({"x": WHOLE * 1.15078, "y": WHOLE + RNG.normal(size=1_000)})
    config = TabularVAEConfig().replace({"training.max_n_epochs": 1})
    vae = TabularVAE.build(TableSpec.infer(table), config, device="cpu")
    vae.fit(table, progress=False)
    rows = vae.generate(500, seed=0)
    assert rows["x"].isin(table["x"]).all()
    read = pd.read_csv(io.StringIO(rows.to_csv(index=False)))
    assert read["x"].isin(table["x"]).all()


def test_a_spec_with_a_unit_reads_the_table_that_it_is_of() -> None:
    """And declared decimals are rounded to."""
    table = pd.DataFrame({"x": WHOLE * 1.15078, "y": WHOLE})
    spec = TableSpec.infer(table)
    assert TableSpec.infer(table, declared=SpecDeclaration.from_mapping(spec.to_mapping())) == spec
    rounded = SpecDeclaration.from_mapping({"columns": {"x": {"decimals": 5}}})
    assert TableSpec.infer(table, declared=rounded).columns[0].unit is None


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"unit": 0.123, "decimals": 2}, "must have 2 decimals"),
        ({"unit": 0.1, "decimals": 1, "dtype": "float32"}, "a unit needs a dtype of 64-bit floats"),
        ({"unit": 0.1, "digits": 7}, "a unit needs decimals, and no significant digits"),
        ({"unit": 0.0}, "unit"),
    ],
)
def test_a_unit_that_suits_no_column_is_refused(declared: dict, message: str) -> None:
    """The message names the column and the rule."""
    table = pd.DataFrame({"x": WHOLE * 1.1, "y": WHOLE})
    with pytest.raises(DataError, match=message):
        TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"columns": {"x": declared}}))
