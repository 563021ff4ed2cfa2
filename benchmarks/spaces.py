"""The spaces beside each other on the same tables, with the same time for each search.

    python -m benchmarks.spaces --search-seconds 300

For each table, every space is searched until the time is used up.
The rows of the chosen model are scored as in `benchmarks.quality`; trend error and detection are
means of several samples of rows, because one of a small table says little. Each result is kept in
`--out` and not computed again.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import show
from benchmarks.quality import Bench, Skipped, held_out_detection, shared_trends
from benchmarks.tables import TABLES, load
from tabvae_ray import load_synthesizer
from tabvae_ray.comparison.plan import ComparisonOptions, ComparisonPlan
from tabvae_ray.table.spec import TableSpec

SPACES = ("auto", "beta", "small", "full")
# Of rows to score: detection of so few rows as heart has differs by 0.1 from sample to sample.
SAMPLES = 5
SAMPLES_OF_FEW_ROWS = 25
FEW_ROWS = 1_000
COLUMNS = {
    "shared_trend_error": ("trend error %, shared bins", "{:.2f}"),
    "detection": ("detection", "{:.3f}"),
    "tstr": ("train synthetic, test real", "{:.3f}"),
    "seconds": ("seconds", "{:,.0f}"),
}


def scores(bench: Bench) -> dict[str, Any]:
    """Search, and score the rows of the chosen model."""
    made = bench.ours()
    options = ComparisonOptions(usefulness_max_rows=10**9)
    plan = ComparisonPlan(scores=("pair_trends", "tstr"), options=options)
    spec = TableSpec.infer(bench.train, declared=bench.declared)
    prepared = plan.prepare(bench.train, spec, held_out=bench.test)
    useful = prepared.compute_columns(prepared.reader.read(made.rows)).usefulness
    assert useful is not None
    model = load_synthesizer(bench.home / "search" / "best")
    n = SAMPLES_OF_FEW_ROWS if len(bench.test) < FEW_ROWS else SAMPLES
    samples = [
        prepared.reader.read(model.generate(len(bench.train), seed=seed)) for seed in range(n)
    ]
    return {
        "shared_trend_error": 100 * (1 - np.mean([shared_trends(prepared, s) for s in samples])),
        "detection": float(np.mean([held_out_detection(prepared, s) for s in samples])),
        "tstr": useful.tstr,
        "seconds": made.seconds,
        "remark": made.remark,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Search every table with every space, and print one table of results."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--spaces", nargs="+", default=list(SPACES))
    parser.add_argument("--search-seconds", type=float, default=300)
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--out", default="runs/spaces")
    options = parser.parse_args(arguments)
    lines, remarks = [], []
    for table in options.tables:
        for space in options.spaces:
            out = Path(options.out) / f"{options.search_seconds:g}" / space
            own = argparse.Namespace(
                table=table, space=space, out=str(out), reference_python=None, **_limits(options)
            )
            bench = Bench(own, *load(table))
            bench.home.mkdir(parents=True, exist_ok=True)
            kept = bench.home / "scores.json"
            if not kept.exists():
                try:
                    kept.write_text(json.dumps(scores(bench), indent=1))
                except Skipped as error:
                    remarks.append(f"{table}, {space}: skipped: {error}")
                    continue
            found = json.loads(kept.read_text())
            cells = [form.format(found[key]) for key, (_, form) in COLUMNS.items()]
            lines.append((table, space, *cells))
            remarks.append(f"{table}, {space}: {found['remark']}")
    header = ("table", "space", *(heading for heading, _ in COLUMNS.values()))
    show(f"{options.search_seconds:g} s, {options.concurrency} trials at a time", lines, header)
    print("\n" + "\n".join(remarks))


def _limits(options: argparse.Namespace) -> dict[str, float]:
    return {"search_seconds": options.search_seconds, "concurrency": options.concurrency}


if __name__ == "__main__":
    main()
