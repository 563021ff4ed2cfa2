"""What comparing tables costs, beside artifact-core 0.2.1 in the same run.

Its pins clash with this project's, so that it lives in an environment of its own:

    python -m venv /tmp/reference
    /tmp/reference/bin/pip install artifact-core==0.2.1 "matplotlib<3.11"
    python benchmarks/comparison.py --reference /tmp/reference/bin/python [--adult adult.csv.gz]

Prints a table of CPU seconds, the best of a few repetitions, each side warmed up by one run before.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

HEART = Path(__file__).parents[1] / "assets" / "heart.csv"
PLOTS = ("pdf", "cdf", "descriptive_statistics", "pca", "truncated_svd", "correlation_heatmaps")

REFERENCE = """
import io, json, os, sys, time
import pandas as pd
os.environ["MPLBACKEND"] = "Agg"
folder, repeats, pictures = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1"
real, synthetic = (pd.read_csv(f"{folder}/{n}.csv") for n in ("real", "synthetic"))
kinds = json.load(open(f"{folder}/kinds.json"))
from artifact_core.table_comparison import *
spec = TabularDataSpec.from_df(real, cts_features=kinds["continuous"],
                               cat_features=kinds["categorical"])
engine = TableComparisonEngine.build(resource_spec=spec)
def scores():
    for kind in TableComparisonScoreType:
        engine.produce_dataset_comparison_score(kind, real, synthetic)
def whole_plan():
    scores()
    engine.produce_dataset_comparison_score_collection(
        TableComparisonScoreCollectionType.JS_DISTANCE, real, synthetic)
    for kind in TableComparisonArrayCollectionType:
        engine.produce_dataset_comparison_array_collection(kind, real, synthetic)
    figures = [engine.produce_dataset_comparison_plot(kind, real, synthetic)
               for kind in TableComparisonPlotType if kind.name in PLOTS]
    for kind in TableComparisonPlotCollectionType:
        made = engine.produce_dataset_comparison_plot_collection(kind, real, synthetic)
        figures += list(made.values())
    for figure in figures:
        figure.savefig(io.BytesIO(), format="png", dpi=300)
PLOTS = {"PDF", "CDF", "DESCRIPTIVE_STATS_ALIGNMENT", "PCA_JUXTAPOSITION",
         "TRUNCATED_SVD_JUXTAPOSITION", "CORRELATION_HEATMAP_JUXTAPOSITION"}
work = whole_plan if pictures else scores
work()
seconds = []
for _ in range(repeats):
    start = time.process_time(); work(); seconds.append(time.process_time() - start)
print(json.dumps(min(seconds)))
"""


def tables(arguments: argparse.Namespace) -> dict[str, pd.DataFrame]:
    """The tables to compare with a resample of themselves."""
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(
        {f"number_{i}": rng.normal(size=200_000) for i in range(10)}
        | {f"category_{i}": rng.choice(list("abcdefgh"), 200_000) for i in range(10)}
    )
    found = {"heart 918 x 12": pd.read_csv(HEART)}
    if arguments.adult:
        found["adult 32,561 x 15"] = pd.read_csv(arguments.adult).head(32_561)
    if not arguments.quick:
        found["normal 200,000 x 20"] = wide
    return found


def best(work: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest of some runs, after one to warm up."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def reference_seconds(
    python: str, real: pd.DataFrame, synthetic: pd.DataFrame, *, repeats: int, pictures: bool
) -> float:
    """What artifact-core takes."""
    from tabvae_ray.table.spec import TableSpec

    spec = TableSpec.infer(real)
    with tempfile.TemporaryDirectory() as folder:
        for name, table in (("real", real), ("synthetic", synthetic)):
            path = Path(folder) / f"{name}.csv"
            table.to_csv(path, index=False)
        kinds = {"continuous": spec.continuous, "categorical": spec.categorical}
        (Path(folder) / "kinds.json").write_text(json.dumps(kinds), encoding="utf-8")
        done = subprocess.run(
            [python, "-W", "ignore", "-c", REFERENCE, folder, str(repeats), str(int(pictures))],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", metavar="PYTHON", help="python that has artifact-core")
    parser.add_argument("--adult", metavar="FILE", help="the adult table, as CSV")
    parser.add_argument("--quick", action="store_true", help="leave the largest table out")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    from tabvae_ray.comparison.levels import reference_levels
    from tabvae_ray.comparison.plan import ComparisonPlan
    from tabvae_ray.table.spec import TableSpec

    rows = []
    for name, real in tables(arguments).items():
        spec = TableSpec.infer(real)
        synthetic = real.sample(frac=1.0, replace=True, random_state=0, ignore_index=True)
        prepared = ComparisonPlan().prepare(real, spec)
        ours = best(lambda p=prepared, s=synthetic: p.compute(s), arguments.repeats)
        levels = best(lambda p=prepared: reference_levels(p), 1)
        theirs = None
        if arguments.reference:
            theirs = reference_seconds(
                arguments.reference, real, synthetic, repeats=arguments.repeats, pictures=False
            )
        rows.append((f"two scores, {name}", ours, theirs))
        rows.append((f"all reference levels, {name}", levels, None))
        if real.shape[0] > 1000:
            continue
        plan = ComparisonPlan.complete().model_copy(
            update={"scores": ("mean_js_distance", "correlation_distance"), "plots": PLOTS}
        )
        prepared = plan.prepare(real, spec)
        ours = best(lambda p=prepared, s=synthetic: p.compute(s).files(), arguments.repeats)
        if arguments.reference:
            theirs = reference_seconds(
                arguments.reference, real, synthetic, repeats=1, pictures=True
            )
        rows.append((f"whole plan with pictures, {name}", ours, theirs))
    print(f"{'':<46}{'ours, s':>10}{'theirs, s':>12}{'ratio':>8}")
    for what, ours, theirs in rows:
        other = "" if theirs is None else f"{theirs:>12.3f}{theirs / ours:>7.0f}x"
        print(f"{what:<46}{ours:>10.4f}{other}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
