"""``tabvae train``: one model of a table, without a search and without Ray."""

import json
import sys
from typing import TYPE_CHECKING

import click

from tabvae_ray.cli import PATH_OR_URI, Command, option
from tabvae_ray.errors import ConfigError

# What the command needs takes seconds to import; help and usage errors need none of it.
if TYPE_CHECKING:
    from tabvae_ray.training.trainer import TabularVAETrainer

__all__ = ["command"]

_INPUT, _TRAINING, _OUTPUT = "What to train", "Training", "Output"


@click.command(
    "train",
    cls=Command,
    short_help="Train one model, without a search.",
    examples=(
        "--data table.csv --out model",
        "--data table.csv --out model --config config.yaml --epochs 200 --seed 1",
    ),
)
@option(
    "--data",
    required=True,
    type=PATH_OR_URI,
    metavar="FILE|URI",
    section=_INPUT,
    help="Table to model, CSV or Parquet.",
)
@option(
    "--spec",
    type=PATH_OR_URI,
    metavar="FILE|URI",
    section=_INPUT,
    show_default="inferred from the table",
    help="Types of the table's columns, YAML or JSON; 'tabvae spec DATA' writes one.",
)
@option(
    "--config",
    type=PATH_OR_URI,
    metavar="FILE|URI",
    section=_INPUT,
    show_default="the first point of the space 'auto' for this table",
    help="Configuration of the model, YAML or JSON; what it leaves out has its default.",
)
@option(
    "--epochs",
    type=click.IntRange(min=1),
    metavar="N",
    section=_TRAINING,
    show_default="the configuration's",
    help="Epochs to train.",
)
@option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    section=_TRAINING,
    help="Seed of all random draws.",
)
@option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda")),
    section=_TRAINING,
    show_default="the configuration's",
    help="Device to train on.",
)
@option(
    "--out",
    required=True,
    type=PATH_OR_URI,
    metavar="DIR|URI",
    section=_OUTPUT,
    help="Directory of the exported model, which 'tabvae generate --model' reads.",
)
@option(
    "--json",
    "as_json",
    is_flag=True,
    section=_OUTPUT,
    help="Print one JSON object as the last line of stdout.",
)
@option("--quiet", is_flag=True, section=_OUTPUT, help="Show no progress and no scores.")
def command(
    *,
    data: str,
    spec: str | None,
    config: str | None,
    epochs: int | None,
    seed: int,
    device: str | None,
    out: str,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train one model of a table, score it on held-out rows and export it.

    'tabvae search' finds a better model; this takes a fraction of its time.
    """
    from tabvae_ray.commands.single_training import SingleTraining, score_lines
    from tabvae_ray.storage import Location

    target = Location(out)
    if (target / "synthesizer.json").exists():
        raise ConfigError(f"--out {target}: holds a model already; give another directory")
    leaves = {"training.max_n_epochs": epochs, "training.device": device}
    training = SingleTraining.prepare(
        data,
        spec=spec,
        config=config,
        leaves={name: value for name, value in leaves.items() if value is not None},
        seed=seed,
    )
    target.check_writable()
    if not quiet:
        _say(f"training on {training.description}")
        training.vae.trainer.epoch_hooks.append(_show_epoch)
    scores = training.train()
    training.save(target, scores)
    if not quiet:
        for line in score_lines(scores):
            _say(line)
        _say(f"model: {target}")
    if as_json:
        print(json.dumps({"model": str(target), **scores}))  # noqa: T201
    return 0


def _show_epoch(trainer: "TabularVAETrainer") -> None:
    """Print the loss of every tenth part of the epochs."""
    n, last = trainer.epoch, trainer.config.max_n_epochs
    if n % max(1, last // 10) == 0 or trainer.stopped is not None:
        _say(f"epoch {n} of {last}: loss {trainer.history[-1]['loss']:.4g} nats per row")


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
