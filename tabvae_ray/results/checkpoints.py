"""Checkpoints of trials: where they lie, and when they are removed.

Ray Tune writes them to ``tune/run_001/000004-1/checkpoint_000002``: a run of the search, an attempt
at a trial, and a checkpoint of that attempt. Ray does not remove any; this module does.
"""

import re
from collections.abc import Collection
from contextlib import suppress

from tabvae_ray.errors import StorageError
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.storage import Location

__all__ = ["STATE_FILE", "Checkpoints"]

# The file in the directory of a checkpoint.
STATE_FILE = "state.pt"

_RUN, _ATTEMPT = re.compile(r"run_\d+"), re.compile(r"\d{6,}(-\d+)?")


class Checkpoints:
    """The checkpoints of one search, by their path relative to the search's directory.

    A checkpoint that cannot be removed costs disk space and nothing else, so that no method that
    removes some raises a ``StorageError``.

    Args:
        directory: The search's directory.
    """

    def __init__(self, directory: Location) -> None:
        self.directory = directory

    def relative(self, path: str) -> str:
        """Return the path of a checkpoint, as Ray names it, below the search's directory."""
        return path.removeprefix(self.directory.path).lstrip("/")

    def remove_replaced(self, before: str | None, now: str | None) -> None:
        """Remove the checkpoint of a trial that a newer one replaces.

        If the newer one is of another attempt, the whole earlier attempt goes.
        """
        if before is None or before == now:
            return
        same = now is not None and _attempt_of(before) == _attempt_of(now)
        self._remove(before if same else _attempt_of(before))

    def remove_attempt(self, checkpoint: str | None) -> None:
        """Remove the attempt that wrote a checkpoint, with all its files."""
        if checkpoint is not None:
            self._remove(_attempt_of(checkpoint))

    def remove_all_but(self, needed: Collection[str | None]) -> None:
        """Remove the checkpoints that a killed driver did not record, or no longer needed."""
        with suppress(StorageError):
            for run in (self.directory / "tune").children():
                for attempt in run.children() if _RUN.fullmatch(run.name) else ():
                    if _ATTEMPT.fullmatch(attempt.name) and attempt.is_dir():
                        self._remove_all_of(f"tune/{run.name}/{attempt.name}", needed)

    def forget_lost(self, record: TrialRecord) -> bool:
        """Restart a trial whose checkpoint is gone. Returns True if it was.

        The trial reports what it has reported before, up to where it was. The record is changed,
        and the caller keeps it.

        Raises:
            StorageError: If the storage cannot be asked.
        """
        if record.checkpoint is None or (self.directory / record.checkpoint / STATE_FILE).exists():
            return False
        record.checkpoint = None
        if record.batch_size is not None:
            # It starts with its own batch size, so that what it reported with another one is void.
            record.batch_size, record.batch_size_from, record.rungs = None, 0, []
        return True

    def inside_tune(self, path: str) -> Location:
        """Return a directory of checkpoints that is safe to remove.

        Raises:
            StorageError: If it is not below the search's ``tune/``, for example because of a link.
        """
        root, found = self.directory / "tune", self.directory / path
        here, top = found.on_this_machine(), root.on_this_machine()
        if here is not None and top is not None:
            inside = top.resolve() in here.resolve().parents
        else:
            inside = found.path.startswith(f"{root.path}/")
        if not inside:
            raise StorageError(f"{found}: is not below {root}, where checkpoints are")
        return found

    def _remove_all_of(self, attempt: str, needed: Collection[str | None]) -> None:
        for found in (self.directory / attempt).children():
            path = f"{attempt}/{found.name}"
            if found.name.startswith("checkpoint_") and path not in needed:
                self._remove(path)

    def _remove(self, path: str) -> None:
        with suppress(StorageError):
            self.inside_tune(path).remove_tree()


def _attempt_of(checkpoint: str) -> str:
    return checkpoint.rpartition("/")[0]
