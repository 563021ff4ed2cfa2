"""What holds for every pair of tables."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.scores.jensen_shannon import LARGEST_JS, js_distance
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec

DECLARED = SpecDeclaration(continuous=("x", "y"), categorical=("c", "d"))
PLAN = ComparisonPlan(
    scores=("mean_js_distance", "correlation_distance", "column_shapes", "pair_trends"),
    score_collections=("js_distance",),
)
RANGES = {
    "mean_js_distance": (0, LARGEST_JS),
    "correlation_distance": (0, 2),
    "column_shapes": (0, 1),
    "pair_trends": (0, 1),
}
numbers = st.one_of(
    st.none(),
    st.integers(-3, 3).map(float),
    # A spec refuses columns whose range is no float.
    st.floats(-8e307, 8e307),
)
words = st.one_of(st.none(), st.sampled_from(["a", "b", "c, d", "é"]))
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.lists(st.tuples(numbers, numbers, words, words), min_size=1, max_size=12))
    table = pd.DataFrame(rows, columns=["x", "y", "c", "d"])
    table[["x", "y"]] = table[["x", "y"]].astype(float)
    # A column without any value has no kind.
    return table.fillna({"x": 0.0, "y": 1.0}, limit=1).fillna({"c": "a", "d": "b"}, limit=1)


def _scores(real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    spec = TableSpec.infer(real, declared=DECLARED)
    return PLAN.prepare(real, spec).compute(synthetic).flat_scores()


@quick
@given(tables(), tables())
def test_scores_are_numbers_in_their_range(real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
    scores = _scores(real, synthetic)
    for name, value in scores.items():
        low, high = RANGES.get(name, (0, LARGEST_JS))
        assert low - 1e-12 <= value <= high + 1e-12, name


@quick
@given(tables(), st.randoms(use_true_random=False))
def test_a_table_in_another_order_is_the_same_table(
    real: pd.DataFrame, random: np.random.RandomState
) -> None:
    order, columns = list(range(len(real))), list(real.columns)
    random.shuffle(order)
    random.shuffle(columns)
    scores = _scores(real, real.iloc[order][columns].reset_index(drop=True))
    assert scores["mean_js_distance"] == 0
    assert scores["correlation_distance"] == pytest.approx(0, abs=1e-9)
    assert scores["column_shapes"] == pytest.approx(1, abs=1e-12)
    assert scores["pair_trends"] == pytest.approx(1, abs=1e-9)


@quick
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=20))
def test_a_js_distance_is_symmetric(cells: list[tuple[int, int]]) -> None:
    first, second = zip(*cells, strict=True)
    assert js_distance(first, second) == pytest.approx(js_distance(second, first), abs=1e-12)


def test_tables_without_a_common_value_are_at_the_largest_distance() -> None:
    real = pd.DataFrame({"x": [0.0, 0.5], "y": [1.0, 2.0], "c": ["a", "b"], "d": ["a", "b"]})
    other = pd.DataFrame({"x": [9.0, 9.5], "y": [-5.0, -6.0], "c": ["z", "z"], "d": ["y", "y"]})
    assert _scores(real, other)["mean_js_distance"] == pytest.approx(math.sqrt(math.log(2)))
