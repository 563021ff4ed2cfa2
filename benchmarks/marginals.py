"""Private models beside marginal methods with the same guarantee.

    python -m benchmarks.marginals --table shoppers --epsilon 1 --epsilon 3 --epsilon 10 \
        [--rows 10000] [--dpmm-python .venv-dpmm/bin/python] [--method aim] [--method privbayes] \
        [--reference-python .venv-reference/bin/python]

A fifth of the rows is held out. Categories and ranges of the columns are declared to all models,
from the whole table, as if they were known to everybody. Rows with missing values are left out,
because dpmm tells without noise whether a column has any. ``--dpmm-python`` is a Python 3.11 with
the package dpmm, which needs older packages than this project:

    python3.11 -m venv .venv-dpmm && .venv-dpmm/bin/python -m pip install dpmm

Delta is 1e-5. Each model is trained once. The same model without privacy, a resample of the
training rows and independent columns stand beside them, and with ``--reference-python`` ctgan's
TVAE, see ``benchmarks/reference-requirements.txt``.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.common import run_reference, show
from benchmarks.minimum_rows import read
from benchmarks.private_audit import declaration_of, table_config
from benchmarks.quality import shared_trends
from benchmarks.tables import TABLES, load
from tabvae_ray import TableSpec, TabularVAE
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.table.declaration import SpecDeclaration

_SCORES = ("column_shapes", "pair_trends", "detection", "tstr", "membership_black_box")
_DELTA = 1e-5

Made = tuple[str, str, pd.DataFrame, float | None]


def ours(
    train: pd.DataFrame, declared: SpecDeclaration, epsilon: float | None, epochs: int
) -> pd.DataFrame:
    """Train one model, and generate as many rows; without privacy if epsilon is None."""
    config = table_config(epsilon or 1.0, epochs)
    if epsilon is None:
        config = config.replace({"training.dp": None, "validation.holdout_fraction": 0.1})
    spec = TableSpec.infer(train, declared=declared)
    vae = TabularVAE.build(spec, config, seed=0, device="cpu", declared=declared)
    vae.fit(train, progress=False)
    return vae.generate(len(train), seed=0)


def marginal(
    train: pd.DataFrame, spec: TableSpec, method: str, epsilon: float, python: str
) -> tuple[pd.DataFrame, float]:
    """Fit a method of dpmm in its environment; return its rows, and the seconds of the fit."""
    domain: dict[str, dict[str, Any]] = {}
    text = {}
    for column in spec.columns:
        if column.kind == "categorical":
            domain[column.name] = {"categories": list(map(str, column.categories))}
            text[column.name] = str
        else:
            ends = {"lower": column.minimum, "upper": column.maximum}
            domain[column.name] = {name: float(end) for name, end in ends.items()}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        train[list(domain)].to_csv(home / "train.csv", index=False)
        (home / "domain.json").write_text(json.dumps(domain))
        paths = [home / name for name in ("train.csv", "domain.json", "out.csv")]
        arguments = [method, *paths, len(train), epsilon, _DELTA]
        answer = run_reference(python, "marginal_rows.py", *arguments, given=None)
        rows = pd.read_csv(home / "out.csv", dtype=text, keep_default_na=False)
    for column in spec.columns:
        if column.kind != "categorical" and column.decimals is not None:
            rows[column.name] = rows[column.name].round(column.decimals)
    return with_categories(rows, spec), float(answer["seconds"])


def tvae(train: pd.DataFrame, spec: TableSpec, python: str) -> tuple[pd.DataFrame, float]:
    """Train ctgan's TVAE in its environment; return its rows, and the seconds of the training."""
    categorical = list(spec.categorical)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        train.to_csv(home / "train.csv", index=False)
        arguments = ["tvae", home / "train.csv", home / "out.csv", len(train), 300]
        answer = run_reference(python, "reference.py", *arguments, given=categorical)
        rows = pd.read_csv(home / "out.csv", dtype=dict.fromkeys(categorical, str))
    return with_categories(rows, spec), float(answer["seconds"])


def with_categories(rows: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return rows with the categories of the spec in place of their texts."""
    texts = {
        column.name: {str(value): value for value in column.categories}
        for column in spec.columns
        if column.kind == "categorical"
    }
    return rows.assign(**{name: rows[name].map(by_text) for name, by_text in texts.items()})


def baselines(train: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield a resample of the rows, and rows of independent columns, with their names."""
    rng, n = np.random.default_rng(0), len(train)
    yield "resample", train.iloc[rng.integers(n, size=n)].reset_index(drop=True)
    orders = {name: rng.permutation(n) for name in train}
    shuffled = {name: column.take(orders[name]).array for name, column in train.items()}
    yield "independent columns", pd.DataFrame(shuffled)


def sources(
    train: pd.DataFrame, declared: SpecDeclaration, spec: TableSpec, options: argparse.Namespace
) -> Iterator[Made]:
    """Yield name, epsilon, rows and seconds of each model."""
    for way, rows in baselines(train):
        yield way, "-", rows, None
    if options.reference_python is not None:
        made, seconds = tvae(train, spec, str(Path(options.reference_python).absolute()))
        yield "ctgan's TVAE", "-", made, seconds
    for epsilon in (None, *options.epsilon):
        started = time.perf_counter()
        rows = ours(train, declared, epsilon, options.epochs)
        seconds = time.perf_counter() - started
        yield "ours", "-" if epsilon is None else f"{epsilon:g}", rows, seconds
        if epsilon is None or options.dpmm_python is None:
            continue
        for method in options.method or ("aim", "privbayes"):
            python = str(Path(options.dpmm_python).absolute())
            rows, seconds = marginal(train, spec, method, epsilon, python)
            yield f"dpmm, {method}", f"{epsilon:g}", rows, seconds


def target_of(name: str) -> str | None:
    """Return the column of a shared table that usefulness is measured on."""
    return load(name)[2].target


def main() -> None:
    """Print a row per table and model."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=TABLES, action="append", required=True)
    parser.add_argument("--rows", type=int, default=50_000, help="rows of each table, at most")
    parser.add_argument("--epsilon", type=float, action="append", required=True)
    parser.add_argument("--epochs", type=int, default=20, help="epochs of ours")
    parser.add_argument("--dpmm-python", help="a Python that has the package dpmm")
    parser.add_argument("--reference-python", help="a Python that has the package ctgan")
    parser.add_argument("--method", choices=("aim", "privbayes", "mst"), action="append")
    options = parser.parse_args()
    lines = []
    for name in options.table:
        table = read(name).dropna()
        table = table.sample(min(len(table), options.rows), random_state=0, ignore_index=True)
        declared = declaration_of(table)
        spec = TableSpec.infer(table, declared=declared)
        spec = spec.model_copy(update={"target": target_of(name)})
        table = table[list(spec.names)]
        order, n = np.random.default_rng(0).permutation(len(table)), round(0.8 * len(table))
        train, held_out = (
            table.iloc[part].reset_index(drop=True) for part in (order[:n], order[n:])
        )
        comparison = ComparisonPlan(scores=_SCORES).prepare(train, spec, held_out=held_out)
        for way, epsilon, rows, seconds in sources(train, declared, spec, options):
            found = comparison.compute(rows)
            assert found.membership is not None
            trend = shared_trends(comparison, comparison.reader.read(rows))
            numbers = [*(found.scores[score] for score in _SCORES[:2]), trend]
            numbers += [found.scores[score] for score in ("detection", "tstr")]
            attack = found.membership
            line = (
                *(name, f"{len(train):,}", way, epsilon),
                *(f"{number:.4f}" for number in numbers),
                f"{attack.auc:.3f} ({attack.low:.3f} to {attack.high:.3f})",
                "-" if seconds is None else f"{seconds:.0f}",
            )
            print(*line, sep=" | ", flush=True)
            lines.append(line)
    show(
        "Private models beside marginal methods",
        lines,
        (
            *("table", "rows to train on", "model", "epsilon", "column_shapes", "pair_trends"),
            *("pair_trends, shared bins", "detection", "tstr", "synthetic rows: AUC", "seconds"),
        ),
    )


if __name__ == "__main__":
    main()
