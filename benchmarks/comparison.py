"""CPU time of comparing tables, beside artifact-core 0.2.1 and SDMetrics in the same run.

Their pins conflict with this project's, so they need an environment of their own:

    python -m venv .venv-reference
    .venv-reference/bin/pip install -r benchmarks/reference-requirements.txt
    python benchmarks/comparison.py --reference .venv-reference/bin/python [--adult adult.csv.gz]

Prints a table of CPU seconds: the best of a few repetitions, after one run to warm up.
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

REFERENCE = Path(__file__).with_name("reference.py").resolve()
HEART = Path(__file__).parents[1] / "assets" / "heart.csv"
PLOTS = ("pdf", "cdf", "descriptive_statistics", "pca", "truncated_svd", "correlation_heatmaps")


def tables(arguments: argparse.Namespace) -> dict[str, pd.DataFrame]:
    """Return the tables, each of which is compared with a resample of itself."""
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
    """Return the CPU seconds of the fastest of some runs, after one to warm up."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def reference_seconds(
    python: str | None,
    what: str,
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    repeats: int,
) -> float | None:
    """Time another package at ``sdmetrics``, ``scores`` or ``plan``, see reference.py."""
    from tabvae_ray.table.spec import TableSpec

    if python is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{name}.csv") for name in ("real", "synthetic")]
        for path, table in zip(paths, (real, synthetic), strict=True):
            table.to_csv(path, index=False)
        done = subprocess.run(
            [python, str(REFERENCE), "time", what, *paths, str(repeats)],
            input=json.dumps(TableSpec.infer(real).categorical),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def main() -> int:
    """Measure all tables, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", metavar="PYTHON", help="the Python of that environment")
    parser.add_argument("--adult", metavar="FILE", help="the adult table, as CSV")
    parser.add_argument("--quick", action="store_true", help="leave the largest table out")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    from tabvae_ray.comparison.plan import ComparisonPlan
    from tabvae_ray.comparison.reference_levels import reference_levels
    from tabvae_ray.table.spec import TableSpec

    rows: list[tuple[str, float, float | None]] = []

    def add(what: str, name: str, plan: ComparisonPlan, theirs: str) -> None:
        real, repeats = found[name], arguments.repeats if theirs != "plan" else 1
        synthetic = real.sample(frac=1.0, replace=True, random_state=0, ignore_index=True)
        prepared = plan.prepare(real, TableSpec.infer(real))
        ours = best(lambda: prepared.compute(synthetic).files(), arguments.repeats)
        other = reference_seconds(arguments.reference, theirs, real, synthetic, repeats=repeats)
        rows.append((f"{what}, {name}", ours, other))

    found = tables(arguments)
    for name, real in found.items():
        add("two scores", name, ComparisonPlan(), "scores")
        shapes = ComparisonPlan(scores=("column_shapes", "pair_trends"))
        add("shapes and trends", name, shapes, "sdmetrics")
        for what, plan in (
            ("two scores", ComparisonPlan()),
            ("shapes and trends", shapes),
            ("detection", ComparisonPlan(scores=("detection",))),
        ):
            prepared = plan.prepare(real, TableSpec.infer(real))
            seconds = best(lambda p=prepared: reference_levels(p), 1)
            rows.append((f"reference levels of {what}, {name}", seconds, None))
        if len(real) < 1000:
            whole = ComparisonPlan.complete().model_copy(
                update={"scores": ("mean_js_distance", "correlation_distance"), "plots": PLOTS}
            )
            add("whole plan with pictures", name, whole, "plan")
    print(f"{'':<56}{'ours, s':>10}{'theirs, s':>12}{'ratio':>8}")
    for what, ours, theirs in rows:
        other = "" if theirs is None else f"{theirs:>12.3f}{theirs / ours:>7.0f}x"
        print(f"{what:<56}{ours:>10.4f}{other}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
