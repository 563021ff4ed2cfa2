"""The steps of a search that the command and the Python function share."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from tabvae_ray.cluster.nodes import Resources, expected_slots
from tabvae_ray.report import write_report
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.search.inputs import SearchInputs, prepare_inputs
from tabvae_ray.search.optimize.sampler import choose_sampler
from tabvae_ray.search.run import run_search
from tabvae_ray.search.sources import SpaceSource, SpecSource
from tabvae_ray.table.reading.frames import Frame, Source

__all__ = ["Performed", "Prepared", "draw_report", "of_prepare", "perform", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A search that can start.

    Args:
        inputs: What it starts from.
        resources: The resources of a trial.
        slots: Trials that are expected to run at once.
    """

    inputs: SearchInputs
    resources: Resources
    slots: int


@dataclass(frozen=True)
class Performed:
    """A search that has ended.

    Args:
        inputs: What it started from.
        outcome: What came of it.
        progress: What has shown it.
    """

    inputs: SearchInputs
    outcome: SearchOutcome
    progress: SearchProgress


def prepare(
    *,
    space: SpaceSource | None,
    data: Source | Frame | None,
    spec: SpecSource | None,
    target: str | None,
    out: Source,
    name: str | None,
    resume: bool,
    trials: int | None,
    time_budget: float | None,
    rows: int | None,
    seed: int | None,
    select: str | None,
    refit: bool | None,
    address: str | None,
    cpus_per_trial: float,
    gpus_per_trial: float,
    concurrency: int | None,
) -> Prepared:
    """Read and check the inputs; start nothing and write nothing.

    :func:`tabvae_ray.search.api.function.search` describes the arguments.

    Raises:
        TabVAEError: If an input is wrong.
    """
    resources = Resources(cpus_per_trial, gpus_per_trial)
    slots = expected_slots(resources, concurrency, address)
    inputs = prepare_inputs(
        space=space,
        out=out,
        name=name,
        data=data,
        spec=spec,
        target=target,
        resume=resume,
        settings={
            "n_trials": trials,
            "time_budget": time_budget,
            "rows": rows,
            "seed": seed,
            "select": select,
            "refit": refit,
        },
        slots=slots,
        gpu=gpus_per_trial > 0,
    )
    return Prepared(inputs, resources, slots)


def of_prepare(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of :func:`prepare` among those of a search."""
    return {name: given[name] for name in signature(prepare).parameters}


def perform(
    prepared: Prepared,
    *,
    resume: bool,
    address: str | None,
    concurrency: int | None,
    study_storage: str | None,
    trackers: Collection[str],
    progress: SearchProgress,
    began: float | None = None,
) -> Performed:
    """Show how the table is understood, and run the search.

    ``progress`` shows the search. ``began`` is when the command began, in seconds since 1970; a
    time budget counts from there.

    Raises:
        TabVAEError: If an input is wrong, or the storage or the cluster fails.
    """
    inputs = prepared.inputs
    progress.describe(inputs, resume=resume)
    if inputs.space.settings.sampler == "auto":
        progress.say(f"sampler {choose_sampler(inputs.space)[1]}")
    outcome = run_search(
        inputs,
        resume=resume,
        address=address,
        resources=prepared.resources,
        concurrency=concurrency,
        study_storage=study_storage,
        trackers=trackers,
        progress=progress,
        began=began,
    )
    return Performed(inputs, outcome, progress)


def draw_report(done: Performed) -> None:
    """Write the report of a finished search; say so if that fails, which must lose no result."""
    if done.outcome.state != "finished":
        return
    say = done.progress.say
    say("drawing the report")
    try:
        page = write_report(done.outcome.directory)
    except Exception as error:
        # A failure to draw must not lose the result of hours.
        say(f"warning: no report could be made: {error!r}")
    else:
        say(f"report: {page}")
