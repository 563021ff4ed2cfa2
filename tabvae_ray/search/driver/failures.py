"""Failures of trials: what an error from Ray means, and whether the trial may continue."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ray.tune.experiment import Trial

from tabvae_ray.errors import StorageError, StorageUnavailableError, last_line
from tabvae_ray.search.trials.trial import out_of_memory

__all__ = ["Failure", "Retries", "failure_of"]

# How often a trial continues after its process or node was lost, and after its code failed.
_RETRIES = {"lost": 10, "code": 1}
# Errors that a trial raises when the storage fails, or has not answered for long enough.
_STORAGE = re.compile(r"\bStorage(Unavailable)?Error:")
# What Ray says of a process or node that is gone; the text does not always name the error's class.
_LOST = (
    "The actor died unexpectedly",
    "The actor never ran",
    "is unavailable",
    "NodeDiedError",
    "ObjectLostError",
    "OwnerDiedError",
    "WorkerCrashedError",
)
# Ray colours its errors for terminals.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """A failure of a trial.

    Args:
        kind: ``storage`` if the storage was away, ``memory`` if it ran out of memory, ``lost`` if
            its process or node is gone, ``code`` for any other error.
        text: Ray's whole text, often with a traceback.
    """

    kind: Literal["storage", "memory", "lost", "code"]
    text: str

    @property
    def reason(self) -> str:
        """One line that says what went wrong."""
        line = last_line(self.text)
        found = _STORAGE.search(line) if self.kind == "storage" else None
        return line if found is None else line[found.end() :].strip()

    @property
    def storage_error(self) -> StorageError:
        """The error of the storage that the trial has raised."""
        is_away = any(found[1] for found in _STORAGE.finditer(self.text))
        return (StorageUnavailableError if is_away else StorageError)(self.reason)


def failure_of(trial: Trial) -> Failure:
    """Read and classify the error of a trial."""
    try:
        # The copy on this machine, because the storage may not have it yet.
        text = Path(trial.error_file).read_text(errors="replace")
    except (OSError, TypeError):
        text = str(trial.get_error() or "The actor died unexpectedly: nothing more is known")
    text = _COLOURS.sub("", text)
    if _STORAGE.search(text):
        return Failure("storage", text)
    if out_of_memory(text):
        return Failure("memory", text)
    return Failure("lost" if any(mark in text for mark in _LOST) else "code", text)


class Retries:
    """Counts the failures of every trial, to tell whether it may continue from its checkpoint.

    Ray's own retries are not used: Ray gives up on a trial whose process dies before its first
    step.
    """

    def __init__(self) -> None:
        self._failures: Counter[int] = Counter()
        self._out_of_memory: set[int] = set()

    def allow(self, number: int, failure: Failure) -> bool:
        """Count a failure, and return True if its trial may continue after it."""
        if failure.kind == "memory":
            # Once, in smaller batches.
            first = number not in self._out_of_memory
            self._out_of_memory.add(number)
            return first
        self._failures[number] += 1
        return self._failures[number] <= _RETRIES[failure.kind]
