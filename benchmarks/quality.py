"""Quality of generated rows, beside real rows and other models, on the same table.

    python -m benchmarks.quality --table adult --search-seconds 900 \
        --reference-python .venv-reference/bin/python

The rows of the result are: a resample of the real rows, one half of the real rows against the
other, independent columns, the demo's defaults, ctgan's TVAE, mostlyai-engine's TabularARGN, and
the model that a search with the given budget chose. Each result is kept in `--out` and not computed
again.

`--reference-python` is a Python with the packages of `benchmarks/reference-requirements.txt`.
Without it, TVAE is skipped, and shapes and trends come from this project's own implementation.
`--argn-python` is one with mostlyai-engine and without torchvision.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from benchmarks.common import ROOT, ReferenceFailed, run_reference, show
from benchmarks.tables import RUN_ONCE, TABLES, load
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig, load_synthesizer
from tabvae_ray.comparison.plan import ComparisonOptions, ComparisonPlan, PreparedComparison
from tabvae_ray.comparison.reading.table_columns import Integers, TableColumns
from tabvae_ray.comparison.scores.detection import detection
from tabvae_ray.comparison.scores.features import tree_features
from tabvae_ray.comparison.scores.shapes_and_trends import mean_score, pair_trends
from tabvae_ray.table.declaration import SpecDeclaration

N_BINS = 10
COLUMNS = {
    "mean_js_distance": ("mean JS", "{:.4f}"),
    "correlation_distance": ("corr. distance", "{:.4f}"),
    "shape_error": ("shape error %", "{:.2f}"),
    "trend_error": ("trend error %", "{:.2f}"),
    "shared_trend_error": ("trend error %, shared bins", "{:.2f}"),
    "detection": ("detection", "{:.3f}"),
    "tstr": ("train synthetic, test real", "{:.3f}"),
    "dcr_share": ("nearer to training", "{:.3f}"),
    "rules_kept": ("rules kept", "{:.5f}"),
    "holdout_nats": ("held-out nats/row", "{:.2f}"),
    "seconds": ("seconds", "{:,.0f}"),
    "rows_per_second": ("rows/s", "{:,.0f}"),
}


@dataclass(frozen=True)
class Made:
    """Rows to score.

    Args:
        rows: The rows.
        training: The real rows that they are compared with; the training part if None.
        seconds: Time to make the model.
        rows_per_second: Rate of generation.
        holdout_nats: Nats per row on held-out rows.
        remark: A remark for the result.
    """

    rows: pd.DataFrame
    training: pd.DataFrame | None = None
    seconds: float | None = None
    rows_per_second: float | None = None
    holdout_nats: float | None = None
    remark: str = ""


class Skipped(Exception):
    """A row of the result that cannot be made here; the message says why."""


@dataclass
class Bench:
    """One table and the directory of its results."""

    options: argparse.Namespace
    train: pd.DataFrame
    test: pd.DataFrame
    declared: SpecDeclaration

    @property
    def home(self) -> Path:
        """The directory of the results."""
        return Path(self.options.out) / self.options.table

    @cached_property
    def spec(self) -> TableSpec:
        """The spec of the training part."""
        return TableSpec.infer(self.train, declared=self.declared)

    def sources(self) -> dict[str, Callable[[], Made]]:
        """Return the functions that make the rows of the result, by name."""
        return {
            "real, resampled": self.resampled,
            "real, half against half": self.halves,
            "independent columns": self.independent,
            "demo's defaults": self.demo,
            "ctgan's TVAE": self.tvae,
            "mostlyai-engine": self.argn,
            "ours": self.ours,
        }

    def resampled(self) -> Made:
        """Resample the real rows, for the noise floor."""
        return Made(self.train.sample(len(self.train), replace=True, random_state=0))

    def halves(self) -> Made:
        """Split the real rows, for the score of other rows of the same population."""
        order = np.random.default_rng(0).permutation(len(self.train))
        half = len(order) // 2
        return Made(self.train.iloc[order[:half]], self.train.iloc[order[half:]])

    def independent(self) -> Made:
        """Draw every column by itself, without any dependence between columns."""
        rng, n = np.random.default_rng(0), len(self.train)
        rows = {name: self.train[name].array.take(rng.integers(n, size=n)) for name in self.train}
        return Made(pd.DataFrame(rows))

    def demo(self) -> Made:
        """Train the demo's configuration."""
        vae = TabularVAE.build(self.spec, TabularVAEConfig.demo(), device="cpu")
        started = time.perf_counter()
        vae.fit(self.train)
        seconds = time.perf_counter() - started
        nats = vae.evaluate()["holdout_nats"]
        return replace(self._drawn(vae.synthesizer().generate), seconds=seconds, holdout_nats=nats)

    def tvae(self) -> Made:
        """Train the published TVAE with its own defaults."""
        python = self.options.reference_python
        if python is None:
            raise Skipped("needs --reference-python")
        return self._published(python, "tvae", 300)

    def argn(self) -> Made:
        """Train TabularARGN with its own defaults, for at most the time of the search."""
        if self.options.argn_python is None:
            raise Skipped("needs --argn-python")
        return self._published(self.options.argn_python, "argn", self.options.search_seconds / 60)

    def _published(self, python: str, model: str, limit: float) -> Made:
        out = self.home / f"{model}.csv"
        train = self.csv("train", self.train)
        answer = self.refer(python, model, train, out, len(self.train), limit)
        made = pd.read_csv(out, dtype=dict.fromkeys(self.spec.categorical, str))
        for name in self.spec.datetime:
            made[name] = pd.to_datetime(made[name], unit="s", utc=True)
        return Made(made, **answer)

    def ours(self) -> Made:
        """Search, and take the model that the search chose."""
        train, spec = self.home / "train.parquet", self.home / "spec.json"
        self.train.to_parquet(train, index=False)
        spec.write_text(self.declared.model_dump_json(exclude_defaults=True))
        name = "search"
        command = [sys.executable, "-m", "tabvae_ray.search", "--space", self.options.space]
        command += ["--data", str(train), "--spec", str(spec), "--out", str(self.home)]
        command += ["--name", name, "--concurrency", str(self.options.concurrency)]
        command += ["--time-budget", str(self.options.search_seconds), "--json"]
        # The time ends a search, not the number of its trials.
        command += ["--trials", "1000"]
        command += ["--resume"] if (self.home / name).exists() else []
        started = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - started
        if done.returncode:
            raise Skipped(f"the search ended with exit code {done.returncode}")
        answer = json.loads(done.stdout.splitlines()[-1])
        states = ", ".join(f"{n} {state.lower()}" for state, n in sorted(answer["trials"].items()))
        remark = (
            f"`{Path(self.options.space).name}`, at most {self.options.search_seconds:g} s of "
            f"search, {self.options.concurrency} at a time: {states}; chosen: trial "
            f"{answer['chosen']}, {answer['reason']}"
        )
        record = self.home / name / "trials" / f"{answer['chosen']:06d}.json"
        # A trial that the end of the time cut short has none.
        if record.exists():
            found = json.loads(record.read_text())
            values = (f"{k.partition('.')[2]} {v}" for k, v in found["parameters"].items())
            remark += f"; itself trained and scored in {found['seconds']:.0f} s; "
            remark += ", ".join(values)
        return replace(
            self._drawn(load_synthesizer(answer["best"]).generate),
            seconds=seconds,
            holdout_nats=json.loads((Path(answer["best"]) / "scores.json").read_text())[
                "holdout_nats"
            ],
            remark=remark,
        )

    def _drawn(self, generate: Callable[..., pd.DataFrame]) -> Made:
        generate(1000)
        started = time.perf_counter()
        rows = generate(len(self.train), seed=12345)
        return Made(rows, rows_per_second=len(rows) / (time.perf_counter() - started))

    def judge(self, made: Made) -> dict[str, float | str | None]:
        """Compute every number of a row of the result."""
        training = self.train if made.training is None else made.training
        options = ComparisonOptions(usefulness_max_rows=10**9)
        names = ("mean_js_distance", "correlation_distance", "column_shapes", "pair_trends")
        plan = ComparisonPlan(scores=(*names, "tstr", "dcr_share", "rules_kept"), options=options)
        # The kinds are declared, but the categories must be those of the rows compared with.
        spec = TableSpec.infer(training, declared=self.declared)
        prepared = plan.prepare(training, spec, held_out=self.test)
        synthetic = prepared.reader.read(made.rows)
        found = prepared.compute_columns(synthetic)
        scores = found.scores
        shapes = {name: scores[name] for name in ("column_shapes", "pair_trends")}
        source = "ours"
        python = self.options.reference_python
        if python is not None:
            real, rows = self.csv("real", training), self.csv("synthetic", made.rows)
            shapes, source = self.refer(python, "scores", real, rows), "sdmetrics"
        useful = found.usefulness
        assert useful is not None
        learnt = {"tstr": useful.tstr, "trtr": useful.trtr, "metric": useful.metric}
        if useful.metric == "macro-F1":
            learnt = self._auc(prepared, synthetic)
        return {
            "mean_js_distance": scores["mean_js_distance"],
            "correlation_distance": scores["correlation_distance"],
            "shape_error": 100 * (1 - shapes["column_shapes"]),
            "trend_error": 100 * (1 - shapes["pair_trends"]),
            "shared_trend_error": 100 * (1 - shared_trends(prepared, synthetic)),
            "detection": held_out_detection(prepared, synthetic),
            **learnt,
            "dcr_share": scores["dcr_share"],
            "rules_kept": scores["rules_kept"],
            "holdout_nats": made.holdout_nats,
            "seconds": made.seconds,
            "rows_per_second": made.rows_per_second,
            "remark": made.remark,
            "shapes_by": source,
        }

    def _auc(self, prepared: PreparedComparison, synthetic: TableColumns) -> dict[str, float | str]:
        """Compute the mean AUC of one category against the others, for more than two categories."""
        target, tested = self.spec.target, prepared.held_out
        assert target is not None and tested is not None
        learnt: dict[str, float | str] = {"metric": "mean AUC of one category against the others"}
        for name, rows in (("tstr", synthetic), ("trtr", prepared.real)):
            features = tree_features(rows, tested, [n for n in self.spec.names if n != target])
            model = HistGradientBoostingClassifier(
                categorical_features=features.categorical, early_stopping=False, random_state=0
            ).fit(features.first, rows.codes[target])
            chances = model.predict_proba(features.second)
            areas = [
                roc_auc_score(tested.codes[target] == category, chances[:, i])
                for i, category in enumerate(model.classes_)
            ]
            learnt[name] = float(np.mean(areas))
        return learnt

    def csv(self, name: str, table: pd.DataFrame) -> Path:
        """Write a table as CSV for the reference, with times in seconds."""
        path = self.home / f"{name}.csv"
        plain = table[list(self.spec.names)].copy()
        for time_column in self.spec.datetime:
            moments = pd.to_datetime(plain[time_column], utc=True)
            plain[time_column] = (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        plain.to_csv(path, index=False)
        return path

    def refer(self, python: str, *arguments: object) -> dict[str, Any]:
        """Run the reference, and return its answer."""
        categorical = self.spec.categorical
        try:
            return run_reference(python, "reference.py", *arguments, given=categorical)
        except ReferenceFailed as error:
            raise Skipped(f"the reference failed: {str(error).splitlines()[-1]}") from None


def held_out_detection(prepared: PreparedComparison, synthetic: TableColumns) -> float:
    """Detect against held-out rows: the model may repeat values of its training rows."""
    assert prepared.held_out is not None
    n = min(prepared.held_out.n_rows, synthetic.n_rows)
    rows = np.random.default_rng(0).choice(synthetic.n_rows, n, replace=False)
    return detection(prepared.held_out, synthetic.take(rows), most_rows=n)


def shared_trends(prepared: PreparedComparison, synthetic: TableColumns) -> float:
    """Compute pair trends with both sides binned at the same edges, over the real side's range."""
    real = prepared.real
    trends = pair_trends(real, synthetic)

    def cells(table: TableColumns, name: str) -> Integers:
        if name in table.codes:
            return table.codes[name] + 1
        ends = real.sorted_numbers(name)[[0, -1]]
        inner = np.linspace(*ends, N_BINS + 1)[1:-1]
        values = table.numbers[name]
        return np.where(np.isnan(values), 0, np.digitize(values, inner) + 1)

    codes = {name: (cells(real, name), cells(synthetic, name)) for name in real.names}
    for pair in trends:
        if all(name in real.numbers for name in pair):
            continue
        first, second = (codes[name] for name in pair)
        width = 1 + max(int(part.max()) for part in second)
        shares = [
            np.bincount(one * width + other, minlength=0) / len(one)
            for one, other in zip(first, second, strict=True)
        ]
        longest = max(map(len, shares))
        padded = [np.pad(share, (0, longest - len(share))) for share in shares]
        trends[pair] = 1 - float(np.abs(padded[0] - padded[1]).sum()) / 2
    return mean_score(trends)


def result(bench: Bench, name: str, make: Callable[[], Made]) -> dict[str, Any]:
    """Return a row of the result, computed now or in an earlier run."""
    kept = bench.home / f"{re.sub('[^a-z]+', '-', name)}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    print(f"{name} ...", file=sys.stderr, flush=True)
    try:
        scores: dict[str, Any] = bench.judge(make())
    except Skipped as error:
        return {"remark": f"skipped: {error}"}
    kept.write_text(json.dumps(scores, indent=1))
    return scores


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute the rows that the command line names, and print the table."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--table", choices=(*TABLES, *RUN_ONCE), required=True)
    parser.add_argument(
        "--rows", metavar="NAME", action="append", help="only this row; may be repeated"
    )
    parser.add_argument("--space", default=str(ROOT / "search_spaces" / "full.yaml"))
    parser.add_argument("--search-seconds", type=float, default=900)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--reference-python", metavar="FILE")
    parser.add_argument("--argn-python", metavar="FILE")
    parser.add_argument("--out", default="runs/quality")
    options = parser.parse_args(arguments)
    bench = Bench(options, *load(options.table))
    bench.home.mkdir(parents=True, exist_ok=True)
    wanted = options.rows or list(bench.sources())
    found = {
        name: result(bench, name, make) for name, make in bench.sources().items() if name in wanted
    }
    known = next((scores for scores in found.values() if "metric" in scores), None)
    if known is None:
        raise SystemExit("no row was computed: " + "; ".join(s["remark"] for s in found.values()))
    title = (
        f"{options.table}: {len(bench.train):,} rows to train on, {len(bench.test):,} held out, "
        f"{len(bench.spec.names)} columns; target {bench.spec.target} ({known['metric']}, "
        f"{known['trtr']:.3f} when trained on real rows)"
    )
    lines = []
    for name, scores in found.items():
        cells = [
            "-" if scores.get(key) is None else form.format(scores[key])
            for key, (_, form) in COLUMNS.items()
        ]
        lines.append((name, *cells))
    show(title, lines, ("rows", *(heading for heading, _ in COLUMNS.values())))
    print(f"\nShapes and trends by {known['shapes_by']}.")
    for name, scores in found.items():
        if scores["remark"]:
            print(f"\n{name}: {scores['remark']}.")


if __name__ == "__main__":
    main()
