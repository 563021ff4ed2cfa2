"""Reference levels against what rows of a known population score."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels, reference_levels
from tabvae_ray.table.spec import TableSpec

PLAN = ComparisonPlan(
    scores=("mean_js_distance", "correlation_distance", "column_shapes", "pair_trends")
)


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


def test_copied_pairs_are_suspicious_and_evenly_spread_columns_are_not(
    levels: ReferenceLevels,
) -> None:
    known = {"pair_trends": 0.95, "column_shapes": 0.97, "mean_js_distance": 0.08}
    sure = {name: Level(mean, 0.002) for name, mean in known.items()}
    levels = dataclasses.replace(levels, resample=sure)
    assert "fits this very sample" in levels.verdicts({"pair_trends": 1.0})[0]
    assert levels.verdicts({"mean_js_distance": 0.0, "column_shapes": 1.0}) == []


def test_a_picture_of_a_column_says_its_distance_and_its_level(levels: ReferenceLevels) -> None:
    level = levels.fresh["js_distance/x"].mean
    assert levels.title("x", 0.1234) == f"JS 0.123 (fresh {level:.3f})"
    level = levels.resample["js_distance/x"].mean
    older = dataclasses.replace(levels, fresh={})
    assert older.title("x", 0.1234) == f"JS 0.123 (resample {level:.3f})"
    assert levels.title("unknown", 0.5) == "JS 0.500"


def test_cosine_similarity_is_judged_the_other_way_round() -> None:
    real = _table(1000, 0)
    plan = ComparisonPlan.from_mapping(
        {"scores": ["correlation_distance"], "options": {"distance_metric": "COSINE_SIMILARITY"}}
    )
    levels = reference_levels(plan.prepare(real, TableSpec.infer(real)))
    name = "correlation_distance"
    assert levels.independent[name].mean < levels.fresh[name].mean <= 1
    assert levels.verdicts({name: levels.fresh[name].mean}) == []
    assert "nothing was learnt" in levels.verdicts({name: levels.independent[name].mean})[0]
    assert ReferenceLevels.from_mapping(levels.to_mapping()) == levels


def test_where_nothing_depends_on_anything_no_model_is_blamed_for_it() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"x": rng.normal(size=500), "y": rng.normal(size=500)})
    levels = reference_levels(PLAN.prepare(real, TableSpec.infer(real)))
    assert (
        levels.verdicts({"correlation_distance": levels.fresh["correlation_distance"].mean}) == []
    )


def test_a_single_column_has_no_independent_level() -> None:
    real = _table(200, 0)[["x"]]
    levels = reference_levels(PLAN.prepare(real, TableSpec.infer(real)))
    assert levels.independent == {}
    assert levels.verdicts({"correlation_distance": 0.0, "mean_js_distance": 0.5}) == []


def test_scores_that_train_models_have_levels_where_the_plan_has_them() -> None:
    real, held_out = _table(600, 0), _table(300, 1)
    plan = ComparisonPlan.from_mapping(
        {"scores": ["detection", "tstr", "dcr_share"], "options": {"target": "c"}}
    )
    levels = reference_levels(plan.prepare(real, TableSpec.infer(real), held_out=held_out))
    assert levels.fresh["detection"].mean > 0.85
    assert levels.independent["detection"].mean < 0.6
    assert "detection" not in levels.resample
    assert levels.fresh["tstr"].mean == pytest.approx(levels.resample["tstr"].mean, abs=0.1)
    assert levels.independent["tstr"].mean < levels.resample["tstr"].mean - 0.1
    assert levels.fresh["dcr_share"].mean == 0.5
    assert levels.verdicts({"detection": 1.0, "tstr": 1.0, "dcr_share": 0.5}) == []


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


def test_levels_show_themselves_in_few_lines() -> None:
    columns = {f"js_distance/{i}": Level(0.1, 0.0) for i in range(150)}
    levels = ReferenceLevels(resample={"detection": Level(0.9, 0.01), **columns}, n_rows=9)
    assert repr(levels).splitlines() == [
        "ReferenceLevels",
        "  detection: resample 0.900 ± 0.010",
        "  js_distance of 150 columns",
    ]
    assert repr(ReferenceLevels()).endswith("none are known")
