"""The arguments of a search from Python, checked as the command checks its options."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tabvae_ray.documents import is_finite_number
from tabvae_ray.errors import ConfigError, brief
from tabvae_ray.table.reading.frames import is_location

__all__ = ["check_arguments"]

_TRACKERS = ("mlflow", "tensorboard")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return is_finite_number(value) and int(value) == value and value >= 1


def _is_positive(value: Any) -> bool:
    return is_finite_number(value) and value > 0


def _is_amount(value: Any) -> bool:
    return is_finite_number(value) and value >= 0


_COUNTS = ("trials", "concurrency")
# Of each kind of argument, the test and the words for it. Others are checked with the space.
_RULES: tuple[tuple[Callable[[Any], bool], str, tuple[str, ...]], ...] = (
    (_is_text, "text", ("target", "name", "select", "address", "study_storage")),
    (is_location, "a path or URI", ("out",)),
    (_is_flag, "True or False", ("resume", "resume_or_start", "refit", "report", "display")),
    (_is_count, "a whole number >= 1", _COUNTS),
    (_is_positive, "a number > 0", ("time_budget", "cpus_per_trial")),
    (_is_amount, "a number >= 0", ("gpus_per_trial",)),
)
# These have a default, and no other arguments stand for None.
_NEVER_NONE = {
    *("out", "resume", "resume_or_start", "report", "display"),
    *("cpus_per_trial", "gpus_per_trial"),
}


def check_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check types and ranges of the arguments of a search by name.

    Returns:
        The arguments, in which numbers of NumPy are those of Python, and counts are integers.

    Raises:
        ConfigError: With one line for each that is wrong.
    """
    given = {name: _plain(value) for name, value in given.items()}
    errors = [
        f"{name} must be {rule}, but got {brief(given[name])}"
        for fits, rule, names in _RULES
        for name in names
        if name in given and not fits(given[name])
        if given[name] is not None or name in _NEVER_NONE
    ]
    track = given.get("track", ())
    try:
        unknown = [name for name in _names(track) if name not in _TRACKERS]
    except TypeError:
        unknown = [track]
    if unknown:
        found = brief(unknown[0])
        errors.append(f"track must be some of {', '.join(_TRACKERS)}, but got {found}")
    if errors:
        raise ConfigError("\n".join(errors))
    counts = {name: given[name] for name in _COUNTS if given.get(name) is not None}
    return {**given, **{name: int(value) for name, value in counts.items()}}


def _plain(value: Any) -> Any:
    """Return a value in which numbers of NumPy are those of Python, as a file would give them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _names(track: Any) -> list[Any]:
    return [track] if isinstance(track, str) else list(track)
