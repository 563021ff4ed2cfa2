"""``tabvae refit``: the chosen model of a search, trained again on all rows."""

import json
from contextlib import nullcontext

import click

from tabvae_ray.cli import (
    PATH_OR_URI,
    Command,
    json_option,
    log_format_option,
    option,
    table_option,
)
from tabvae_ray.command_line.json_log import JsonLog, logged, speaker
from tabvae_ray.command_line.output_path import OutputPath
from tabvae_ray.commands.shown_training import ShownEpochs, new_export, whole_or_nothing

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
    help="Table to train on, with the same columns: a CSV or Parquet file, or a directory or glob "
    "pattern of Parquet files.",
)
@option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    section=_TRAINING,
    show_default="one, if the table does not fit in memory",
    help="Workers of Ray that train the model together, on Parquet read batch by batch.",
)
@option(
    "--address",
    metavar="ADDR",
    section=_TRAINING,
    show_default="RAY_ADDRESS, or else this machine",
    help="Ray cluster of the workers: auto or host:port.",
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
    type=OutputPath(),
    metavar="DIR|URI",
    section=_OUTPUT,
    show_default="best/ of RUN, whose model is kept in searched/",
    help="Directory of the refitted model.",
)
@json_option(_OUTPUT)
@log_format_option(_OUTPUT)
@option("--quiet", is_flag=True, section=_OUTPUT, help="Show no progress.")
@logged
def command(
    *,
    log: JsonLog | None,
    run: str,
    data: str | None,
    workers: int | None,
    address: str | None,
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

    A table that does not fit in memory is encoded once, and workers of Ray train on its codes.
    """
    from tabvae_ray.refit.finished_search import FinishedSearchRefit
    from tabvae_ray.results.claims.claim import claimed
    from tabvae_ray.results.search_manifest import SearchManifest
    from tabvae_ray.storage import Location, check_writable

    target, directory = None if out is None else new_export(out), Location(run)
    # Says what is there if it is no search, where nothing is claimed.
    SearchManifest.read(directory)
    # Two refits would remove each other's checkpoints.
    with claimed(directory, doing="refit"):
        refit = FinishedSearchRefit.prepare(
            directory, data=data, epochs=epochs, out=target, device=device, workers=workers
        )
        check_writable(refit.target)
        if not refit.plan.checkpoint.exists():
            # It lies in the directory of the search, which may be somebody else's.
            check_writable(refit.plan.checkpoint.parent)
        if log is not None:
            log.search = refit.manifest.name
        say = speaker(log, quiet=quiet)
        say(f"refitting {refit.description}")
        hooks = [] if quiet else [ShownEpochs(refit.plan.epochs, log)]
        # The searched model, in best/, is replaced in one step.
        with nullcontext() if target is None else whole_or_nothing(target):
            if refit.rows.streamed is None:
                done = refit.run(hooks)
            else:
                from tabvae_ray.refit.streamed.run import StreamedTraining

                streamed = StreamedTraining(refit.rows.streamed, workers or 1, address, say)
                done = refit.run(hooks, train=streamed)
    document = {"model": str(refit.target), **done.to_mapping()}
    if log is not None:
        log.event("refit_ended", **document)
    else:
        say(done.scores_of)
        say(f"model: {refit.target}")
    if as_json:
        print(json.dumps(document))  # noqa: T201
    return 0
