"""``python -m tabvae_ray.search``: arguments and exit codes."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from tabvae_ray.cli import run_command
from tabvae_ray.errors import ConfigError

if TYPE_CHECKING:
    from tabvae_ray.search.display.live import SearchProgress
    from tabvae_ray.storage import Location

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command.

    Returns:
        0 if done, 2 if the input is wrong, 3 if the search has no usable trial (or a replayed one
        scores otherwise), 130 if it was interrupted and can be resumed.
    """
    options = _parser().parse_args(arguments)
    return run_command(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    _check_numbers(options)
    if options.replay is not None:
        return _replay(options)
    # What is imported here takes seconds; --help and errors in options need none of it.
    from tabvae_ray.cluster.nodes import Resources
    from tabvae_ray.search.display.live import SearchProgress
    from tabvae_ray.search.display.summary import as_json, say_next, show
    from tabvae_ray.search.inputs import prepare_inputs
    from tabvae_ray.search.optimize.sampler import choose_sampler
    from tabvae_ray.search.run import run_search

    inputs = prepare_inputs(
        space=options.space,
        out=options.out,
        name=options.name,
        data=options.data,
        spec=options.spec,
        resume=options.resume,
        settings={
            "n_trials": options.trials,
            "time_budget": options.time_budget,
            "seed": options.seed,
            "select": options.select,
        },
    )
    progress = SearchProgress(inputs.space, quiet=options.quiet)
    if inputs.space.settings.sampler == "auto":
        progress.say(f"sampler {choose_sampler(inputs.space)[1]}")
    outcome = run_search(
        inputs,
        resume=options.resume,
        address=options.address,
        resources=Resources(options.cpus_per_trial, options.gpus_per_trial),
        concurrency=options.concurrency,
        study_storage=options.study_storage,
        trackers=options.track or (),
        progress=progress,
    )
    show(outcome, inputs, progress)
    if outcome.state == "finished":
        _write_report(outcome.directory, progress)
    say_next(outcome, inputs, progress)
    if options.json:
        print(json.dumps(as_json(outcome)))  # noqa: T201
    return {"finished": 0, "interrupted": 130}.get(outcome.state, 3)


def _write_report(directory: "Location", progress: "SearchProgress") -> None:
    from tabvae_ray.report import write_report

    progress.say("drawing the report")
    try:
        page = write_report(directory)
    except Exception as error:
        # A search of hours is not lost to a drawing.
        progress.say(f"warning: no report could be made: {error!r}")
    else:
        progress.say(f"report: {page}")


def _replay(options: argparse.Namespace) -> int:
    from tabvae_ray.search.display.summary import replay_table
    from tabvae_ray.search.replay import replay

    done = replay(options.replay, data=options.data, spec=options.spec)
    if not options.quiet:
        Console(file=sys.stderr).print(replay_table(done))
    if options.json:
        rungs = [{"epoch": rung.epoch, **rung.objectives} for rung in done.rungs]
        answer = {"trial": done.record.number, "same": done.same, "rungs": rungs}
        print(json.dumps(answer))  # noqa: T201
    return 0 if done.same else 3


def _check_numbers(options: argparse.Namespace) -> None:
    rules = (
        ("trials", 1),
        ("concurrency", 1),
        ("seed", 0),
        ("cpus_per_trial", 0),
        ("gpus_per_trial", 0),
        ("time_budget", 0),
    )
    errors = []
    for name, least in rules:
        value = getattr(options, name)
        flag = "--" + name.replace("_", "-")
        above = name in ("cpus_per_trial", "time_budget")
        if value is None or (math.isfinite(value) and (value > least if above else value >= least)):
            continue
        errors.append(f"{flag} must be {'>' if above else '>='} {least}, but got {value:g}")
    if errors:
        raise ConfigError("\n".join(errors))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tabvae_ray.search",
        description="Look for the best tabular VAE of a table.",
        epilog="The first Ctrl-C writes down what is there, to go on with by --resume.",
    )
    what = parser.add_argument_group("what")
    what.add_argument("--space", metavar="FILE", help="the search space, a YAML file")
    what.add_argument(
        "--data",
        metavar="FILE|URI",
        help="the table, CSV or Parquet (the space file's; the heart table that ships)",
    )
    what.add_argument("--spec", metavar="FILE", help="what its columns are (inferred)")
    what.add_argument(
        "--seed", type=int, metavar="N", help="seed of everything that is drawn (the space file's)"
    )
    what.add_argument(
        "--replay",
        metavar="RECORD",
        help="train the trial of a record (runs/NAME/trials/000007.json) again, alone, without "
        "Ray, and say whether its scores come back",
    )
    where = parser.add_argument_group("where")
    where.add_argument("--out", default="runs", metavar="DIR|URI", help="where searches lie (runs)")
    where.add_argument("--name", help="name of this one (that of the space file)")
    where.add_argument(
        "--resume", action="store_true", help="go on with the search that lies there"
    )
    where.add_argument(
        "--address",
        metavar="ADDR",
        help="Ray cluster: auto, host:port or ray://host:port (RAY_ADDRESS; else this machine)",
    )
    where.add_argument(
        "--study-storage", metavar="URL", help="an Optuna storage to keep the study in (study.log)"
    )
    where.add_argument(
        "--track",
        action="append",
        choices=("mlflow", "tensorboard"),
        help="show trials there, too: on the MLflow server of MLFLOW_TRACKING_URI, or as event "
        "files below tune/; may be given twice",
    )
    much = parser.add_argument_group("how much")
    much.add_argument("--trials", type=int, metavar="N", help="trials in all (the space file's)")
    much.add_argument(
        "--time-budget",
        type=float,
        metavar="SECONDS",
        help="stop then and choose among what is complete; the rest can be resumed",
    )
    much.add_argument(
        "--concurrency", type=int, metavar="N", help="trials at once (as many as there is room for)"
    )
    much.add_argument(
        "--cpus-per-trial", type=float, default=1.0, metavar="X", help="and threads (1)"
    )
    much.add_argument(
        "--gpus-per-trial",
        type=float,
        default=0.0,
        metavar="X",
        help="a fraction lets several trials share a GPU (0)",
    )
    said = parser.add_argument_group("what is said")
    said.add_argument(
        "--select",
        metavar="RULE",
        help="which model of the front is exported: ideal (nearest to the best of every "
        "objective), knee, constraint (breaks the constraints least, then ideal), the name of an "
        "objective, or 'weights A,B' (ideal)",
    )
    said.add_argument(
        "--json", action="store_true", help="print one JSON object as the last line of stdout"
    )
    said.add_argument("--quiet", action="store_true", help="no progress, no table at the end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
