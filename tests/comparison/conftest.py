"""Cases with the scores that the reference implementation gives them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec

CASES = ("adult_noisy", "edges", "heart_resampled", "heart_shuffled", "missing")
FIXTURES = Path(__file__).parent / "score_fixtures"


@dataclass
class ReferenceCase:
    """Two tables with the scores that the reference implementation gives them."""

    name: str
    real: pd.DataFrame
    synthetic: pd.DataFrame
    spec: TableSpec
    expected: dict[str, Any]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> ReferenceCase:
    folder = FIXTURES / request.param
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    real = pd.read_csv(folder / "real.csv")
    declared = SpecDeclaration(
        continuous=tuple(expected["continuous"]), categorical=tuple(expected["categorical"])
    )
    return ReferenceCase(
        request.param,
        real,
        pd.read_csv(folder / "synthetic.csv"),
        TableSpec.infer(real, declared=declared),
        expected,
    )
