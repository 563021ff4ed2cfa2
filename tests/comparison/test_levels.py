"""Reference levels against what rows of a known population score."""

import json

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.levels import LEVEL_SCORES, ReferenceLevels, reference_levels
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.table.spec import TableSpec

PLAN = ComparisonPlan(scores=LEVEL_SCORES)


def _table(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "y": x + rng.normal(size=n),
            "z": rng.exponential(size=n),
            "c": np.where(x > 0.3, "a", rng.choice(["b", "c"], n)),
        }
    )


@pytest.fixture(scope="module")
def levels() -> ReferenceLevels:
    real = _table(1000, 0)
    return reference_levels(PLAN.prepare(real, TableSpec.infer(real)))


def test_fresh_is_what_other_rows_of_the_population_score(levels: ReferenceLevels) -> None:
    scores = []
    for seed in range(10):
        real = _table(1000, 100 + seed)
        prepared = PLAN.prepare(real, TableSpec.infer(real))
        scores.append(prepared.compute(_table(1000, 200 + seed)).scores)
    for name in ("mean_js_distance", "correlation_distance"):
        mean = np.mean([score[name] for score in scores])
        assert levels.fresh[name].mean == pytest.approx(mean, rel=0.25), name
    mean = np.mean([score["column_shapes"] for score in scores])
    assert 1 - levels.fresh["column_shapes"].mean == pytest.approx(1 - mean, rel=0.35)


def test_resample_is_below_fresh_and_independent_far_above_in_associations(
    levels: ReferenceLevels,
) -> None:
    assert levels.resample["mean_js_distance"].mean < levels.fresh["mean_js_distance"].mean
    name = "correlation_distance"
    assert levels.independent[name].mean > 3 * levels.fresh[name].mean
    assert 0 < levels.resample[name].spread < levels.resample[name].mean
    assert "js_distance/x" in levels.resample


def test_levels_are_the_same_each_time_and_survive_json(levels: ReferenceLevels) -> None:
    real = _table(1000, 0)
    assert reference_levels(PLAN.prepare(real, TableSpec.infer(real))) == levels
    text = json.dumps(levels.to_mapping(), allow_nan=False)
    assert ReferenceLevels.from_mapping(json.loads(text)) == levels
    assert ReferenceLevels.from_mapping({}) == ReferenceLevels()


def test_a_score_is_described_beside_its_levels(levels: ReferenceLevels) -> None:
    assert levels.describe("detection", 0.5) == "0.500"
    text = levels.describe("mean_js_distance", 0.0471)
    assert text.startswith("0.047; resample 0.0")
    assert " ± 0.0" in text
    assert ", fresh 0." in text


def test_what_is_no_better_than_shuffled_columns_is_told_so(levels: ReferenceLevels) -> None:
    level = levels.independent["correlation_distance"].mean
    assert "nothing was learnt" in levels.verdicts({"correlation_distance": level})[0]
    assert levels.verdicts({"correlation_distance": 0.5 * level}) == []
    assert "fits this very sample" in levels.verdicts({"mean_js_distance": 0.0})[0]
    assert "fits this very sample" in levels.verdicts({"column_shapes": 1.0})[0]


def test_more_synthetic_rows_lower_the_levels() -> None:
    real = _table(500, 0)
    prepared = PLAN.prepare(real, TableSpec.infer(real))
    few, many = (reference_levels(prepared, n_synthetic=n) for n in (500, 5000))
    for kind in ("resample", "fresh"):
        name = "mean_js_distance"
        assert getattr(many, kind)[name].mean < getattr(few, kind)[name].mean


@pytest.mark.parametrize("n", [1, 2, 8])
def test_tiny_tables_have_levels(n: int) -> None:
    real = _table(n, 0).drop(columns="c")
    levels = reference_levels(PLAN.prepare(real, TableSpec.infer(real)), n_repeats=2)
    assert bool(levels.fresh) == (n >= 8)
    assert all(np.isfinite(level.mean) for level in levels.resample.values())
