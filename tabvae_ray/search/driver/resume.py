"""Find an earlier search in the directory, and restore its state."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import TrialScheduler

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.documents import finite
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import TABLE_FILE, SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.directory import check_new
from tabvae_ray.search.driver.record_check import check_records
from tabvae_ray.search.inputs import SPACE_FILE, SearchInputs
from tabvae_ray.search.optimize.scheduler import MultiObjectiveASHA, PatientFIFO
from tabvae_ray.search.optimize.study import masked_url
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = [
    "SearchStart",
    "begin_or_resume",
    "check_name",
    "check_unchanged",
    "find_previous",
    "make_scheduler",
    "n_reports",
    "restore_trials",
    "storage_url",
]

_FILES = (
    *("search.json", SPACE_FILE, TABLE_FILE, "study.log", "progress.jsonl"),
    *("trials.csv", "report.html"),
)
_DIRECTORIES = ("trials", "running", "tune", "best", "searched", "refit")
# Settings that may change when a search is resumed, because they only say how much is done.
_BUDGETS = (
    "max_failures",
    "n_candidates",
    "n_rescores",
    "n_trials",
    "refit",
    "rows",
    "select",
    "suggestion_seconds",
    "time_budget",
)
# Those of them that determine which model is chosen.
_CHOICE = ("n_candidates", "n_rescores", "select")


@dataclass(frozen=True)
class SearchStart:
    """The starting point of a run of a search.

    Args:
        manifest: The manifest of this run, not written yet. What it must keep from earlier runs
            (id, time, reference levels) is in it.
        previous_state: State that an earlier run left the search in; None if the search begins.
        study_url: The user's Optuna storage, with credentials, or None.
        same_choice: True if an earlier run has chosen its model by the same settings.
    """

    manifest: SearchManifest
    previous_state: str | None
    study_url: str | None
    same_choice: bool = False


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
        ConfigError: If the directory is not what the user takes it for, its search was another
            one, or the URL is not valid.
        StorageError: If the directory cannot be read.
    """
    before = find_previous(inputs.directory, resume=resume)
    url, shown_url = storage_url(study_storage, before)
    manifest = inputs.manifest(resources=vars(resources))
    manifest.study_storage = shown_url
    if before is not None:
        check_unchanged(before, manifest)
        manifest.id, manifest.levels, manifest.plan = before.id, before.levels, before.plan
        manifest.runs, manifest.seconds = before.runs, before.seconds
        # True until this run finds others, and what remains if it fails to start.
        manifest.trials, manifest.front = before.trials, before.front
        manifest.chosen = before.chosen
    manifest.runs += 1
    if before is None:
        return SearchStart(manifest, None, url)
    old, new = before.space["search"], manifest.space["search"]
    same = all(old.get(key) == new.get(key) for key in _CHOICE)
    return SearchStart(manifest, before.state, url, same)


def find_previous(directory: Location, *, resume: bool) -> SearchManifest | None:
    """Return the manifest of the search to resume, or None if one begins.

    Raises:
        ConfigError: If the directory is not what the user takes it for.
        StorageError: If the directory cannot be read, or a file in it is damaged.
    """
    check_name(directory, resume=resume)
    return SearchManifest.read(directory) if resume else None


def check_name(directory: Location, *, resume: bool) -> None:
    """Check that the directory holds a search if one is resumed, and nothing if one begins.

    Raises:
        ConfigError: If it is otherwise.
        StorageError: If the directory cannot be read, or a file in it is not one.
    """
    if not resume:
        check_new(directory)
        return
    found = {child.name: child for child in directory.children()}
    if "search.json" not in found:
        raise ConfigError(f"--resume: there is no search in {directory}")
    _check_kinds(found)


def _check_kinds(found: Mapping[str, Location]) -> None:
    """Refuse directories in place of files, and files in place of directories."""
    for names, must_be_dir in ((_FILES, False), (_DIRECTORIES, True)):
        for file in (found[name] for name in names if name in found):
            path = file.on_this_machine()
            is_file = not file.is_dir() if path is None else path.is_file()
            if (file.is_dir() if must_be_dir else is_file) is False:
                kind = "directory" if must_be_dir else "file"
                raise StorageError(f"{file}: must be a {kind}: move away what is there")


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
    """Return finished and unfinished trials, and restore the scheduler from their reports.

    Raises:
        StorageError: If a record is damaged, or of another search.
    """
    finished, unfinished = records.finished(), records.running()
    check_records(records.directory, [*finished, *unfinished], space)
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
            record.stop_at_rung()
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


def _identity(manifest: SearchManifest) -> dict[str, Any]:
    """Return everything that must not change, by dotted name."""
    # A search of an earlier version lacks keys that have been added since, with their defaults.
    space = manifest.search_space().to_mapping()
    settings = {k: v for k, v in space["search"].items() if k not in _BUDGETS}
    document = finite(
        {
            **space,
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
