"""Seconds and peak memory of each phase on a large table.

    python -m benchmarks.scale                     # 1,000,000 x 15 rows; 10,000,000 generated
    python -m benchmarks.scale --rows 50000 --made 200000

The table is adult, tiled, with its numbers jittered. Fitting and generating run in a process each.
The `generate` command writes `--made` rows to Parquet with the model that was fitted.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.common import DATA, adult, show
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig, read_table
from tabvae_ray.comparison.plan import ComparisonPlan

CONFIG = TabularVAEConfig().replace(
    {
        "training.max_n_epochs": 1,
        "architecture.decoder": "autoregressive",
        "architecture.encoder_layer_sizes": [512, 256],
        "architecture.decoder_layer_sizes": [256, 512],
        "architecture.latent_dim": 16,
        "transformers.n_bins_cts": 50,
        "transformers.atom_share": 0.005,
        "validation.generation_n_records": 100_000,
    }
)


def make_table(rows: int, file: Path, *, seed: int = 0) -> None:
    """Tile adult; fnlwgt and capital_gain move by up to 2% of their standard deviation."""
    real = adult()
    if real is None:
        raise SystemExit(f"skipped: there is no table adult in {DATA}")
    rng = np.random.default_rng(seed)
    table = real.iloc[rng.integers(len(real), size=rows)].reset_index(drop=True)
    for name in ("fnlwgt", "capital_gain"):
        spread = table[name].std() * 0.02
        moved = table[name] + np.round(rng.uniform(-spread, spread, rows))
        table[name] = np.where(table[name] > 0, np.maximum(moved, 1), 0).astype(np.int64)
    table.to_parquet(file, index=False)


def fit_phases(file: Path, model: Path) -> list[tuple[str, float, float]]:
    """Run all phases of a trial; return name, seconds and peak GiB so far of each."""
    torch.set_num_threads(1)
    found: list[tuple[str, float, float]] = []

    def phase(name: str, action: Callable[[], object]) -> None:
        started = time.perf_counter()
        action()
        found.append((name, time.perf_counter() - started, peak()))

    tables: list[pd.DataFrame] = []
    phase("read the table", lambda: tables.append(read_table(str(file))))
    specs: list[TableSpec] = []
    phase("infer the spec", lambda: specs.append(TableSpec.infer(tables[0])))
    plans = [ComparisonPlan()]
    prepared = []
    phase(
        "prepare the real side of the scores",
        lambda: prepared.append(plans[0].prepare(tables[0], specs[0])),
    )
    vae = TabularVAE.build(specs[0], CONFIG, device="cpu")
    phase("encode, and build the network", lambda: vae.prepare(tables[0]))
    phase("one epoch", vae.trainer.train)

    def rung() -> None:
        rows = vae.synthesizer().generate(CONFIG.validation.generation_n_records or 0, compact=True)
        prepared[0].compute(rows)
        vae.evaluate()

    phase("one rung: 100,000 rows made and scored, held-out nats", rung)
    phase("export", lambda: vae.synthesizer().save(model))
    return found


def peak() -> float:
    """Return the peak memory of this process in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def child(*arguments: object) -> list[tuple[str, float, float]]:
    """Run phases in another process, and return their results."""
    command = [sys.executable, "-m", "benchmarks.scale", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(row) for row in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Run all phases, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--made", type=int, default=10_000_000)
    parser.add_argument("--phase", choices=("fit", "generate"), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase == "fit":
        print(json.dumps(fit_phases(options.home / "table.parquet", options.home / "model")))
        return
    if options.phase == "generate":
        from tabvae_ray.generate import main as generate

        started = time.perf_counter()
        code = generate(
            [
                *("--model", str(options.home / "model"), "--rows", str(options.made)),
                *("--out", str(options.home / "rows.parquet")),
            ]
        )
        if code:
            raise SystemExit(code)
        name = f"generate {options.made:,} rows to Parquet"
        print(json.dumps([(name, time.perf_counter() - started, peak())]))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_table(options.rows, Path(folder) / "table.parquet")
        found = child("--phase", "fit", "--home", folder)
        found += child("--phase", "generate", "--home", folder, "--made", options.made)
    show(
        f"{options.rows:,} x 15 rows, autoregressive decoder, one thread",
        [(name, f"{seconds:,.1f}", f"{gib:.2f}") for name, seconds, gib in found],
        ("phase", "seconds", "peak memory so far, GiB"),
    )


if __name__ == "__main__":
    main()
