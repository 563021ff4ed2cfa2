"""Searches with and without the constraint that the model betray no membership.

    python -m benchmarks.constraint [--table heart] [--search-seconds 300] [--out constraint-runs]

Each table is searched twice with the same time budget: with ``small.yaml`` (heart) or
``full.yaml``, and with the same space and ``constraints: {membership: {max: 0.55}}``. A tenth of
the rows is held out. The attacks are those on the exported model, in its ``scores.json``. Searches
are kept in ``--out`` and not run again.

Goals: with the constraint, an AUC of at most 0.55 on the model and of 0.53 on its rows, at a trend
error of at most 1.1 times that of the unconstrained choice.
"""

import argparse
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, show
from benchmarks.minimum_rows import read
from benchmarks.tables import TABLES
from tabvae_ray import TableSpec, load_synthesizer
from tabvae_ray.bounded_yaml import parse_yaml
from tabvae_ray.comparison.plan import ComparisonPlan

_SCORES = ("column_shapes", "pair_trends")
_MOST_AUC, _MOST_BLACK_BOX, _MOST_TREND_RATIO = 0.55, 0.53, 1.1


def searched(name: str, *, constrained: bool, options: argparse.Namespace) -> Path | None:
    """Search a table, and return the directory of the chosen model; None if there is none."""
    home = Path(options.out) / name
    home.mkdir(parents=True, exist_ok=True)
    data = home / "table.parquet"
    read(name).to_parquet(data, index=False)
    source = ROOT / "search_spaces" / ("small.yaml" if name == "heart" else "full.yaml")
    space: dict[str, Any] = parse_yaml(source.read_text())
    run = "constrained" if constrained else "free"
    if constrained:
        space["constraints"] = {"membership": {"max": _MOST_AUC}}
    file = home / f"{run}.json"
    file.write_text(json.dumps(space))
    best = home / run / "best"
    if not (best / "synthesizer.json").exists():
        command = [sys.executable, "-m", "tabvae_ray.search", "--space", str(file)]
        command += ["--data", str(data), "--out", str(home), "--name", run, "--trials", "1000"]
        command += ["--time-budget", str(options.search_seconds)]
        command += ["--concurrency", str(options.concurrency)]
        command += ["--resume"] if (home / run).exists() else []
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return best if (best / "synthesizer.json").exists() else None


def main() -> None:
    """Print a row per table and search."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=TABLES, action="append", help="may be repeated")
    parser.add_argument("--search-seconds", type=float, default=300.0)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--out", default="constraint-runs")
    options = parser.parse_args()
    lines = []
    for name in options.table or TABLES:
        table = read(name)
        spec = TableSpec.infer(table)
        comparison = ComparisonPlan(scores=_SCORES).prepare(table, spec)
        free_error = None
        for constrained in (False, True):
            way = "membership <= 0.55" if constrained else "no constraint"
            best = searched(name, constrained=constrained, options=options)
            if best is None:
                lines.append((name, way, *["-"] * 5, "no model"))
                continue
            attacks = json.loads((best / "scores.json").read_text())["membership_attacks"]
            areas = [attacks[kind]["auc"] for kind in ("white_box", "black_box")]
            rows = load_synthesizer(best).generate(len(table), seed=0)
            shapes, trends = (comparison.compute(rows).scores[score] for score in _SCORES)
            error, goal = 1 - trends, "-"
            if constrained and free_error is not None:
                kept = (
                    areas[0] <= _MOST_AUC
                    and areas[1] <= _MOST_BLACK_BOX
                    and error <= _MOST_TREND_RATIO * free_error
                )
                goal = "kept" if kept else "missed"
            elif not constrained:
                free_error = error
            found = attacks["white_box"]
            line = (
                *(name, way),
                f"{areas[0]:.3f} ({found['low']:.3f} to {found['high']:.3f})",
                f"{found['attacks'][found['strongest']]['tpr_at_1_percent']:.1%}",
                f"{areas[1]:.3f}",
                *(f"{100 * (1 - score):.2f}" for score in (shapes, trends)),
                goal,
            )
            print(*line, sep=" | ", flush=True)
            lines.append(line)
    show(
        "The constraint on membership",
        lines,
        (
            *("table", "search", "model: AUC", "TPR at 1% FPR", "synthetic rows: AUC"),
            *("shape error %", "trend error %", "goal"),
        ),
    )


if __name__ == "__main__":
    main()
