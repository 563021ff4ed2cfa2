"""Tell from Ray's errors what made a trial fail, and how often it may start again."""

import re
from pathlib import Path

from ray.tune.experiment import Trial

__all__ = []


# A trial starts again so often after its process or node was lost, and after its code failed.
_RETRIES_LOST = 10


_RETRIES_FAILED = 1


# Of the text of an error that storage has caused, once a trial has been patient with it.
_STORAGE = "StorageError:"


# What Ray says of a process or node that is no more; its errors do not always have their names on.
_LOST = (
    "The actor died unexpectedly",
    "The actor never ran",
    "is unavailable",
    "NodeDiedError",
    "ObjectLostError",
    "OwnerDiedError",
    "WorkerCrashedError",
)


# What it says where a trial has asked for more memory than its node, or its GPU, has.
_MEMORY = (
    "node running low on memory",
    "MemoryError",
    "out of memory",
    "can't allocate memory",
)


# Ray's errors are written for a terminal.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _error_of(trial: Trial) -> str:
    """What Ray has written down; from this machine, as it may not be in the storage yet."""
    try:
        error = Path(trial.error_file).read_text(errors="replace")
    except (OSError, TypeError):
        error = str(trial.get_error() or "The actor died unexpectedly: nothing more is known")
    return _COLOURS.sub("", error)


def _last_line(error: str) -> str:
    lines = [line for line in error.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "no reason was given"
