"""Find an earlier search in the directory, and restore its state."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import TrialScheduler

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.documents import finite
from tabvae_ray.errors import ConfigError
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import HEARTBEAT_SECONDS, SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.optimize.scheduler import MultiObjectiveASHA, PatientFIFO
from tabvae_ray.search.optimize.study import masked_url
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = [
    "SearchStart",
    "begin_or_resume",
    "check_unchanged",
    "find_previous",
    "make_scheduler",
    "n_reports",
    "restore_trials",
    "storage_url",
]

# After this long without a sign of life, a driver on another machine counts as dead.
_SURELY_DEAD_SECONDS = 3600.0
# Settings that may change when a search is resumed, because they only say how much is done.
_BUDGETS = (
    "max_failures",
    "n_candidates",
    "n_rescores",
    "n_trials",
    "select",
    "suggestion_seconds",
    "time_budget",
)


@dataclass(frozen=True)
class SearchStart:
    """Where a run of a search starts from.

    Args:
        manifest: The manifest of this run, not written yet. What it must keep from earlier runs
            (id, time, reference levels) is in it.
        previous_state: State that an earlier run left the search in; None if the search begins.
        study_url: The user's Optuna storage, with credentials, or None.
    """

    manifest: SearchManifest
    previous_state: str | None
    study_url: str | None


def begin_or_resume(
    inputs: SearchInputs, resources: Resources, study_storage: str | None, *, resume: bool
) -> SearchStart:
    """Decide whether a search begins or resumes, and check that it may; write nothing.

    Args:
        inputs: Space, table and directory, checked.
        resources: The resources of a trial.
        study_storage: URL of an Optuna storage; that of earlier runs if None.
        resume: True if the user wants to continue an earlier search.

    Raises:
        ConfigError: If the directory is not what the user takes it for, its search is running or
            was another one, or the URL is not valid.
        StorageError: If the directory cannot be read.
    """
    before = find_previous(inputs.directory, resume=resume)
    url, shown_url = storage_url(study_storage, before)
    manifest = inputs.manifest(resources=vars(resources))
    manifest.study_storage = shown_url
    if before is not None:
        check_unchanged(before, manifest)
        manifest.id, manifest.levels = before.id, before.levels
        manifest.runs, manifest.seconds = before.runs, before.seconds
    manifest.runs += 1
    return SearchStart(manifest, before.state if before is not None else None, url)


def find_previous(directory: Location, *, resume: bool) -> SearchManifest | None:
    """Return the manifest of the search to resume, or None if one begins.

    Raises:
        ConfigError: If the directory is not what the user takes it for, or its search is running.
        StorageError: If the directory cannot be read.
    """
    exists = (directory / "search.json").exists()
    if resume and not exists:
        raise ConfigError(f"--resume: there is no search in {directory}")
    if not exists:
        # A driver that was killed during its first write leaves a hidden file.
        if any(not child.name.startswith(".") for child in directory.children()):
            raise ConfigError(
                f"{directory} is not empty, and holds no search: give another --name or --out"
            )
        return None
    if not resume:
        raise ConfigError(
            f"{directory} holds a search already: go on with it by --resume, or give another --name"
        )
    before = SearchManifest.read(directory)
    _check_idle(before, directory)
    return before


def storage_url(given: str | None, before: SearchManifest | None) -> tuple[str | None, str | None]:
    """Return the URL of a search's Optuna storage, and the same without credentials to record.

    Args:
        given: The user's option.
        before: The search that is resumed, whose storage is used if none is given.

    Raises:
        ConfigError: If it is not a URL, or credentials, which are stored nowhere, must be given
            again.
    """
    if given is None:
        known = None if before is None else before.study_storage
        if known is not None and "***" in known:
            raise ConfigError(f"--study-storage: must be given again, with credentials: {known}")
        return known, known
    return given, masked_url(given)


def check_unchanged(before: SearchManifest, now: SearchManifest) -> None:
    """Refuse to continue a search whose trials would not be comparable.

    Raises:
        ConfigError: Naming everything that differs.
    """
    old, new = _identity(before), _identity(now)
    differences = [
        f"{key}: was {json.dumps(old.get(key))}, is {json.dumps(new.get(key))}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if differences:
        raise ConfigError(
            f"--resume: {before.name} cannot go on, because this has changed since it began:\n  "
            + "\n  ".join(differences)
            + "\nGive what it began with, or start another search with another --name"
        )


def make_scheduler(inputs: SearchInputs) -> TrialScheduler:
    """Return the scheduler that the space asks for."""
    settings = inputs.space.settings
    if settings.scheduler == "none":
        return PatientFIFO()  # type: ignore[no-untyped-call]
    return MultiObjectiveASHA(
        inputs.space.objectives,
        max_t=inputs.rungs[-1],
        grace_period=inputs.rungs[0],
        eta=settings.eta,
        time_attr="epoch",
        trial_attr="number",
    )


def restore_trials(
    records: RecordStore, scheduler: TrialScheduler, space: SearchSpace
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """Return finished and unfinished trials, and restore the scheduler from their reports."""
    finished, unfinished = records.finished(), records.running()
    reports = [(rung, record) for record in [*finished, *unfinished] for rung in record.rungs]
    stopped = set()
    if isinstance(scheduler, MultiObjectiveASHA):
        for rung, record in sorted(reports, key=lambda report: report[0].order):
            values = [rung.values.get(name) for name in space.objectives]
            goes_on = scheduler.report(
                str(record.number),
                rung.epoch,
                [float("nan") if value is None else value for value in values],
            )
            if not goes_on and rung.epoch < space.budget:
                stopped.add(record.number)
    checkpoints = Checkpoints(records.directory)
    still_running = []
    for record in unfinished:
        if record.number in stopped:
            # The driver died after the scheduler's decision and before it was recorded.
            record.state, record.reason = "PRUNED", f"stopped at the rung of {record.epochs} epochs"
            records.finish(record)
            finished.append(record)
        else:
            if checkpoints.forget_lost(record):
                records.keep_running(record)
            still_running.append(record)
    return finished, still_running


def n_reports(known: Sequence[TrialRecord]) -> int:
    """Return how many reports the search has had."""
    return max((rung.order for record in known for rung in record.rungs), default=0)


def _check_idle(before: SearchManifest, directory: Location) -> None:
    """Refuse a search that another driver runs.

    Two drivers would train the same trials and remove each other's checkpoints.
    """
    if before.state != "running":
        return
    where = f"{before.driver.get('host')} (process {before.driver.get('pid')})"
    message = f"--resume: {directory} is at work on {where}: stop that one first"
    silent = time.time() - before.updated
    if before.is_driven_from_here():
        # A live process that has been silent for this long is another one with the same number.
        if before.is_driver_alive() and silent < 6 * HEARTBEAT_SECONDS:
            raise ConfigError(message)
        return
    # The clocks of two machines may differ by minutes, but not by an hour.
    if abs(silent) > _SURELY_DEAD_SECONDS:
        return
    time.sleep(2.5 * HEARTBEAT_SECONDS)
    if SearchManifest.read(directory).updated != before.updated:
        raise ConfigError(message)


def _identity(manifest: SearchManifest) -> dict[str, Any]:
    """Return everything that must not change, by dotted name."""
    settings = {k: v for k, v in manifest.space["search"].items() if k not in _BUDGETS}
    document = finite(
        {
            **manifest.space,
            "search": settings,
            "table": manifest.table,
            "spec": manifest.spec,
            "rungs": manifest.rungs,
        }
    )
    return _flat(document)


def _flat(document: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(document, Mapping) and document:
        flat: dict[str, Any] = {}
        for key, value in document.items():
            flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
        return flat
    if isinstance(document, list) and any(isinstance(item, Mapping) for item in document):
        flat = {}
        for i, value in enumerate(document):
            name = value.get("name", i) if isinstance(value, Mapping) else i
            flat |= _flat(value, f"{prefix}.{name}")
        return flat
    return {prefix: document}
