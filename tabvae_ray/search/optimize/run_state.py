"""State of one run of a search, shared by what proposes trials and what records their ends."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tabvae_ray.errors import StorageError, StorageUnavailableError
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.retries import is_transient, storage_errors
from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.storage import check_writable

__all__ = ["Listener", "RunState"]

Listener = Callable[["RunState", TrialRecord], None]


class RunState:
    """The trials that run, those to run again, and whether the search should end.

    ``Proposals`` starts trials here, and ``Ledger`` ends or requeues them. Neither knows the other,
    and what both need to know is kept once.

    Args:
        records: The records of the search.
        unfinished: Trials of an earlier run to continue, by number.
        limit: The time budget; none if None.
        has_model: True if a trial of an earlier run could be exported.
        spent: Seconds that the command took before this run began.
        clock: Returns the seconds since 1970.
        listeners: Called whenever a trial starts, reports or ends.

    Attributes:
        active: Running trials by Ray's id.
        stop: Why the search should end at once, or None.
        interrupted: True if the user asked for that.
        failed: True if that is because too many trials in a row failed.
        out_of_time: True if that is because the time budget is spent.
        has_model: True once a trial has reported and has a checkpoint.
        storage_error: The error of a storage that stayed away for longer than trials wait, or None.
            The search then ends and can be resumed; no trial counts as failed for it.
        started: When the command began, in seconds of :func:`time.monotonic`.
        suggestion_seconds: How long each proposal took.
    """

    def __init__(
        self,
        records: RecordStore,
        unfinished: Sequence[TrialRecord] = (),
        *,
        limit: TimeLimit | None = None,
        has_model: bool = False,
        spent: float = 0.0,
        clock: Callable[[], float] = time.time,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.records = records
        self.active: dict[str, TrialRecord] = {}
        self.stop: str | None = None
        self.interrupted = self.failed = self.out_of_time = False
        self.has_model = has_model
        self.storage_error: StorageError | None = None
        self.started = time.monotonic() - spent
        self.suggestion_seconds: list[float] = []
        self._queue = list(unfinished)
        self._to_shrink: set[int] = set()
        self._suspended: list[TrialRecord] = []
        self._scoring_seconds: list[float] = []
        self.limit, self._clock = limit, clock
        self._listeners = list(listeners)

    def may_start(self) -> bool:
        """Return True if another trial may start.

        Without any model, one trial may start even if the start of the search took all of the time.
        """
        if self.stop is None and self.limit is not None and (self.has_model or self.active):
            if self._clock() >= self.limit.training_ends(self.scoring_seconds):
                self.end_for_time()
        return self.stop is None

    def must_end(self) -> bool:
        """Return True if trials that run are not to be waited for.

        When the time budget is spent, trials report once more where they stand, and end by
        themselves. They are waited for as long as there would be no model without them.
        """
        if self.may_start():
            return False
        if self.limit is None or not self.out_of_time or not self.active:
            return True
        if self.interrupted or self.failed or self.storage_error is not None:
            return True
        patience_ends = self.limit.patience_ends(self.scoring_seconds)
        return self.has_model and self._clock() >= patience_ends

    def end_for_time(self) -> None:
        """Let no other trial start, because the time budget is spent."""
        if self.limit is not None and self.stop is None:
            self.out_of_time = True
            self.stop = f"the time budget of {self.limit.seconds:g} s is spent"

    @property
    def scoring_seconds(self) -> float | None:
        """Mean time in which trials generate and score rows; None before the first report."""
        seconds = self._scoring_seconds
        return sum(seconds) / len(seconds) if seconds else None

    def note_scoring(self, seconds: float) -> None:
        """Record how long a trial took to generate and score rows."""
        self._scoring_seconds.append(seconds)

    def n_scorings(self) -> int | None:
        """Return how many scorings, one after another, the time allows; None without a limit."""
        if self.limit is None:
            return None
        return self.limit.n_scorings(self._clock(), self.scoring_seconds)

    def interrupt(self) -> None:
        """End the search because the user wants it, with running trials to be resumed."""
        self.interrupted, self.stop = True, "interrupted"

    def give_up(self, error: StorageError) -> None:
        """End the search because of its storage."""
        if self.storage_error is None:
            self.storage_error = error
            self.stop = self.stop or str(error)

    def blame_storage(self, error: Exception) -> None:
        """Find out if the storage caused an error of Ray's, and end the search for it.

        Ray's own writes at the start and end of a run fail with other errors than ours. A full
        storage leaves files that Ray cannot read, and the error then has any type.
        """
        if isinstance(error, storage_errors()):
            kind = StorageUnavailableError if is_transient(error, "") else StorageError
            self.give_up(kind(str(error)))
        elif self.storage_error is None:
            with self.ending_if_storage_fails():
                check_writable(self.records.directory)

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

    def suspend(self, ray_id: str) -> None:
        """Take a trial that has run out of time, to be resumed by a later run."""
        record = self.active.pop(ray_id, None)
        if record is not None:
            self._suspended.append(record)
            with self.ending_if_storage_fails():
                self.notify(record)

    def unfinished(self) -> list[TrialRecord]:
        """Return the trials that have not finished, whether they run or not."""
        return [*self.active.values(), *self._queue, *self._suspended]

    def notify(self, record: TrialRecord) -> None:
        """Tell all listeners that a trial has started, reported or ended."""
        for listener in self._listeners:
            listener(self, record)
