"""``python -m tabvae_ray.search`` and ``tabvae search``: options and exit codes."""

import json
import sys
import time
from collections.abc import Sequence

import click

from tabvae_ray.cli import (
    INPUT,
    Command,
    FiniteRange,
    json_option,
    log_format_option,
    option,
    run,
    spec_option,
    table_option,
)
from tabvae_ray.cluster.quick_imports import garbage_left
from tabvae_ray.command_line.json_log import JsonLog, logged
from tabvae_ray.command_line.output_path import OutputPath
from tabvae_ray.search.early_checks import check_early, check_place, check_replay
from tabvae_ray.search.resume_or_start import is_resumed
from tabvae_ray.space.named_spaces import SpaceType

__all__ = ["command", "main"]

_INPUT = "What to search"
_PLACE = "Where"
_AMOUNT = "How much"
_OUTPUT = "Result and output"
_FROM_SPACE = "the space file's"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Returns:
        0 if done, 2 if the input is wrong, 3 if the search has no usable trial or too many failed
        (or a replayed trial differs), 75 if a service does not answer, 130 if it was interrupted.
    """
    return run(command, "python -m tabvae_ray.search", arguments)


@click.command(
    "search",
    cls=Command,
    short_help="Search for the best model of a table.",
    examples=(
        "--data table.csv --time-budget 300",
        "--name beta --resume --trials 64",
    ),
)
@option(
    "--space",
    type=SpaceType(),
    metavar="FILE|NAME",
    section=_INPUT,
    show_default="auto; with --resume the search's",
    help="Search space: auto chooses one for the table and the time; otherwise a YAML file, or a "
    "space that comes with the package (beta, small, full, smoke; 'tabvae space NAME' prints it).",
)
@table_option(
    _INPUT,
    show_default="the space file's, or else the heart table that comes with the package",
)
@option(
    "--rows",
    type=click.IntRange(min=2),
    metavar="N",
    section=_INPUT,
    show_default=_FROM_SPACE,
    help="Most rows that trials see: of a larger table they share a sample.",
)
@spec_option(_INPUT)
@option(
    "--target",
    metavar="COLUMN",
    section=_INPUT,
    show_default="the spec's",
    help="Column to predict: how useful the rows are for that is reported, and an objective of the "
    "spaces auto, small and full.",
)
@option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    section=_INPUT,
    show_default=_FROM_SPACE,
    help="Seed of all random draws.",
)
@option(
    "--replay",
    type=INPUT,
    metavar="RECORD",
    section=_INPUT,
    help="Train the trial of a record (runs/NAME/trials/000007.json) again, alone and without "
    "Ray, and check that its scores are the same.",
)
@option(
    "--out",
    default="runs",
    type=OutputPath(),
    metavar="DIR|URI",
    section=_PLACE,
    help="Directory that holds the searches.",
)
@option(
    "--name",
    metavar="NAME",
    section=_PLACE,
    show_default="the name of the space file; with auto, of the table",
    help="Name of this search.",
)
@option("--resume", is_flag=True, section=_PLACE, help="Continue the search of that name.")
@option(
    "--resume-or-start",
    is_flag=True,
    section=_PLACE,
    help="Continue the search of that name if it has begun, or else start it.",
)
@option(
    "--address",
    metavar="ADDR",
    section=_PLACE,
    show_default="RAY_ADDRESS, or else this machine",
    help="Ray cluster: auto, host:port or ray://host:port.",
)
@option(
    "--study-storage",
    metavar="URL",
    section=_PLACE,
    show_default="study.log in the search's directory",
    help="Optuna storage for the study.",
)
@option(
    "--track",
    multiple=True,
    type=click.Choice(("mlflow", "tensorboard")),
    section=_PLACE,
    help="Also log trials to the MLflow server of MLFLOW_TRACKING_URI, or as event files below "
    "tune/. May be given twice.",
)
@option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    section=_AMOUNT,
    show_default=_FROM_SPACE,
    help="Trials in all.",
)
@option(
    "--time-budget",
    type=FiniteRange(min=0, min_open=True),
    metavar="SECONDS",
    section=_AMOUNT,
    show_default=_FROM_SPACE,
    help="Time for the whole command, with the start and the report. Training ends before, and the "
    "model is chosen among the complete trials, or else among all as far as they came; the rest "
    "can be resumed.",
)
@option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    section=_AMOUNT,
    show_default="as many as the resources allow",
    help="Trials at once.",
)
@option(
    "--cpus-per-trial",
    type=FiniteRange(min=0, min_open=True),
    default=1.0,
    metavar="X",
    section=_AMOUNT,
    help="CPUs, and threads, of each trial.",
)
@option(
    "--gpus-per-trial",
    type=FiniteRange(min=0),
    default=0.0,
    metavar="X",
    section=_AMOUNT,
    help="GPUs of each trial; a fraction lets several trials share one.",
)
@option(
    "--select",
    metavar="RULE",
    section=_OUTPUT,
    show_default=_FROM_SPACE,
    help="Model of the Pareto front to export: ideal (nearest to the best of every objective), "
    "knee, constraint (breaks the constraints least, then ideal), the name of an objective, or "
    "'weights A,B'.",
)
@option(
    "--refit",
    is_flag=True,
    section=_OUTPUT,
    show_default=_FROM_SPACE,
    help="At the end, train the chosen model again on all rows, held-out ones too. Its scores are "
    "those of the model before, which is kept in searched/.",
)
@json_option(_OUTPUT)
@option(
    "--dry-run",
    is_flag=True,
    section=_OUTPUT,
    help="Print the table as it is understood, the space, and an estimate of time and memory; "
    "start nothing and write nothing.",
)
@log_format_option(_OUTPUT)
@option("--quiet", is_flag=True, section=_OUTPUT, help="Show no progress and no final table.")
@logged
def command(
    *,
    log: JsonLog | None,
    space: str | None,
    data: str | None,
    rows: int | None,
    spec: str | None,
    target: str | None,
    seed: int | None,
    replay: str | None,
    out: str,
    name: str | None,
    resume: bool,
    resume_or_start: bool,
    address: str | None,
    study_storage: str | None,
    track: tuple[str, ...],
    trials: int | None,
    time_budget: float | None,
    concurrency: int | None,
    cpus_per_trial: float,
    gpus_per_trial: float,
    select: str | None,
    refit: bool,
    as_json: bool,
    dry_run: bool,
    quiet: bool,
) -> int:
    """Search for the best tabular VAE of a table.

    The first Ctrl-C saves what is finished; --resume continues from there.
    """
    began = time.time()
    if replay is not None:
        check_replay(click.get_current_context())
        return _replay(replay, data, spec, as_json=as_json, quiet=quiet or log is not None)
    resume = is_resumed(out, name, resume=resume, or_start=resume_or_start)
    if space is None and data is None and not (resume and name):
        raise click.UsageError(
            "--space: must be given, or --resume (or --resume-or-start) and --name of a search in "
            "--out, or --data of a table to choose one for"
        )
    check_early(space, spec, select)
    if not resume:
        check_place(space, data, out, name)
    with garbage_left():
        if not (dry_run or resume):
            from tabvae_ray.cluster.nodes import Resources
            from tabvae_ray.search.early_start import ray_started_early

            resources = Resources(cpus_per_trial, gpus_per_trial)
            starting = ray_started_early(address, resources, concurrency)
            click.get_current_context().find_root().with_resource(starting)
        from tabvae_ray.command_line.terminal import Terminal
        from tabvae_ray.search.api.perform import draw_report, perform, prepare
        from tabvae_ray.search.display import summary
        from tabvae_ray.search.display.dry_run import dry_run_document, print_dry_run
        from tabvae_ray.search.display.json_progress import JsonProgress
        from tabvae_ray.search.display.live import SearchProgress

    prepared = prepare(
        space=space,
        data=data,
        spec=spec,
        target=target,
        out=out,
        name=name,
        resume=resume,
        trials=trials,
        time_budget=time_budget,
        rows=rows,
        seed=seed,
        select=select,
        refit=refit or None,
        address=address,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        concurrency=concurrency,
    )
    if dry_run:
        parts = prepared.inputs, prepared.resources, prepared.slots
        document = dry_run_document(*parts, resume=resume)
        if not quiet:
            print_dry_run(Terminal(), prepared.inputs, document)
        if as_json:
            print(json.dumps(document))  # noqa: T201
        return 0
    chosen_space = prepared.inputs.space
    events = None if log is None else JsonProgress(chosen_space, log)
    progress = events or SearchProgress(chosen_space, quiet=quiet)
    done = perform(
        prepared,
        resume=resume,
        address=address,
        concurrency=concurrency,
        study_storage=study_storage,
        trackers=track,
        progress=progress,
        began=began,
    )
    outcome = done.outcome
    if events is None:
        summary.show(outcome, done.inputs, progress)
    draw_report(done)
    if events is None:
        summary.say_next(outcome, done.inputs, progress)
    else:
        events.conclude(outcome, summary.as_json(outcome))
    if as_json:
        print(json.dumps(summary.as_json(outcome)))  # noqa: T201
    return {"finished": 0, "interrupted": 130}.get(outcome.state, 3)


def _replay(record: str, data: str | None, spec: str | None, *, as_json: bool, quiet: bool) -> int:
    from tabvae_ray.command_line.terminal import Terminal
    from tabvae_ray.search.display.summary import replay_table
    from tabvae_ray.search.replay import replay

    done = replay(record, data=data, spec=spec)
    if not quiet:
        Terminal(file=sys.stderr).print(replay_table(done))
    if as_json:
        rungs = [{"epoch": rung.epoch, **rung.objectives} for rung in done.rungs]
        answer = {"trial": done.record.number, "same": done.same, "rungs": rungs}
        print(json.dumps(answer))  # noqa: T201
    return 0 if done.same else 3


if __name__ == "__main__":
    sys.exit(main())
