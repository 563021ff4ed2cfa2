"""Pictures of two columns at once."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tabvae_ray.comparison.pictures.canvas import pixels
from tabvae_ray.comparison.pictures.column_plots import cdf, moment_text, pdf
from tabvae_ray.comparison.pictures.pair_plots import _text, joint, worst_pairs
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.table.spec import TableSpec


def sides() -> tuple[TableColumns, TableColumns]:
    """Return tables that differ in how two pairs of columns hang together."""
    rng = np.random.default_rng(0)
    x, day = rng.normal(size=600), pd.Timestamp("2024-01-01")
    real = pd.DataFrame(
        {
            "x": x,
            "twice": 2 * x,
            "c": np.where(x > 0, "plus", None),
            "when": [day + pd.Timedelta(days=int(d)) for d in rng.integers(0, 300, 600)],
            "many": rng.choice([f"m{i}" for i in range(30)], 600),
        }
    )
    synthetic = real.assign(twice=rng.permutation(real["twice"]))
    prepared = ComparisonPlan(scores=()).prepare(real, TableSpec.infer(real))
    return prepared.real, prepared.reader.read(synthetic)


def test_the_pair_that_came_apart_is_the_worst() -> None:
    real, synthetic = sides()
    found = worst_pairs(real, synthetic, real.names, 3)
    assert "twice" in (found[0].first, found[0].second)
    assert found[0].share > 0.3
    assert [pair.share for pair in found] == sorted((pair.share for pair in found), reverse=True)
    used = [name for pair in found for name in (pair.first, pair.second)]
    assert len(used) == len(set(used))
    assert all(pair.share == 0 for pair in worst_pairs(real, real, real.names, 3))


def test_all_kinds_of_columns_can_be_drawn() -> None:
    real, synthetic = sides()
    for pair in (("x", "twice"), ("when", "c"), ("many", "x")):
        image = pixels(joint(real, synthetic, *pair))
        assert image.std() > 5
    constant = pd.DataFrame({"a": [1.0] * 50, "b": ["z"] * 49 + [None]})
    prepared = ComparisonPlan(scores=()).prepare(constant, TableSpec.infer(constant))
    assert pixels(joint(prepared.real, prepared.real, "a", "b")).size


@pytest.mark.parametrize(
    ("ticks", "first", "last"),
    [
        (pd.timedelta_range("02:00:00", "50:30:00", periods=300), "2:00", "50:30"),
        (pd.timedelta_range("-00:10:00", "00:20:30", periods=300), "-0:10:00", "0:20:30"),
        (pd.timedelta_range("1 days", "400 days", periods=300), "1 d", "400 d"),
        (pd.date_range("2024-03-01", "2025-03-01", periods=300), "2024-03-01", "2025-03-01"),
        (
            pd.date_range("2024-03-01 08:30", "2024-03-02", periods=300),
            "03-01 08:30",
            "03-02 00:00",
        ),
        (
            pd.date_range("2024-03-01 08:30", "2024-03-01 09:10", periods=300),
            "08:30:00",
            "09:10:00",
        ),
    ],
)
def test_moments_and_times_have_texts_that_tell_them_apart(
    ticks: pd.Index, first: str, last: str
) -> None:
    table = pd.DataFrame({"t": ticks, "c": ["a", "b"] * 150})
    real = (
        ComparisonPlan(scores=()).prepare(table, TableSpec.infer(table)).real.take(np.arange(300))
    )
    days = real.sorted_numbers("t")
    width = float(days[-1] - days[0])
    assert moment_text(real, "t", float(days[0]), width) == first
    assert moment_text(real, "t", float(days[-1]), width) == last
    assert _text(real, "t", float(days[0]), float(days[9])) == f"{first}\N{EN DASH}"
    assert pixels(joint(real, real, "t", "c")).std() > 5


def test_texts_of_cells_are_not_cut_off() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "Horizontal_Distance_To_Roadways": rng.normal(size=600) * 1e7,
            "small": rng.random(600) / 997,
            "Vertical_Distance_To_Hydrology": rng.choice(
                ["Returning_Visitor", "New_Visitor_of_Us", "WWWWWWWWWWWWWWWW"], 600
            ),
        }
    )
    prepared = ComparisonPlan(scores=()).prepare(table, TableSpec.infer(table))
    for name in table:
        image = pixels(joint(prepared.real, prepared.real, name, "Vertical_Distance_To_Hydrology"))
        assert (image[:, :2] == 255).all(), name
        assert (image[:, -2:] == 255).all(), name
        assert (image[-2:] == 255).all(), name


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (17, 23, "17\u201323"),
        (12_285, 80_123, "12.29k\u201380.12k"),
        (131_600, 1_490_400, "131.6k\u20131.49M"),
        (2.5e6, 3.25e7, "2.5M\u201332.5M"),
        (1e12, 2e13, "1e+12\u20132e+13"),
        (-19, -3, "-19 to -3"),
        (0.00012345, 0.5, "0.0001234\u20130.5"),
        (40, 40, "40"),
    ],
)
def test_ranges_of_numbers_are_short_and_plain(low: float, high: float, text: str) -> None:
    table = pd.DataFrame({"x": np.linspace(low, high, 8)})
    prepared = ComparisonPlan(scores=()).prepare(table, TableSpec.infer(table))
    assert _text(prepared.real, "x", low, high) == text


@pytest.mark.parametrize("draw", [pdf, cdf])
def test_upright_names_of_categories_are_not_cut_off(draw: Callable[..., Figure]) -> None:
    names = [f"{letter * 9}" for letter in "WMmwQO"]
    table = pd.DataFrame({"c": names * 20})
    prepared = ComparisonPlan(scores=()).prepare(table, TableSpec.infer(table))
    image = pixels(draw(prepared.real, prepared.real, "c"), 200)
    assert (image[-2:] == 255).all()
    # They are there.
    assert (image[-60:] < 128).any()
