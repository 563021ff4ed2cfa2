"""Description of a search for ``--dry-run``: table, space, rungs, resources, estimates."""

from statistics import fmean
from typing import Any

from rich.console import Console, RenderableType

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.command_line.lines import counted, duration
from tabvae_ray.search.display.table_summary import choice_lines, table_summary
from tabvae_ray.search.driver.resume import check_name
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.optimize.sampler import choose_sampler
from tabvae_ray.space.estimate import epoch_seconds, report_seconds, setup_seconds, trial_memory
from tabvae_ray.space.space_yaml import space_yaml
from tabvae_ray.space.table_shape import TableShape

__all__ = ["dry_run_document", "print_dry_run", "space_text"]

# Points of the space that the estimate is a mean over, beside the initial ones.
_N_POINTS = 32
# Share of its time that a trial takes on average if it stops early by its loss.
_EARLY = 0.5
# A table in the object store takes this many times its memory as a DataFrame.
_STORED = 2


def dry_run_document(
    inputs: SearchInputs, resources: Resources, slots: int, *, resume: bool = False
) -> dict[str, Any]:
    """Return the description of a search as values for JSON.

    Args:
        inputs: The search.
        resources: The resources of a trial.
        slots: Trials that are expected to run at once.
        resume: True if an earlier search is continued.

    Raises:
        ConfigError: If the search could not start: its name is taken, or the space needs a GPU.
    """
    check_name(inputs.directory, resume=resume)
    task = inputs.task(resources)
    return {
        "search": inputs.name,
        "directory": str(inputs.directory),
        "table": {
            "path": str(inputs.data),
            "rows": len(inputs.table),
            "whole_rows": inputs.sample.n_rows,
            "columns": {column.name: column.kind for column in inputs.spec.columns},
            "rules": [str(rule) for rule in inputs.spec.rules],
        },
        "space": inputs.space.to_mapping(),
        "reasons": [] if inputs.chosen is None else list(inputs.chosen.reasons),
        "sampler": choose_sampler(inputs.space)[1],
        "rungs": list(inputs.rungs),
        "resources": {
            "cpus": resources.cpus,
            "gpus": resources.gpus,
            "device": task.device,
            "at_once": slots,
        },
        "estimate": _estimate(inputs, resources, slots),
    }


def print_dry_run(console: Console, inputs: SearchInputs, document: dict[str, Any]) -> None:
    """Print the description of a search.

    Args:
        console: Where to print it.
        inputs: The search.
        document: Its description, see :func:`dry_run_document`.
    """

    def say(part: RenderableType) -> None:
        # A terminal's width must not break the lines of YAML.
        soft_wrap = isinstance(part, str)
        console.print(part, markup=False, highlight=False, emoji=False, soft_wrap=soft_wrap)

    for part in (*table_summary(inputs), *choice_lines(inputs, is_kept=False)):
        say(part)
    say(f"the space:\n{space_text(inputs)}")
    for line in _lines(document):
        say(line)


def space_text(inputs: SearchInputs) -> str:
    """Return the space of a search as YAML, with comments if it was chosen for the table."""
    return inputs.chosen.text if inputs.chosen else space_yaml(inputs.space)


def _lines(document: dict[str, Any]) -> list[str]:
    resources, estimate = document["resources"], document["estimate"]
    device = f" on {resources['device']}" if resources["gpus"] else ""
    settings = document["space"]["search"]
    stops = "" if settings["scheduler"] == "none" else ": weak trials stop at all but the last"
    rungs = ", ".join(map(str, document["rungs"]))
    if settings["time_budget"]:
        time = f"{duration(settings['time_budget'])}, the time budget"
    else:
        time = f"about {duration(estimate['seconds'])}"
    return [
        f"directory:  {document['directory']} (nothing is written there now)",
        f"trials:     {settings['n_trials']}, sampler {document['sampler']}",
        f"rungs:      {rungs} epochs{stops}",
        f"resources:  {counted(resources['cpus'], 'CPU')} and {counted(resources['gpus'], 'GPU')} "
        f"per trial{device}, {counted(resources['at_once'], 'trial')} at once",
        f"time:       {time}; a trial that is never stopped takes about "
        f"{duration(estimate['seconds_per_trial'])}",
        f"            trials that end in that time: about {estimate['trials_in_time']}",
        f"memory:     about {_size(estimate['bytes_per_trial'])} per trial, "
        f"{_size(estimate['bytes'])} in all on one machine",
        "            (rough estimates: a machine that is busy or old takes several times as long)",
    ]


def _estimate(inputs: SearchInputs, resources: Resources, slots: int) -> dict[str, Any]:
    space, shape = inputs.space, TableShape.of(inputs.table, inputs.spec)
    points = [*space.initial, *space.quasi_random(_N_POINTS)]
    # A quasi-random point has all parameters, also those whose conditions do not hold.
    configs = [space.config(point) for point in points]
    gpu = resources.gpus > 0
    epoch = fmean(epoch_seconds(shape, c, threads=resources.threads, gpu=gpu) for c in configs)
    report, rungs = report_seconds(shape), inputs.rungs
    whole = epoch * rungs[-1] + report * len(rungs)
    settings = space.settings
    mean, share, last = 0.0, 1.0, 0
    for rung in rungs:
        mean += share * ((rung - last) * epoch + report)
        last = rung
        if settings.scheduler != "none":
            share /= settings.eta
    if space.base.training.early_stopping != "none":
        mean *= _EARLY
    seconds = setup_seconds(shape) + settings.n_trials * mean / slots
    n_in_time = settings.n_trials
    if settings.time_budget is not None:
        left = max(0.0, settings.time_budget - setup_seconds(shape))
        n_in_time = min(n_in_time, int(left * slots / mean))
    memory = max(trial_memory(shape, config) for config in configs)
    table = int(inputs.table.memory_usage(deep=True).sum())
    return {
        "seconds": round(min(seconds, settings.time_budget or seconds), 1),
        "seconds_per_trial": round(whole, 1),
        "trials_in_time": n_in_time,
        "bytes_per_trial": memory,
        # The driver is a process like a trial's.
        "bytes": memory * (slots + 1) + _STORED * table,
    }


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"
