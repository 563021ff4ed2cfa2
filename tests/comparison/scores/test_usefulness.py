"""Training on synthetic rows, testing on real ones."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.plan import Comparison, ComparisonPlan
from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec


def _table(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "y": y,
            "sum": x + y + rng.normal(0, 0.2, n),
            "sign": np.where(x + rng.normal(0, 0.3, n) > 0, "yes", "no"),
            "third": np.select([y < -0.5, y < 0.5], ["low", "mid"], "high"),
        }
    )


def _compare(target: str, synthetic: pd.DataFrame) -> Comparison:
    real = _table(800, 0)
    spec = TableSpec.infer(real, declared=SpecDeclaration(target=target))
    prepared = ComparisonPlan(scores=("tstr",)).prepare(real, spec, held_out=np.arange(200))
    return prepared.compute(synthetic)


@pytest.mark.parametrize(
    ("target", "metric"), [("sign", "AUC"), ("third", "macro-F1"), ("sum", "R2")]
)
def test_rows_of_the_population_are_about_as_useful_as_real_ones(target: str, metric: str) -> None:
    found = _compare(target, _table(600, 1)).usefulness
    assert found is not None
    assert found.metric == metric
    assert found.n_tested == 200
    assert found.tstr == pytest.approx(found.trtr, abs=0.06)
    assert found.tstr > 0.85


@pytest.mark.parametrize(("target", "chance"), [("sign", 0.5), ("third", 1 / 3), ("sum", 0.0)])
def test_shuffled_columns_are_of_no_use(target: str, chance: float) -> None:
    rng = np.random.default_rng(2)
    table = _table(600, 1)
    shuffled = pd.DataFrame({name: rng.permutation(table[name]) for name in table})
    assert _compare(target, shuffled).scores["tstr"] < chance + 0.15


@pytest.mark.parametrize(("target", "value"), [("sign", 0.5), ("sum", None), ("third", None)])
def test_a_constant_or_unknown_target_gives_a_number(target: str, value: float | None) -> None:
    constant = _table(100, 1)
    constant[target] = constant[target].iloc[0]
    assert np.isfinite(score := _compare(target, constant).scores["tstr"])
    assert value is None or score == value
    unknown = _table(100, 1)
    unknown[target] = 3.5 if target == "sum" else "never seen"
    assert np.isfinite(_compare(target, unknown).scores["tstr"])


def test_without_held_out_rows_the_test_rows_are_named_in_a_warning() -> None:
    real = _table(400, 0)
    spec = TableSpec.infer(real, declared=SpecDeclaration(target="sign"))
    comparison = ComparisonPlan(scores=("tstr",)).prepare(real, spec).compute(real)
    assert "tstr: tested on 100 of the real rows" in comparison.warnings[0]


def test_held_out_rows_of_one_category_are_refused() -> None:
    real = _table(100, 0).sort_values("sign", ignore_index=True)
    spec = TableSpec.infer(real, declared=SpecDeclaration(target="sign"))
    with pytest.raises(DataError, match="at least 2 values in the real rows tested on, but 'sign'"):
        ComparisonPlan(scores=("tstr",)).prepare(real, spec, held_out=np.arange(5))
