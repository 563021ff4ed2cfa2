"""A plan computes what it lists, twice the same, and survives odd tables."""

import io
import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tabvae_ray.comparison.options import STATISTICS
from tabvae_ray.comparison.plan import SCORES, Comparison, ComparisonOptions, ComparisonPlan
from tabvae_ray.comparison.plot_names import PLOTS
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec


def _shuffled(table: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {name: table[name].to_numpy()[rng.permutation(len(table))] for name in table}
    )


def test_the_complete_plan_gives_every_kind_of_artifact(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    plan = ComparisonPlan.complete()
    comparison = plan.prepare(mixed, mixed_spec).compute(_shuffled(mixed))
    assert set(comparison.scores) == set(SCORES) - {"dcr_share", "membership_black_box", "tstr"}
    assert all(np.isfinite(list(comparison.flat_scores().values())))
    files = comparison.files()
    assert {f"arrays/{name}.json" for name in STATISTICS} < files.keys()
    assert {f"plots/{name}.png" for name in plan.plots} < files.keys()
    assert {"plots/pdf/city.png", "plots/cdf/visited.png"} < files.keys()
    assert {f"plots/correlation_heatmaps/{t}.png" for t in ("real", "synthetic", "difference")} < (
        files.keys()
    )
    for name, content in files.items():
        if name.endswith(".png"):
            Image.open(io.BytesIO(content)).verify()
        else:
            json.loads(content, parse_constant=pytest.fail)


def test_arrays_hold_the_statistics_of_both_tables(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    plan = ComparisonPlan(scores=(), array_collections=STATISTICS)
    half = mixed.head(100)
    arrays = plan.prepare(mixed, mixed_spec).compute(half).array_collections
    assert arrays["means"]["weight"] == pytest.approx((mixed.weight.mean(), half.weight.mean()))
    assert arrays["stds"]["age"] == pytest.approx((mixed.age.std(), half.age.std()))
    assert arrays["third_quartiles"]["income"] == pytest.approx(
        (mixed.income.quantile(0.75), half.income.quantile(0.75))
    )


def test_a_prepared_plan_that_was_pickled_gives_the_same(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    plan = ComparisonPlan(scores=(*SCORES,), options={"target": "smoker"})  # type: ignore[arg-type]
    prepared = plan.prepare(mixed, mixed_spec, held_out=np.arange(0, 400, 4))
    again = pickle.loads(pickle.dumps(prepared))
    rows = _shuffled(mixed)
    assert prepared.compute(rows).scores == again.compute(rows).scores


def test_pictures_are_the_same_bytes_for_the_same_tables(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    plan = ComparisonPlan(scores=(), plots=("pdf", "pca"))
    first, second = (plan.prepare(mixed, mixed_spec).compute(mixed).plots for _ in range(2))
    assert first == second


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_names_are_never_formulas_nor_paths(theme: str) -> None:
    names = ["$x^2$", "a_$b", "../../up", "<script>", "Age", "age", "\\frac", "  "]
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.normal(size=30) for name in names})
    table["text"] = rng.choice(["$\\bad{$", "b"], 30)
    plan = ComparisonPlan.from_mapping(
        {
            "scores": [],
            "plots": ["pdf", "cdf", "correlation_heatmaps", "descriptive_statistics"],
            "plot_collections": ["pdf"],
            "options": {"theme": theme, "dpi": 40},
        }
    )
    files = plan.prepare(table, TableSpec.infer(table)).compute(table).files()
    drawn = [name for name in files if name.startswith("plots/pdf/")]
    assert len({name.lower() for name in drawn}) == len(table.columns)
    assert all(name.count("/") == 2 for name in drawn)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": [1.5], "c": ["a"]}),
        pd.DataFrame({"x": [1.5, 1.5, 1.5], "c": ["a", "a", "a"]}),
        pd.DataFrame({"x": [1e300, -1e300, 0.5], "c": ["a", "b", None]}),
        pd.DataFrame({"c": ["a", "b", "a"], "d": [f"v{i % 2}" for i in range(3)]}),
        pd.DataFrame({"x": [0.5, np.nan, np.nan], "y": [1.25, 2.5, 3.75]}),
    ],
    ids=["one row", "constant", "huge", "categorical", "missing"],
)
def test_odd_tables_have_all_scores_and_pictures(table: pd.DataFrame) -> None:
    kinds = {name: "continuous" if name in "xy" else "categorical" for name in table}  # type: ignore[operator]
    declared = SpecDeclaration(
        continuous=tuple(n for n, k in kinds.items() if k == "continuous"),
        categorical=tuple(n for n, k in kinds.items() if k == "categorical"),
    )
    plan = ComparisonPlan.complete()
    prepared = plan.prepare(table, TableSpec.infer(table, declared=declared))
    comparison = prepared.compute(table)
    assert all(np.isfinite(list(comparison.flat_scores().values())))
    assert comparison.scores["mean_js_distance"] == 0
    assert comparison.scores["correlation_distance"] == pytest.approx(0, abs=1e-12)
    assert len(comparison.files()) > len(plan.plots)


def test_tsne_and_svd_are_drawn_too(mixed: pd.DataFrame, mixed_spec: TableSpec) -> None:
    plan = ComparisonPlan(scores=(), plots=("truncated_svd", "tsne"))
    drawn = plan.prepare(mixed.head(40), mixed_spec).compute(mixed.head(40)).plots
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())


def test_dcr_share_without_held_out_rows_is_refused(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    with pytest.raises(ConfigError, match="dcr_share: must have held-out rows"):
        ComparisonPlan(scores=("dcr_share",)).prepare(mixed, mixed_spec)


def test_tstr_without_a_target_is_refused(mixed: pd.DataFrame, mixed_spec: TableSpec) -> None:
    with pytest.raises(ConfigError, match="tstr: must have a target"):
        ComparisonPlan(scores=("tstr",)).prepare(mixed, mixed_spec)


@pytest.mark.parametrize("held_out", [[400], [-1], [0.5], list(range(400)), []])
def test_held_out_positions_must_be_some_of_the_rows(
    held_out: list[float], mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    with pytest.raises(DataError, match="held_out: must be"):
        ComparisonPlan().prepare(mixed, mixed_spec, held_out=np.array(held_out))


def test_a_misspelt_name_is_named_in_the_message() -> None:
    with pytest.raises(ConfigError, match=r"my\.yaml: plots\.0: must be 'pdf'.*'pfd'"):
        ComparisonPlan.from_mapping({"plots": ["pfd"]}, "my.yaml")


def test_which_direction_is_better_depends_on_the_score_and_its_options() -> None:
    higher = {name for name in SCORES if ComparisonOptions().higher_is_better(name)}
    assert higher == {"column_shapes", "pair_trends", "detection", "tstr", "rules_kept"}
    cosine = ComparisonOptions(distance_metric="COSINE_SIMILARITY")
    assert cosine.higher_is_better("correlation_distance")
    assert not cosine.higher_is_better("mean_js_distance")
    assert "tsne" in PLOTS


def test_scores_load_neither_torch_nor_ray_nor_matplotlib() -> None:
    code = (
        "import sys, tabvae_ray.comparison.plan, tabvae_ray.comparison.reference_levels\n"
        "import tabvae_ray.compare\n"
        "loaded = {'torch', 'ray', 'matplotlib', 'sklearn', 'optuna'} & set(sys.modules);"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_drawing_leaves_matplotlibs_global_state_alone() -> None:
    code = (
        "import sys, pandas as pd;"
        "from tabvae_ray.comparison.plan import ComparisonPlan;"
        "from tabvae_ray.table.spec import TableSpec;"
        "t = pd.DataFrame({'x': [0.5, 1.5, 2.5], 'y': [2.5, 3.5, 9.5]});"
        "ComparisonPlan(plots=('pdf',)).prepare(t, TableSpec.infer(t)).compute(t);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_single_column_has_everything_but_a_plane() -> None:
    table = pd.DataFrame({"x": [0.5, 1.5, 2.5, 9.5]})
    plan = ComparisonPlan.complete()
    comparison = plan.prepare(table, TableSpec.infer(table)).compute(table)
    assert set(plan.plots) - comparison.plots.keys() == {"pca", "truncated_svd"}
    assert [said.partition(":")[0] for said in comparison.warnings] == ["pca", "truncated_svd"]
    assert all(np.isfinite(list(comparison.flat_scores().values())))
    letters = pd.DataFrame({"c": ["a", "b", "c", "a"]})
    comparison = plan.prepare(letters, TableSpec.infer(letters)).compute(letters)
    assert set(plan.plots) == comparison.plots.keys()


def test_a_result_is_shown_by_its_scores() -> None:
    shown = repr(Comparison(scores={"pair_trends": 0.91234}, warnings=("odd",)))
    assert shown == "Comparison(pair_trends=0.9123; 1 warnings)"
