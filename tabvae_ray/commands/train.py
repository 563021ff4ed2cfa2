"""``tabvae train``: one model of a table, without a search and without Ray."""

import json

import click

from tabvae_ray.cli import (
    DOCUMENT,
    Command,
    json_option,
    log_format_option,
    option,
    spec_option,
    table_option,
)
from tabvae_ray.command_line.json_log import JsonLog, logged, speaker
from tabvae_ray.command_line.output_path import OutputPath
from tabvae_ray.command_line.sampling import DEFAULT_ROWS
from tabvae_ray.commands.early_checks import check_files
from tabvae_ray.commands.shown_training import ShownEpochs, new_export, whole_or_nothing

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
@table_option(_INPUT, required=True)
@option(
    "--rows",
    type=click.IntRange(min=2),
    default=DEFAULT_ROWS,
    metavar="N",
    section=_INPUT,
    help="Most rows to read: of a larger table a sample is drawn.",
)
@spec_option(
    _INPUT, help="Types of the table's columns, YAML or JSON; 'tabvae spec DATA' writes one."
)
@option(
    "--config",
    type=DOCUMENT,
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
    type=click.IntRange(min=0, max=2**63 - 1),
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
    type=OutputPath(),
    metavar="DIR|URI",
    section=_OUTPUT,
    help="Directory of the exported model, which 'tabvae generate --model' reads.",
)
@json_option(_OUTPUT)
@log_format_option(_OUTPUT)
@option("--quiet", is_flag=True, section=_OUTPUT, help="Show no progress and no scores.")
@logged
def command(
    *,
    log: JsonLog | None,
    data: str,
    rows: int,
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
    check_files(spec=spec, config=config)
    from tabvae_ray.commands.single_training import SingleTraining, score_lines
    from tabvae_ray.storage import check_writable

    target = new_export(out)
    leaves = {"training.max_n_epochs": epochs, "training.device": device}
    training = SingleTraining.prepare(
        data,
        rows=rows,
        spec=spec,
        config=config,
        leaves={name: value for name, value in leaves.items() if value is not None},
        seed=seed,
    )
    check_writable(target)
    say = speaker(log, quiet=quiet)
    say(f"training on {training.description}")
    if not quiet:
        trainer = training.vae.trainer
        trainer.epoch_hooks.append(ShownEpochs(trainer.config.max_n_epochs, log))
    scores = training.train()
    with whole_or_nothing(target):
        training.save(target, scores)
    document = {"model": str(target), **scores}
    if log is not None:
        log.event("training_ended", **document)
    else:
        for line in (*score_lines(scores), f"model: {target}"):
            say(line)
    if as_json:
        print(json.dumps(document))  # noqa: T201
    return 0
