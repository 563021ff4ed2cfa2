"""Check that records are of trials of the search that resumes."""

from collections.abc import Sequence

from tabvae_ray.errors import StorageError, brief
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.parameters import FloatParameter, Value, value_error
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = ["check_records"]

# More numbers than drivers can propose and lose; the study has a trial for each.
_MAX_MISSING = 10_000


def check_records(directory: Location, records: Sequence[TrialRecord], space: SearchSpace) -> None:
    """Check numbers, parameters and reports of records against the search space.

    Args:
        directory: The search's directory.
        records: Finished and unfinished trials.
        space: The search space.

    Raises:
        StorageError: If a record breaks a rule; the message names the file and the field.
    """
    for record in records:
        error = _error(record, len(records), space)
        if error is not None:
            kind = "running" if record.state == "RUNNING" else "trials"
            file = directory / kind / f"{record.number:06d}.json"
            raise StorageError(f"{file}: is not a trial record of this search: {error}")


def _error(record: TrialRecord, n_records: int, space: SearchSpace) -> str | None:
    if record.number >= n_records + _MAX_MISSING:
        return f"number: must be below {n_records + _MAX_MISSING}, but got {record.number}"
    for name, value in record.parameters.items():
        error = _parameter_error(name, value, space)
        if error is not None:
            return f"parameters.{name}: {error}"
    for i, rung in enumerate(record.rungs):
        if not 1 <= rung.epoch <= space.budget:
            return f"rungs.{i}.epoch: must be from 1 to {space.budget}, but got {rung.epoch}"
    return None


def _parameter_error(name: str, value: Value, space: SearchSpace) -> str | None:
    parameter = space.parameters.get(name)
    if parameter is None:
        return f"is no parameter of the search space, but got {brief(value)}"
    if isinstance(parameter, FloatParameter):
        # Optuna rounds on the way to a step.
        parameter = parameter.model_copy(update={"step": None})
    return value_error(parameter, value)
