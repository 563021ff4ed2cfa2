"""Smooth functions of tables with exceptions, with few rows or with columns of few values."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.curves.smooth import find_smooth
from tabvae_ray.table.rules.forms.curves.smooth import Smooth
from tabvae_ray.table.spec import TableSpec

N = 1_500


def said(rules: list[Any]) -> list[str]:
    return [str(rule) for rule in rules if isinstance(rule, Smooth)]


def spec_of(table: pd.DataFrame, **rules: Any) -> TableSpec:
    return TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"rules": rules}))


def power_table(n: int, odd: int, seed: int) -> tuple[pd.DataFrame, "np.ndarray[Any, Any]"]:
    """Return a power of a column, noise, and the places of some rows of another power."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"x": rng.normal(50, 5, n).round(1)})
    table["y"], table["q"] = (table["x"] ** 1.5).round(3), rng.normal(size=n)
    places = rng.choice(n, odd, replace=False)
    table.loc[places, "y"] = 0.01
    return table, places


@pytest.mark.parametrize(("n", "odd"), [(200, 1), (200, 4), (200, 6), (1_000, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_no_curve_goes_through_exceptions_by_the_help_of_another_column(
    n: int, odd: int, seed: int
) -> None:
    table, places = power_table(n, odd, seed)
    spec = TableSpec.infer(table)
    assert said(list(spec.rules)) == ["y is a smooth function of x"]
    assert spec.rules[0].exceptions == odd / n
    # A curve that is asked for goes through none either, whatever the direction.
    for column, other in (("y", "x"), ("x", "y")):
        (rule,) = spec_of(
            table, find=False, add=[f"{column} is a smooth function of {other} and q"]
        ).rules
        assert isinstance(rule, Smooth) and rule.curve is not None
        told = rule.curve.values([table[name].to_numpy() for name in rule.of])[places]
        assert not (np.abs(told - table[column].to_numpy()[places]) <= 5 * rule.curve.within).any()


def test_another_column_that_says_what_many_exceptions_are_is_an_input() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"celsius": rng.normal(14, 8, N).round(1)})
    table["wind"] = np.where(rng.random(N) < 0.92, 5, rng.uniform(5, 80, N).round(1))
    table["felt"] = (table["celsius"] ** 2 / 20 - (table["wind"] - 5) * 3).round(2)
    assert said(list(TableSpec.infer(table).rules)) == [
        "felt is a smooth function of celsius and wind"
    ]


def test_columns_without_values_in_the_rows_that_are_looked_at_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tabvae_ray.table.rules.finding.curves.smooth._SCREENED", 1_000)
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"celsius": rng.normal(14, 8, N).round(1), "noise": rng.normal(size=N)})
    table["made"] = (table["celsius"] ** 3).round(1)
    rows = np.random.default_rng(0).permutation(N)
    table["rare"] = np.where(np.isin(np.arange(N), rows[-5:]), table["noise"], np.nan)
    view = TableView(table, spec_of(table, find=False).columns)
    # The same seed as that of the rows.
    found = find_smooth(view, np.random.default_rng(0), {})
    assert said(list(found)) == ["made is a smooth function of celsius"]


def small() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"x": rng.normal(size=300).round(2), "z": rng.normal(size=300)})
    table["y"] = (table["x"] ** 3).round(3)
    table["constant"] = 2.5
    # All but a few rows have the same number; few have any.
    table["nearly"] = np.where(np.arange(300) < 5, table["z"], 7.5)
    table["few"] = np.where(np.arange(300) < 8, table["z"], np.nan)
    return table


@pytest.mark.parametrize("name", ["constant", "nearly", "few"])
def test_an_input_of_which_a_single_row_would_be_an_end_is_refused(name: str) -> None:
    for sentence in (
        f"y is a smooth function of {name}",
        f"y is a smooth function of x and {name}",
    ):
        with pytest.raises(
            DataError, match=f"'{name}' must have different numbers at its two ends"
        ):
            spec_of(small(), find=False, add=[sentence])


@pytest.mark.parametrize("n_rows", [1, 2, 5, 20])
def test_a_few_rows_are_too_few_for_a_function(n_rows: int) -> None:
    with pytest.raises(DataError, match="y is a smooth function of x: "):
        spec_of(small()[["x", "y"]].head(n_rows), find=False, add=["y is a smooth function of x"])


def test_ends_of_inputs_are_those_of_several_rows() -> None:
    table = small()
    table.loc[:8, "x"] = 87_321.0
    sentence = "y is a smooth function of x"
    (rule,) = spec_of(table, find=False, add=[sentence]).rules
    assert isinstance(rule, Smooth) and rule.curve is not None
    (part,) = rule.curve.inputs
    assert abs(part.center) < 1 and part.scale < 3


@pytest.mark.parametrize(
    "curve",
    [
        {
            "of": "square",
            "inputs": [{"center": 0, "scale": 1, "degree": 1}],
            "coefficients": [-5, 0],
        },
        {
            "inputs": [{"center": 0, "scale": 1, "degree": 1, "logarithm": True}],
            "coefficients": [0, 1],
        },
    ],
)
def test_a_curve_without_any_result_is_refused(curve: dict[str, Any]) -> None:
    table = small()
    table["x"] = -1 - table["x"].abs()
    entry = {"kind": "smooth", "column": "z", "of": ["x"], "curve": {**curve, "within": 0.01}}
    with pytest.raises(DataError, match="z is a smooth function of x: has no result in any row"):
        spec_of(table, find=False, add=[entry])


def test_other_rules_say_what_they_must_have_too() -> None:
    entry = {"kind": "extreme", "column": "y", "which": "largest", "of": ["x"]}
    with pytest.raises(DataError, match="extreme: must have two columns or more, or a constant"):
        spec_of(small(), find=False, add=[entry])
