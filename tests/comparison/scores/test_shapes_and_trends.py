"""Column shapes and pair trends are those of SDMetrics, which computed the expected numbers."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.scores.shapes_and_trends import column_shapes, mean_score, pair_trends
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec

TOLERANCE = 1e-9
FOLDER = Path(__file__).parents[1] / "sdmetrics_expected"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


def _check(
    real: pd.DataFrame, synthetic: pd.DataFrame, spec: TableSpec, expected: dict[str, Any]
) -> None:
    reader = ColumnReader(spec, real)
    table = reader.read(synthetic)
    shapes, trends = column_shapes(reader.real, table), pair_trends(reader.real, table)
    assert shapes == pytest.approx(expected["shapes"], rel=0, abs=TOLERANCE)
    in_any_order = {frozenset(pair): value for pair, value in trends.items()}
    wanted = {frozenset(pair): value for *pair, value in expected["trends"]}
    assert in_any_order == pytest.approx(wanted, rel=0, abs=TOLERANCE)
    assert mean_score(shapes) == pytest.approx(expected["column_shapes"], rel=0, abs=TOLERANCE)
    assert mean_score(trends) == pytest.approx(expected["pair_trends"], rel=0, abs=TOLERANCE)


def test_shapes_and_trends_equal_sdmetrics_with_missing_and_unseen_values() -> None:
    real, synthetic = (pd.read_csv(FOLDER / f"{name}.csv") for name in ("real", "synthetic"))
    kinds = EXPECTED["own"]["kinds"]
    declared = SpecDeclaration(
        continuous=tuple(name for name, kind in kinds.items() if kind == "numerical"),
        categorical=tuple(name for name, kind in kinds.items() if kind == "categorical"),
    )
    _check(real, synthetic, TableSpec.infer(real, declared=declared), EXPECTED["own"])


def test_shapes_and_trends_equal_sdmetrics_on_the_reference_cases(case: Any) -> None:
    _check(case.real, case.synthetic, case.spec, EXPECTED[case.name])


def test_the_expected_numbers_are_still_those_of_sdmetrics() -> None:
    pytest.importorskip("sdmetrics", reason="sdmetrics is not installed")
    from sdmetrics.single_column import KSComplement, TVComplement

    real, synthetic = (pd.read_csv(FOLDER / f"{name}.csv") for name in ("real", "synthetic"))
    expected = EXPECTED["own"]["shapes"]
    assert KSComplement.compute(real["x"], synthetic["x"]) == pytest.approx(expected["x"])
    assert TVComplement.compute(real["city"], synthetic["city"]) == pytest.approx(expected["city"])
