"""The Optuna study of a search: a view of its records, rebuilt from them at every start.

The study has the true state of every trial: COMPLETE at the full budget with finite objectives,
PRUNED if it was stopped or diverged, FAIL if it broke. No trial is left RUNNING.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tabvae_ray.errors import ConfigError
from tabvae_ray.results.constraints import violations
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.optuna_private import GENERATION_KEY, keep_parents, trial_of
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = ["create_study", "fail_running", "masked_url", "open_study", "tell"]

_LOG = logging.getLogger(__name__)
_STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED, "FAIL": TrialState.FAIL}


def open_study(
    space: SearchSpace,
    manifest: SearchManifest,
    directory: Location,
    url: str | None,
    records: Sequence[TrialRecord],
) -> optuna.Study:
    """Open the study, in a journal beside the records or in the user's storage.

    Args:
        space: The search space.
        manifest: The search.
        directory: The search's directory.
        url: An Optuna storage, or None for ``study.log``.
        records: Finished and running trials.

    Raises:
        ConfigError: If the storage cannot be opened, or has another search's study of this name.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage: optuna.storages.BaseStorage | str | None = url
    if url is None:
        journal = (directory / "study.log").on_this_machine()
        if journal is not None:
            journal.unlink(missing_ok=True)
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
        elif manifest.runs == 1:
            _LOG.warning(
                "there is no study.log, because an object store cannot append to files: give "
                "--study-storage to see the study in optuna-dashboard"
            )
    else:
        try:
            _delete_own(url, manifest)
        except Exception as error:
            secret = masked_url(url) != url
            reason = type(error).__name__ if secret else error
            raise ConfigError(f"--study-storage: cannot be opened: {reason}") from error
    return create_study(space, manifest.name, storage, records, {"search": manifest.id})


def create_study(
    space: SearchSpace,
    name: str,
    storage: optuna.storages.BaseStorage | str | None,
    records: Sequence[TrialRecord],
    attributes: Mapping[str, str] = MappingProxyType({}),
) -> optuna.Study:
    """Create a study from the records; trials keep their numbers.

    Args:
        space: The search space.
        name: Name of the study.
        storage: Where Optuna keeps it; in memory if None. A study of this name must not be there.
        records: Finished and running trials.
        attributes: User attributes of the study, set before any trial is added.

    Raises:
        ConfigError: If the storage has a study of this name.
    """
    try:
        study = optuna.create_study(study_name=name, storage=storage, directions=space.directions)
    except optuna.exceptions.DuplicatedStudyError:
        raise ConfigError(
            f"--study-storage: it has a study named {name!r} already: choose another --name"
        ) from None
    for key, value in attributes.items():
        study.set_user_attr(key, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(space.objectives))
    by_number = {record.number: record for record in records}
    for number in range(max(by_number, default=-1) + 1):
        # A number without a record was proposed by a driver that died before it could write.
        record = by_number.get(number) or TrialRecord(number, "FAIL", {})
        finished = record.state != "RUNNING"
        trial = optuna.trial.create_trial(
            state=_STATES[record.state] if finished else TrialState.RUNNING,
            params=space.to_optuna(record.parameters),
            distributions=space.distributions(record.parameters),
            values=record.values(space.objectives) if record.state == "COMPLETE" else None,
            system_attrs={} if record.generation is None else {GENERATION_KEY: record.generation},
        )
        if finished:
            _annotate(trial, record, space)
            _date(trial, record)
        study.add_trial(trial)
    for record in records:
        if record.generation is not None and record.parents is not None:
            keep_parents(study, record.generation, record.parents)
    return study


def tell(study: optuna.Study, record: TrialRecord, space: SearchSpace) -> None:
    """Tell the study how a trial ended."""
    _annotate(trial_of(study, record.number), record, space)
    values = record.values(space.objectives) if record.state == "COMPLETE" else None
    study.tell(record.number, values, state=_STATES[record.state])


def fail_running(study: optuna.Study) -> None:
    """Leave no trial RUNNING at the end of a run; the records know which may be resumed."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def masked_url(url: str) -> str:
    """Return the URL of a storage without its password, and without its query for the same reason.

    Raises:
        ConfigError: If it is not a URL.
    """
    # Slow to import, and most searches have no such storage.
    from sqlalchemy.engine import make_url

    try:
        parsed = make_url(url)
    except Exception:
        raise ConfigError(
            "--study-storage: cannot be opened: must be a URL such as sqlite:///studies.db or "
            "postgresql://host/database"
        ) from None
    masked = parsed.set(query={}).render_as_string(hide_password=True)
    return f"{masked}?***" if parsed.query else masked


def _delete_own(url: str, manifest: SearchManifest) -> None:
    """Delete the study of this search, which is rebuilt; that of another search stays."""
    for summary in optuna.get_all_study_summaries(url):
        if summary.study_name != manifest.name:
            continue
        owner = summary.user_attrs.get("search")
        # A driver that was killed between two calls leaves a study without owner and trials.
        orphan = owner is None and summary.n_trials == 0 and manifest.runs > 1
        if owner == manifest.id or orphan:
            optuna.delete_study(study_name=manifest.name, storage=url)


def _date(trial: optuna.trial.FrozenTrial, record: TrialRecord) -> None:
    """Set when a finished trial ran, which is otherwise the moment at which it is added."""
    if record.started is not None and record.ended is not None:
        trial.datetime_start = datetime.fromtimestamp(record.started)
        trial.datetime_complete = datetime.fromtimestamp(record.ended)


def _annotate(
    trial: optuna.Trial | optuna.trial.FrozenTrial, record: TrialRecord, space: SearchSpace
) -> None:
    """Set the user attributes and constraints of a finished trial."""
    trial.set_user_attr("epochs", record.epochs)
    trial.set_user_attr("seconds", record.seconds)
    if record.reason:
        trial.set_user_attr("reason", record.reason)
    if not record.rungs:
        return
    last = record.rungs[-1]
    trial.set_user_attr("objectives", last.objectives)
    for name, value in violations(last.values, space).items():
        trial.set_constraint(name, value)
