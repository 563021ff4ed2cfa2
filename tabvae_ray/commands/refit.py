"""``tabvae refit``: the chosen model of a search, trained again on all rows."""

import json

import click

from tabvae_ray.cli import PATH_OR_URI, Command, json_option, option, table_option
from tabvae_ray.commands.shown_training import ShownEpochs, new_export, say

__all__ = ["command"]

_TRAINING, _OUTPUT = "Training", "Output"


@click.command(
    "refit",
    cls=Command,
    short_help="Train the chosen model of a search again, on all rows.",
    examples=(
        "runs/patients",
        "runs/patients --data this_year.csv --epochs 40 --out models/this_year",
    ),
)
@click.argument("run", type=PATH_OR_URI)
@table_option(
    _TRAINING,
    show_default="the search's",
    help="Table to train on, CSV or Parquet: other rows of the same columns.",
)
@option(
    "--epochs",
    type=click.IntRange(min=1),
    metavar="N",
    section=_TRAINING,
    show_default="those that the search chose",
    help="Epochs to train.",
)
@option(
    "--device",
    type=click.Choice(("cpu", "cuda")),
    section=_TRAINING,
    show_default="that of the search, if it is there",
    help="Device to train on.",
)
@option(
    "--out",
    type=PATH_OR_URI,
    metavar="DIR|URI",
    section=_OUTPUT,
    show_default="best/ of RUN, whose model is kept in searched/",
    help="Directory of the refitted model.",
)
@json_option(_OUTPUT)
@option("--quiet", is_flag=True, section=_OUTPUT, help="Show no progress.")
def command(
    *,
    run: str,
    data: str | None,
    epochs: int | None,
    device: str | None,
    out: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train the chosen model of the search in RUN again on all rows, held-out ones too.

    RUN is the directory of the search, a path or URI. The scores stay those of the searched model,
    because no rows are left to measure on. If the command is killed, the same command continues
    from the last checkpoint.
    """
    from tabvae_ray.refit.finished_search import FinishedSearchRefit
    from tabvae_ray.storage import Location

    target = None if out is None else new_export(out)
    refit = FinishedSearchRefit.prepare(
        Location(run), data=data, epochs=epochs, out=target, device=device
    )
    refit.target.check_writable()
    if not quiet:
        say(f"refitting {refit.description}")
    done = refit.run([] if quiet else [ShownEpochs(refit.plan.epochs)])
    if not quiet:
        say(done.scores_of)
        say(f"model: {refit.target}")
    if as_json:
        print(json.dumps({"model": str(refit.target), **done.to_mapping()}))  # noqa: T201
    return 0
