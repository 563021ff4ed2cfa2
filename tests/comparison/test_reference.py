"""The scores are those of artifact-core 0.2.1, which computed the cases' expected numbers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.scores.association import associations

TOLERANCE = 1e-9


def test_js_distances_equal_the_reference(case: Any) -> None:
    plan = ComparisonPlan(score_collections=("js_distance",))
    comparison = plan.prepare(case.real, case.spec).compute(case.synthetic)
    assert comparison.score_collections["js_distance"] == pytest.approx(
        case.expected["js"], rel=0, abs=TOLERANCE
    )
    assert comparison.scores["mean_js_distance"] == pytest.approx(
        case.expected["mean_js_distance"], rel=0, abs=TOLERANCE
    )


def test_correlation_distance_equals_the_reference(case: Any) -> None:
    comparison = ComparisonPlan().prepare(case.real, case.spec).compute(case.synthetic)
    assert comparison.scores["correlation_distance"] == pytest.approx(
        case.expected["correlation_distance"], rel=0, abs=TOLERANCE
    )


def test_every_option_of_the_correlation_distance_equals_the_reference(
    case: Any,
) -> None:
    assert case.expected["options"]
    for option, expected in case.expected["options"].items():
        categorical, continuous, metric = option.split("/")
        plan = ComparisonPlan.model_validate(
            {
                "scores": ["correlation_distance"],
                "options": {
                    "categorical_association": categorical,
                    "continuous_association": continuous,
                    "distance_metric": metric,
                },
            }
        )
        scores = plan.prepare(case.real, case.spec).compute(case.synthetic).scores
        assert scores["correlation_distance"] == pytest.approx(expected, rel=0, abs=TOLERANCE), (
            option
        )


@pytest.mark.parametrize("side", ["real", "synthetic"])
def test_association_matrices_equal_the_reference(case: Any, side: str) -> None:
    expected = case.expected[f"associations_{side}"]
    prepared = ComparisonPlan().prepare(case.real, case.spec)
    table = prepared.real if side == "real" else prepared.reader.read(case.synthetic)
    names = list(table.names)
    matrix = pd.DataFrame(associations(table), index=names, columns=names)
    in_order = matrix.loc[expected["columns"], expected["columns"]].to_numpy()
    assert in_order == pytest.approx(np.array(expected["matrix"]), rel=0, abs=TOLERANCE)
