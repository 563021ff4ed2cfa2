"""What is there already when a search starts or goes on."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune.schedulers import TrialScheduler

from tabvae_ray.documents import finite
from tabvae_ray.errors import ConfigError
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import HEARTBEAT_SECONDS, SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.optimize.scheduler import MultiObjectiveASHA, PatientFIFO
from tabvae_ray.search.optimize.study import _masked
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = [
    "check_unchanged",
    "find_previous",
    "make_scheduler",
    "n_reports",
    "restore_trials",
    "storage_url",
]

# A search whose driver has written so long ago is not waited for: it has none.
_SURELY_DEAD_SECONDS = 3600.0


def find_previous(directory: Location, *, resume: bool) -> SearchManifest | None:
    """The manifest of the search that is resumed; None if one begins.

    Raises:
        ConfigError: If the directory is not what the user takes it for, or its search is at work.
    """
    there = (directory / "search.json").exists()
    if resume and not there:
        raise ConfigError(f"--resume: there is no search in {directory}")
    if not there:
        # Hidden files are what a driver that was killed at once has left of its first write.
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


def make_scheduler(inputs: SearchInputs) -> TrialScheduler:
    """The scheduler that the space asks for."""
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
    """Finished and unfinished trials, with the scheduler brought to where it was."""
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
            # Its driver died between the scheduler's decision and the record of it.
            record.state, record.reason = "PRUNED", f"stopped at the rung of {record.epochs} epochs"
            records.finish(record)
            finished.append(record)
        else:
            if checkpoints.forget_lost(record):
                records.keep_running(record)
            still_running.append(record)
    return finished, still_running


def n_reports(known: Sequence[TrialRecord]) -> int:
    """How many reports the search has had."""
    return max((rung.order for record in known for rung in record.rungs), default=0)


def _check_idle(before: SearchManifest, directory: Location) -> None:
    """Two drivers of one search would train the same trials and remove each other's checkpoints."""
    if before.state != "running":
        return
    where = f"{before.driver.get('host')} (process {before.driver.get('pid')})"
    message = f"--resume: {directory} is at work on {where}: stop that one first"
    silent = time.time() - before.updated
    if before.is_driven_from_here():
        # A process that has written nothing for so long has but inherited the number.
        if before.is_driver_alive() and silent < 6 * HEARTBEAT_SECONDS:
            raise ConfigError(message)
        return
    # Clocks of two machines may differ by minutes, but not by an hour.
    if abs(silent) > _SURELY_DEAD_SECONDS:
        return
    time.sleep(2.5 * HEARTBEAT_SECONDS)
    if SearchManifest.read(directory).updated != before.updated:
        raise ConfigError(message)


def storage_url(given: str | None, before: SearchManifest | None) -> tuple[str | None, str | None]:
    """The Optuna storage of a search, and how ``search.json`` may name it.

    Args:
        given: What the user gives.
        before: The search that is resumed, whose storage counts where none is given.

    Raises:
        ConfigError: If it is no URL, or that of the search before has credentials, which are kept
            nowhere.
    """
    if given is None:
        known = None if before is None else before.study_storage
        if known is not None and "***" in known:
            raise ConfigError(f"--study-storage: must be given again, with credentials: {known}")
        return known, known
    return given, _masked(given)


# Settings that may change when a search is resumed: they say how much is done, not what.
_BUDGETS = (
    "max_failures",
    "n_candidates",
    "n_rescores",
    "n_trials",
    "select",
    "suggestion_seconds",
    "time_budget",
)


def check_unchanged(before: SearchManifest, now: SearchManifest) -> None:
    """Refuse to go on with a search whose trials would not be comparable.

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


def _identity(manifest: SearchManifest) -> dict[str, Any]:
    """All that must stay as it was, by dotted name."""
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
