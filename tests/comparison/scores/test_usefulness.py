"""Training on synthetic rows, testing on real ones."""

import pickle
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.options import ComparisonOptions
from tabvae_ray.comparison.plan import Comparison, ComparisonPlan
from tabvae_ray.comparison.scores.usefulness import Usefulness, usefulness
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


def _usefulness(synthetic: pd.DataFrame, **options: int) -> Usefulness:
    real = _table(800, 0)
    spec = TableSpec.infer(real, declared=SpecDeclaration(target="third"))
    plan = ComparisonPlan(scores=("tstr",))
    prepared = plan.prepare(real, spec, held_out=np.arange(200))
    assert prepared.tested is not None
    columns = prepared.reader.read(synthetic)
    return usefulness(*prepared.tested, columns, "third", n_trees=10, **options)


def test_several_draws_are_less_a_matter_of_luck() -> None:
    scores = {
        n: [
            _usefulness(_table(120 * n, 10 + seed), n_draws=n, rows_per_draw=120).tstr
            for seed in range(5)
        ]
        for n in (1, 4)
    }
    assert np.std(scores[4]) < 0.75 * np.std(scores[1])
    assert np.mean(scores[4]) == pytest.approx(np.mean(scores[1]), abs=0.05)


def test_the_spread_of_draws_is_told() -> None:
    table = _table(360, 1)
    assert _usefulness(table, n_draws=3, rows_per_draw=120).spread > 0
    # There are not enough rows for two samples.
    assert _usefulness(table, n_draws=3).spread == 0


def test_further_rows_are_for_usefulness_only() -> None:
    real, synthetic = _table(800, 0), _table(900, 1)
    spec = TableSpec.infer(real, declared=SpecDeclaration(target="third"))
    options = ComparisonOptions(usefulness_draws=3, usefulness_max_rows=10_000)
    plan = ComparisonPlan(scores=("mean_js_distance", "tstr"), options=options)
    prepared = plan.prepare(real, spec, held_out=np.arange(200))
    assert prepared.n_rows_to_generate(300) == 900
    found = prepared.compute(synthetic, n_rows=300)
    alone = prepared.compute(synthetic.head(300))
    assert found.scores["mean_js_distance"] == alone.scores["mean_js_distance"]
    assert found.usefulness is not None
    assert found.usefulness.spread > 0
    # Enough rows are generated anyway.
    few = options.model_copy(update={"usefulness_max_rows": 100})
    prepared.plan = plan.model_copy(update={"options": few})
    assert prepared.n_rows_to_generate(300) == 300


def test_a_target_of_many_categories_has_fewer_trees_for_each() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"x": rng.normal(size=400), "k": [f"k{i % 60}" for i in range(400)]})
    spec = TableSpec.infer(real, declared=SpecDeclaration(target="k"))
    prepared = ComparisonPlan(scores=("tstr",)).prepare(real, spec, held_out=np.arange(100))
    with patch("sklearn.ensemble.HistGradientBoostingClassifier") as model:
        model.return_value.fit.return_value.predict.return_value = np.zeros(100, dtype=int)
        prepared.compute(real)
    assert model.call_args.kwargs["max_iter"] == 50


def test_models_of_real_rows_are_trained_once_and_not_in_every_trial() -> None:
    real = _table(400, 0)
    spec = TableSpec.infer(real, declared=SpecDeclaration(target="sum"))
    prepared = ComparisonPlan(scores=("tstr",)).prepare(real, spec, held_out=np.arange(100))
    sent = pickle.loads(pickle.dumps(prepared.for_scores()))
    with patch("sklearn.ensemble.HistGradientBoostingRegressor") as model:
        model.return_value.fit.return_value.predict.return_value = np.zeros(100)
        found = sent.compute(_table(200, 1)).usefulness
    assert model.call_count == 1
    assert found is not None
    assert found.trtr > 0.85
