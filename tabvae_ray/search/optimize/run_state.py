"""State of one run of a search, shared by what proposes trials and what records their ends."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tabvae_ray.errors import StorageError
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.trial_record import TrialRecord

__all__ = ["Listener", "RunState"]

Listener = Callable[["RunState", TrialRecord], None]


class RunState:
    """The trials that run, those to run again, and whether the search should end.

    ``Proposals`` starts trials here, and ``Ledger`` ends or requeues them. Neither knows the other,
    and what both need to know is kept once.

    Args:
        records: The records of the search.
        unfinished: Trials of an earlier run to continue, by number.
        time_budget: Seconds after which no trial starts; no limit if None.
        listeners: Called whenever a trial starts, reports or ends.

    Attributes:
        active: Running trials by Ray's id.
        stop: Why the search should end at once, or None.
        interrupted: True if the user asked for that.
        failed: True if that is because too many trials in a row failed.
        storage_error: The error of a storage that stayed away for longer than trials wait, or None.
            The search then ends and can be resumed; no trial counts as failed for it.
        started: When the run began, in seconds of :func:`time.monotonic`.
        suggestion_seconds: How long each proposal took.
    """

    def __init__(
        self,
        records: RecordStore,
        unfinished: Sequence[TrialRecord] = (),
        *,
        time_budget: float | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.records = records
        self.active: dict[str, TrialRecord] = {}
        self.stop: str | None = None
        self.interrupted = self.failed = False
        self.storage_error: StorageError | None = None
        self.started = time.monotonic()
        self.suggestion_seconds: list[float] = []
        self._queue = list(unfinished)
        self._to_shrink: set[int] = set()
        self._time_budget = time_budget
        self._listeners = list(listeners)

    def may_start(self) -> bool:
        """Return True if another trial may start."""
        budget = self._time_budget
        if self.stop is None and budget is not None:
            if time.monotonic() - self.started >= budget:
                self.stop = f"the time budget of {budget:g} s is spent"
        return self.stop is None

    def interrupt(self) -> None:
        """End the search because the user wants it, with running trials to be resumed."""
        self.interrupted, self.stop = True, "interrupted"

    def give_up(self, error: StorageError) -> None:
        """End the search because of its storage."""
        if self.storage_error is None:
            self.storage_error = error
            self.stop = self.stop or str(error)

    @contextmanager
    def ending_if_storage_fails(self) -> Iterator[None]:
        """Keep a storage error from Ray, which would log it, or blame the trial, and continue."""
        try:
            yield
        except StorageError as error:
            self.give_up(error)

    def next_queued(self) -> TrialRecord | None:
        """Take the next trial that is to continue, if there is one."""
        return self._queue.pop(0) if self._queue else None

    def requeue(self, record: TrialRecord, *, shrink: bool = False) -> None:
        """Let a trial continue before all others; in smaller batches if ``shrink``."""
        if shrink:
            self._to_shrink.add(record.number)
        self._queue.insert(0, record)

    def must_shrink(self, record: TrialRecord) -> bool:
        """Return True if a trial needs smaller batches because it ran out of memory."""
        return record.number in self._to_shrink

    def start(self, ray_id: str, record: TrialRecord) -> None:
        """Record that a trial starts."""
        self.active[ray_id] = record
        with self.ending_if_storage_fails():
            self.records.keep_running(record)
            self.notify(record)

    def end(self, ray_id: str) -> TrialRecord | None:
        """Take a trial that no longer runs; None if it must not be recorded.

        That is so if the trial is not known, or the storage has failed: the trial is then resumed
        from the record that it has.
        """
        record = self.active.pop(ray_id, None)
        return None if self.storage_error is not None else record

    def notify(self, record: TrialRecord) -> None:
        """Tell all listeners that a trial has started, reported or ended."""
        for listener in self._listeners:
            listener(self, record)
