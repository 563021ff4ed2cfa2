"""The Optuna study of a search: a view of its records, rebuilt from them."""

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sqlalchemy.engine import make_url

from tabvae_ray.errors import ConfigError
from tabvae_ray.results.constraints import violations
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.sampler import GENERATION_KEY, keep_parents
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = ["STATES", "annotate", "create_study", "open_study"]

_LOG = logging.getLogger(__name__)


def open_study(
    space: SearchSpace,
    manifest: SearchManifest,
    directory: Location,
    url: str | None,
    records: Sequence[TrialRecord],
) -> optuna.Study:
    """The study, in a journal beside the records, or where the user wants it.

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
                "there is no study.log, which an object store cannot keep: give --study-storage "
                "to see the study in optuna-dashboard"
            )
    else:
        try:
            _drop_own(url, manifest)
        except Exception as error:
            secret = _masked(url) != url
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
    """A study with all that the records know; trials are numbered as they are there.

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
    by_number = {record.number: record for record in records}
    for number in range(max(by_number, default=-1) + 1):
        # A number without a record was proposed by a driver that died before it could write.
        record = by_number.get(number) or TrialRecord(number, "FAIL", {})
        finished = record.state != "RUNNING"
        trial = optuna.trial.create_trial(
            state=STATES[record.state] if finished else TrialState.RUNNING,
            params=space.to_optuna(record.parameters),
            distributions=space.distributions(record.parameters),
            values=record.values(space.objectives) if record.state == "COMPLETE" else None,
            system_attrs={} if record.generation is None else {GENERATION_KEY: record.generation},
        )
        if finished:
            annotate(trial, record, space)
        study.add_trial(trial)
    for record in records:
        if record.generation is not None and record.parents is not None:
            keep_parents(study, record.generation, record.parents)
    return study


def _drop_own(url: str, manifest: SearchManifest) -> None:
    """Make way for the study that is rebuilt, if the one there is this search's."""
    for summary in optuna.get_all_study_summaries(url):
        if summary.study_name != manifest.name:
            continue
        owner = summary.user_attrs.get("search")
        # One that has neither an owner nor trials is that of a driver that was killed meanwhile.
        orphan = owner is None and summary.n_trials == 0 and manifest.runs > 1
        if owner == manifest.id or orphan:
            optuna.delete_study(study_name=manifest.name, storage=url)


def _masked(url: str) -> str:
    """The URL without its password and without its query, which may hold one, too."""
    try:
        parsed = make_url(url)
    except Exception:
        raise ConfigError(
            "--study-storage: cannot be opened: must be a URL such as sqlite:///studies.db or "
            "postgresql://host/database"
        ) from None
    masked = parsed.set(query={}).render_as_string(hide_password=True)
    return f"{masked}?***" if parsed.query else masked


STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED, "FAIL": TrialState.FAIL}


def annotate(
    trial: optuna.Trial | optuna.trial.FrozenTrial, record: TrialRecord, space: SearchSpace
) -> None:
    """What the study keeps of a finished trial beside its values; constraints, if it has scores."""
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
