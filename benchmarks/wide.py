"""CPU seconds and peak memory of each step on a wide table, and on one of many categories.

    python -m benchmarks.wide --table columns       # 400 rows x 1,500 columns
    python -m benchmarks.wide --table categories    # 100,000 rows x 20 columns of 10,000 categories
    python -m benchmarks.wide --table columns --search   # a whole search with one slot instead

Every step runs with one thread. The peak is that of the step alone, with all that earlier steps
keep; it is read from /proc, so the benchmark needs Linux. ``--search`` runs the command with one
slot, and adds up the memory of its processes: what they share is counted once.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch

from benchmarks.common import show
from tabvae_ray import TableSpec, TabularVAE, read_table
from tabvae_ray.comparison.assessment import Assessment
from tabvae_ray.comparison.options import SCORES
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reference_levels import reference_levels
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer, load_synthesizer
from tabvae_ray.page.comparison_page import comparison_page
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.table.declaration import RulesDeclaration, SpecDeclaration
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.tabular_vae import split_rows
from tabvae_ray.training.membership import white_box_attacks
from tabvae_ray.training.trainer import BatchResult

Step = tuple[str, float, float]
_GIB = 2**30
# An epoch of 100,000 rows takes minutes.
_STEPS = 20


def wide_table(n_rows: int, n_columns: int) -> pd.DataFrame:
    """Return rows of correlated numbers, categories, gaps and a target of two categories."""
    rng = np.random.default_rng(0)
    n_numbers = 2 * n_columns // 3
    factors = rng.normal(size=(n_rows, 10))
    numbers = factors @ rng.normal(size=(10, n_numbers)) + rng.normal(size=(n_rows, n_numbers)) * 2
    columns: dict[str, Any] = {}
    for i in range(n_numbers):
        values = np.round(numbers[:, i] * 10 ** (i % 3), 2 - i % 3)
        if i % 5 == 0:
            values[rng.random(n_rows) < 0.1] = np.nan
        columns[f"number_{i}"] = values
    for i in range(n_columns - n_numbers - 1):
        k = 2 + i % 19
        codes = (np.abs(factors[:, i % 10]) * k + rng.integers(k, size=n_rows)).astype(int) % k
        columns[f"category_{i}"] = np.char.add("v", codes.astype(str))
    columns["outcome"] = np.where(factors[:, 0] + rng.normal(size=n_rows) > 0, "yes", "no")
    return pd.DataFrame(columns)


def table_of_categories(n_rows: int, n_columns: int, n_categories: int) -> pd.DataFrame:
    """Return columns of many categories with long tails, which depend on one another in pairs."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, n_categories + 1) ** 0.7
    ends = np.cumsum(shares / shares.sum())
    columns: dict[str, Any] = {}
    before = np.zeros(n_rows, dtype=np.int64)
    for i in range(n_columns):
        codes = np.minimum(np.searchsorted(ends, rng.random(n_rows)), n_categories - 1)
        if i % 2:
            codes = np.where(rng.random(n_rows) < 0.5, (before * 7 + i) % n_categories, codes)
        codes[:n_categories] = rng.permutation(n_categories)[: len(codes[:n_categories])]
        columns[f"place_{i}"] = np.char.add(f"p{i}_", codes.astype(str))
        before = codes
    return pd.DataFrame(columns)


def make_table(kind: str, scale: float) -> tuple[pd.DataFrame, str]:
    """Return a table, and the column to predict."""
    if kind == "columns":
        return wide_table(400, max(int(1_500 * scale), 12)), "outcome"
    rows, categories = int(100_000 * scale), int(10_000 * scale)
    table = table_of_categories(rows, 20, categories)
    table["outcome"] = np.where(np.random.default_rng(1).random(rows) < 0.3, "yes", "no")
    return table, "outcome"


class Steps:
    """Times steps, and prints each at once.

    Attributes:
        done: Name, seconds and peak GiB of each step.
    """

    def __init__(self) -> None:
        self.done: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        # 5 resets the peak of resident memory, see proc(5).
        Path("/proc/self/clear_refs").write_text("5")
        started = time.process_time()
        try:
            yield
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            raise
        finally:
            self.done.append((name, time.process_time() - started, _peak()))
            print(f"{name}: {self.done[-1][1]:.2f} s, {self.done[-1][2]:.2f} GiB", file=sys.stderr)

    def run(self, name: str, action: Callable[[], Any]) -> Any:
        """Measure a function, and return its result."""
        with self.step(name):
            return action()


class _EnoughError(Exception):
    """Ends an epoch of a large table."""


def _train(vae: TabularVAE) -> None:
    """Train an epoch, or as many steps of it as are measured."""

    def end(_: object, result: BatchResult) -> None:
        if result.batch >= _STEPS:
            raise _EnoughError

    vae.trainer.batch_hooks.append(end)
    with suppress(_EnoughError):
        vae.trainer.train(until_epoch=1)


def _peak() -> float:
    """Return the peak memory since it was reset, in GiB."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / _GIB


def run_steps(kind: str, scale: float, space: str, folder: Path) -> list[Step]:
    """Run every step of a search, a comparison and a report by itself."""
    torch.set_num_threads(1)
    steps = Steps()
    made, target = make_table(kind, scale)
    file = folder / "table.csv"
    made.to_csv(file, index=False)
    del made
    declared = SpecDeclaration(target=target, rules=RulesDeclaration(find=False))
    table = steps.run("read the table", lambda: read_table(str(file)))
    spec = steps.run("infer the spec", lambda: TableSpec.infer(table, declared=declared))
    rules = steps.run("find rules", lambda: find_rules(table, spec.columns))
    spec = spec.model_copy(update={"rules": tuple(rules)})
    inputs = steps.run(
        "prepare the search",
        lambda: prepare_inputs(space=space, data=str(file), spec=spec.to_mapping(), out=folder),
    )
    config = inputs.space.config(inputs.space.initial[0])
    vae = TabularVAE.build(spec, config, device="cpu")
    steps.run("encode, and build the network", lambda: vae.prepare(table))
    steps.run(f"train, at most {_STEPS} steps", lambda: _train(vae))
    steps.run("nats of the rows", vae.evaluate)
    steps.run("white-box membership", lambda: white_box_attacks(vae.trainer))
    synthesizer: TabularVAESynthesizer = steps.run("freeze and calibrate", vae.synthesizer)
    rows = steps.run("generate rows", lambda: synthesizer.generate(len(table), compact=True))
    steps.run("score them at a rung", lambda: inputs.comparison.compute(rows))
    steps.run("reference levels of the search", inputs.reference_levels)
    steps.run("export, with its card", lambda: synthesizer.save(folder / "model"))
    loaded = steps.run("load the export", lambda: load_synthesizer(folder / "model"))
    csv = folder / "rows.csv"
    steps.run(
        "generate and write CSV", lambda: loaded.generate(len(table)).to_csv(csv, index=False)
    )
    _, held_out = split_rows(len(table), 0.1, 0)
    everything = ComparisonPlan(scores=SCORES, score_collections=("js_distance",))
    prepared = steps.run(
        "prepare all scores", lambda: everything.prepare(table, spec, held_out=held_out)
    )
    synthetic = steps.run("read the synthetic table", lambda: prepared.reader.read(rows))
    for name in SCORES:
        pair = prepared.pair_with(synthetic)
        steps.run(f"score {name}", lambda pair=pair, name=name: pair.score(name))
    steps.run(
        "reference levels of all scores",
        lambda: reference_levels(prepared, n_synthetic=len(rows)),
    )
    assessment = Assessment(prepared, rows, has_levels=False)
    assert assessment.comparison is not None
    page = steps.run(
        "page of a comparison, its pictures",
        lambda: comparison_page(assessment, real="", synthetic=""),
    )
    print(f"page: {len(page) / 2**20:.1f} MiB", file=sys.stderr)
    return steps.done


def run_search(kind: str, scale: float, space: str, folder: Path) -> list[Step]:
    """Run the commands search, compare and generate, and watch the memory of their processes."""
    made, target = make_table(kind, scale)
    file, spec = folder / "table.csv", folder / "spec.yaml"
    made.to_csv(file, index=False)
    del made
    spec.write_text(f"target: {target}\n")
    home = [*("--out", str(folder), "--name", "wide")]
    limits = ["--trials", "2", "--concurrency", "1"]
    rows = str(folder / "rows.csv")
    commands = {
        "search, with its report": [
            *("search", "--space", space, "--data", str(file), "--spec", str(spec)),
            *home,
            *limits,
        ],
        "generate": [
            *("generate", "--model", str(folder / "wide" / "best"), "--rows", "10000"),
            *("--out", rows),
        ],
        "compare --html": [
            *("compare", "--real", str(file), "--synthetic", rows, "--target", target),
            *("--html", str(folder / "page.html")),
        ],
    }
    return [_watched(name, command) for name, command in commands.items()]


def _watched(name: str, command: list[str]) -> Step:
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "tabvae_ray", *command])
    process, most, largest = psutil.Process(child.pid), 0, 0
    while child.poll() is None:
        sizes = list(_sizes(process))
        most, largest = max(most, sum(sizes)), max(largest, *sizes, 0)
        time.sleep(0.5)
    if child.returncode:
        raise SystemExit(f"{name}: exit code {child.returncode}")
    seconds = time.perf_counter() - started
    print(f"{name}: {seconds:.0f} s, largest process {largest / _GIB:.2f} GiB", file=sys.stderr)
    return name, seconds, most / _GIB


def _sizes(process: psutil.Process) -> Iterator[int]:
    for one in (process, *process.children(recursive=True)):
        try:
            yield one.memory_full_info().pss
        except psutil.Error:
            yield 0


def main() -> None:
    """Run the steps or the commands, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--table", choices=("columns", "categories"), default="columns")
    parser.add_argument("--scale", type=float, default=1.0, help="Share of the size, for a trial.")
    parser.add_argument("--space", default="auto")
    parser.add_argument("--search", action="store_true", help="Run the commands, not the steps.")
    options = parser.parse_args()
    run = run_search if options.search else run_steps
    with tempfile.TemporaryDirectory(prefix="wide_") as folder:
        found = run(options.table, options.scale, options.space, Path(folder))
    show(
        f"{options.table}, space {options.space}, one thread",
        [(name, f"{seconds:,.1f}", f"{gib:.2f}") for name, seconds, gib in found],
        ("step", "seconds" if options.search else "CPU seconds", "peak GiB"),
    )


if __name__ == "__main__":
    main()
