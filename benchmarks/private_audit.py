"""Attacks on private trainings beside the bound that epsilon promises.

    python -m benchmarks.private_audit [--table planted] [--table heart] [--runs 20] [--epsilon 1]

Each run includes every row with a chance of one half, trains a private model on these rows, and
attacks the model to find them. Rows that were left out take part in the attack only. ``planted`` is
a table of random rows, which a network can only learn by heart: without noise, the attack finds
nearly all of them. Categories and ranges are declared, from the whole table.

An attack beats the bound if it shows with 95% confidence, over all runs together, that a training
has spent more than epsilon.
"""

import argparse
import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.stats import t as student

from benchmarks.common import show
from benchmarks.minimum_rows import read
from benchmarks.tables import TABLES
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig
from tabvae_ray.comparison.scores.membership.bounds import most_right_guesses, shown_epsilon
from tabvae_ray.comparison.scores.membership.success import evaluate_attacks
from tabvae_ray.table.column import Column
from tabvae_ray.table.declaration import ColumnDeclaration, SpecDeclaration
from tabvae_ray.training.membership import white_box_signals

_CONFIDENCE = 0.95
# Of the rows that are guessed at, as a share; guesses on doubtful rows only weaken the proof.
_GUESSED = 0.25
_MOST_ATTACKED = 4_000


@dataclass(frozen=True)
class Audit:
    """Result of one run.

    Args:
        auc: AUC of the strongest attack.
        shown: The epsilon that the attack shows, with the confidence of one of several runs.
        spent: The epsilon that the accountant gives.
    """

    auc: float
    shown: float
    spent: float


def planted_table(rows: int = 200, columns: int = 10) -> pd.DataFrame:
    """Return rows of random categories."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({f"c{i}": rng.choice(list("abcdefgh"), rows) for i in range(columns)})


def planted_config(epsilon: float) -> TabularVAEConfig:
    """Return the configuration of a training that learns these rows by heart if it can."""
    return TabularVAEConfig().replace(
        {
            "training.max_n_epochs": 150,
            "training.batch_size": 70,
            "training.learning_rate": 0.01,
            "training.dp": {"epsilon": epsilon, "delta": 1e-5, "preprocessing_share": 0.1},
            "architecture.dropout_rate": 0.0,
            "architecture.loss_beta": 0.01,
            "architecture.latent_dim": 16,
            "architecture.encoder_layer_sizes": [128],
        }
    )


def table_config(epsilon: float, epochs: int = 20) -> TabularVAEConfig:
    """Return the configuration of a private training on a real table."""
    return TabularVAEConfig().replace(
        {
            "training.max_n_epochs": epochs,
            "training.batch_size": 256,
            "training.learning_rate": 3e-3,
            "training.dp": {"epsilon": epsilon, "delta": 1e-5, "preprocessing_share": 0.3},
            "architecture.decoder": "autoregressive",
            "architecture.dropout_rate": 0.0,
            "architecture.encoder_layer_sizes": [128],
            "architecture.decoder_layer_sizes": [128],
            "architecture.n_embd": 8,
            "architecture.latent_dim": 8,
            "transformers.n_bins_cts": 20,
        }
    )


def declaration_of(table: pd.DataFrame) -> SpecDeclaration:
    """Return kinds, categories and ranges of a table, as if they were known to everybody."""

    def declared(column: Column) -> ColumnDeclaration:
        if column.kind == "categorical":
            return ColumnDeclaration(kind="categorical", categories=column.categories)
        ends = {"minimum": column.minimum, "maximum": column.maximum, "decimals": column.decimals}
        return ColumnDeclaration(kind="continuous", **ends)

    spec = TableSpec.infer(table)
    return SpecDeclaration.from_mapping(
        {
            "columns": {
                column.name: declared(column).model_dump(exclude_none=True)
                for column in spec.columns
                if column.kind in ("categorical", "continuous")
            },
            "others": "drop",
            "rules": {"find": False},
        }
    )


def audit(
    table: pd.DataFrame,
    declared: SpecDeclaration,
    config: TabularVAEConfig,
    *,
    seed: int,
    n_runs: int,
) -> Audit:
    """Train on a random half of the rows, and attack all of them.

    Args:
        table: The rows.
        declared: What is declared of them.
        config: The configuration, with ``training.dp``.
        seed: Seed of the choice of rows. The noise of the training is secret.
        n_runs: Number of runs that share the confidence.
    """
    rng = np.random.default_rng(seed)
    included = rng.random(len(table)) < 0.5
    training, others = (
        table[mask].reset_index(drop=True).sample(frac=1, random_state=seed, ignore_index=True)
        for mask in (included, ~included)
    )
    spec = TableSpec.infer(training, declared=declared)
    vae = TabularVAE.build(spec, config, seed=seed, device="cpu", declared=declared)
    vae.fit(training, progress=False)
    assert vae.guarantee is not None
    members, held_out = (
        torch.as_tensor(vae.encoder.encode(rows.head(_MOST_ATTACKED))).long()
        for rows in (training, others)
    )
    # For the attack only: the training has not seen them.
    vae.trainer.held_out = held_out
    inside, outside = white_box_signals(
        vae.trainer, members, held_out, n_draws=4, knows_shares=True
    )
    attacks = evaluate_attacks(inside, outside, n_bootstraps=0)
    n_guesses = math.ceil(_GUESSED * (len(members) + len(held_out)))
    # Each of the attacks of each run may be wrong with the same chance.
    confidence = 1 - (1 - _CONFIDENCE) / (n_runs * len(inside))
    shown = max(
        shown_epsilon(inside[name], outside[name], n_guesses=n_guesses, confidence=confidence)
        for name in inside
    )
    return Audit(attacks.auc, shown, vae.guarantee.epsilon)


def mean_interval(values: list[float]) -> tuple[float, float, float]:
    """Return the mean and its 95% interval by Student's t."""
    mean, n = float(np.mean(values)), len(values)
    half = math.inf
    if n > 1:
        half = float(student.ppf(0.5 + _CONFIDENCE / 2, n - 1) * np.std(values, ddof=1) / n**0.5)
    return mean, mean - half, mean + half


def main() -> None:
    """Print a row per table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=("planted", *TABLES), action="append")
    parser.add_argument("--runs", type=int, default=20, help="trainings of each table")
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=20, help="epochs on a real table")
    parser.add_argument("--rows", type=int, default=20_000, help="rows of each table, at most")
    arguments = parser.parse_args()
    lines = []
    for name in arguments.table or ["planted", "heart"]:
        if name == "planted":
            table, config = planted_table(), planted_config(arguments.epsilon)
        else:
            table = read(name)
            table = table.sample(min(len(table), arguments.rows), random_state=0, ignore_index=True)
            config = table_config(arguments.epsilon, arguments.epochs)
        declared = declaration_of(table)
        found = []
        for seed in range(arguments.runs):
            found.append(audit(table, declared, config, seed=seed, n_runs=arguments.runs))
            print(name, seed, found[-1], flush=True)
        mean, low, high = mean_interval([run.auc for run in found])
        spent, shown = max(run.spent for run in found), max(run.shown for run in found)
        lines.append(
            (
                *(name, f"{len(table):,}", f"{len(found)}", f"{spent:.3g}"),
                f"{mean:.3f} ({low:.3f} to {high:.3f})",
                f"{max(run.auc for run in found):.3f}",
                f"{shown:.3g}",
                f"{most_right_guesses(spent):.1%}",
                "yes" if shown > spent else "no",
            )
        )
    show(
        "Attacks beside the promise of epsilon",
        lines,
        (
            *("table", "rows, half of them included", "runs", "epsilon"),
            *("AUC, mean of the runs", "largest AUC", "epsilon that an attack shows"),
            *("right guesses that epsilon allows", "bound beaten"),
        ),
    )


if __name__ == "__main__":
    main()
