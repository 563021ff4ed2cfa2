"""Success of membership attacks, beside quality, on the same table.

    python -m benchmarks.privacy --table heart --table magic [--rows 4000] [--epochs 40]
        [--epsilon 1 --epsilon 3 --epsilon 10] [--reference-python .venv-reference/bin/python]

A fifth of the rows is held out. The models are the first points of ``beta``, ``small`` and
``full``, trained for at most a given number of epochs. Beside them are a resample of the training
rows, which leaks as copies do, and independent columns, which leak hardly anything. With
``--epsilon``, private models as large as that of ``small`` are trained as well, with nothing
declared but the kinds of the columns; with ``--reference-python``, ctgan's TVAE, on the training
rows without missing values. Attacks and scores are those of the package; 0.5 is chance.
"""

import argparse
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pandas as pd
import torch

from benchmarks.common import show
from benchmarks.marginals import baselines, target_of, tvae
from benchmarks.minimum_rows import read
from benchmarks.quality import shared_trends
from benchmarks.tables import TABLES
from tabvae_ray import TableSpec, TabularVAE
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reading.table_columns import Integers
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.space.named_spaces import named_space
from tabvae_ray.space.space_file import load_space
from tabvae_ray.table.declaration import RulesDeclaration, SpecDeclaration
from tabvae_ray.tabular_vae import split_rows
from tabvae_ray.training.membership import white_box_attacks

_SCORES = ("column_shapes", "pair_trends", "detection", "tstr", "membership_black_box")
_SPACES = ("beta", "small", "full")
_SEED = 0

Made = tuple[str, pd.DataFrame, MembershipAttacks | None]


def first_point(space: str, epochs: int) -> TabularVAEConfig:
    """Return the first initial point of a space that comes with the package."""
    found = load_space(str(named_space(space)))
    own = {
        "training.max_n_epochs": epochs,
        "training.device": "cpu",
        "validation.holdout_fraction": 0.2,
    }
    return found.config(found.initial[0]).replace(own)


def sources(
    table: pd.DataFrame, spec: TableSpec, training: Integers, options: argparse.Namespace
) -> Iterator[Made]:
    """Yield names, rows, and the attacks on the model if there is one to attack."""
    real = table.iloc[training].reset_index(drop=True)
    n = len(real)
    for space in _SPACES:
        config = first_point(space, options.epochs)
        vae = TabularVAE.build(spec, config, seed=_SEED, split_seed=_SEED, device="cpu")
        vae.fit(table, progress=False)
        attacks = white_box_attacks(vae.trainer, most_rows=10_000, n_draws=8, n_bootstraps=200)
        yield f"{space}, first point", vae.generate(n, seed=_SEED), attacks
    for way, rows in baselines(real):
        yield way, rows, None
    if options.reference_python is not None:
        complete = real.dropna(ignore_index=True)
        made, _ = tvae(complete, spec, str(Path(options.reference_python).absolute()))
        yield "ctgan's TVAE", made, None


def private(
    table: pd.DataFrame,
    config: TabularVAEConfig,
    split: tuple[Integers, Integers],
    epsilon: float,
) -> Made:
    """Train a private model; return its name, rows, and the attacks on it."""
    training, held_out = (table.iloc[rows].reset_index(drop=True) for rows in split)
    kinds = TableSpec.infer(training)
    declared = SpecDeclaration(
        continuous=kinds.continuous,
        categorical=kinds.categorical,
        rules=RulesDeclaration(find=False),
    )
    spec = TableSpec.infer(training, declared=declared)
    own = {
        "training.dp": {"epsilon": epsilon, "delta": 1e-5},
        "training.early_stopping": "none",
        "training.batch_size": 256,
        "training.max_n_epochs": 20,
        "training.learning_rate": 3e-3,
        "architecture.dropout_rate": 0.0,
    }
    vae = TabularVAE.build(spec, config.replace(own), seed=_SEED, device="cpu", declared=declared)
    vae.fit(training, progress=False)
    # For the attack only: the training has not seen them.
    vae.trainer.held_out = torch.as_tensor(vae.encoder.encode(held_out)).long()
    attacks = white_box_attacks(vae.trainer, most_rows=10_000, n_draws=8, n_bootstraps=200)
    return f"private, epsilon {epsilon:g}", vae.generate(len(training), seed=_SEED), attacks


def cells(attacks: MembershipAttacks | None) -> list[str]:
    """Return the strongest AUC, its interval, and the training rows found at 1% false alarms."""
    if attacks is None:
        return ["-", "-"]
    found = attacks.attacks[attacks.strongest].tpr_at_1_percent
    auc = f"{attacks.auc:.3f} ({attacks.low:.3f} to {attacks.high:.3f})"
    return [auc, f"{100 * found:.1f}%"]


def main() -> None:
    """Print a row per table and source of rows."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=TABLES, action="append", help="may be repeated")
    parser.add_argument("--rows", type=int, default=4000, help="rows of each table, at most")
    parser.add_argument("--epochs", type=int, default=40, help="epochs of the training, at most")
    parser.add_argument("--epsilon", type=float, action="append", help="may be repeated")
    parser.add_argument("--reference-python", help="a Python that has the package ctgan")
    options = parser.parse_args()
    lines = []
    for name in options.table or TABLES:
        table = read(name)
        table = table.sample(min(len(table), options.rows), random_state=0, ignore_index=True)
        spec = TableSpec.infer(table).model_copy(update={"target": target_of(name)})
        config = first_point("small", options.epochs)
        training, held_out = split_rows(len(table), 0.2, _SEED)
        comparison = ComparisonPlan(scores=_SCORES).prepare(table, spec, held_out=held_out)
        private_ones = (
            private(table, config, (training, held_out), epsilon)
            for epsilon in options.epsilon or []
        )
        for way, rows, white_box in chain(sources(table, spec, training, options), private_ones):
            found = comparison.compute(rows)
            assert found.membership is not None
            trend = shared_trends(comparison, comparison.reader.read(rows))
            numbers = [*(found.scores[score] for score in _SCORES[:2]), trend]
            numbers += [found.scores[score] for score in ("detection", "tstr")]
            black_box = [*cells(found.membership), found.membership.strongest]
            scores = [f"{value:.4f}" for value in numbers]
            line = (name, str(len(training)), way, *cells(white_box), *black_box, *scores)
            print(*line, sep=" | ", flush=True)
            lines.append(line)
    show(
        "Membership inference",
        lines,
        (
            *("table", "rows to train on", "rows", "model: AUC", "TPR at 1% FPR"),
            *("synthetic rows: AUC", "TPR at 1% FPR", "strongest attack"),
            *("column_shapes", "pair_trends", "pair_trends, shared bins", "detection", "tstr"),
        ),
    )


if __name__ == "__main__":
    main()
