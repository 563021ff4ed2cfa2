"""What happens in a search while it runs: records, study and front kept up to date."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial

from tabvae_ray.documents import finite
from tabvae_ray.errors import StorageError
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.driver.failures import (
    _LOST,
    _MEMORY,
    _RETRIES_FAILED,
    _RETRIES_LOST,
    _STORAGE,
    _error_of,
    _last_line,
)
from tabvae_ray.search.optimize.proposals import Proposals
from tabvae_ray.search.optimize.selection import best_of
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["Ledger", "LedgerStopper"]


_LOG = logging.getLogger(__name__)


class Ledger(Callback):
    """Listens to Ray Tune and writes down what becomes of every trial.

    Args:
        space: The search space.
        records: Where records are kept.
        finished: Trials that had finished before.
        n_reports: Reports that the search has had before.
        on_change: Called with the ledger whenever a trial starts, reports or ends.

    Attributes:
        finished: All finished trials, in the order in which they finished.
        active: Trials that run, by Ray's name of them.
        stop: Why the search should end at once, or None.
        interrupted: Whether that is because the user asked for it.
        failed: Whether that is because too many trials in a row failed.
        storage_error: What the storage refused for longer than anybody waits, or None: the search
            has then ended, to be resumed, and no trial has paid for it.
    """

    def __init__(
        self,
        space: SearchSpace,
        records: RecordStore,
        finished: Sequence[TrialRecord] = (),
        *,
        n_reports: int = 0,
        on_change: Callable[["Ledger", TrialRecord], None],
    ) -> None:
        self.space, self.records = space, records
        self._checkpoints = Checkpoints(records.directory)
        self.finished = list(finished)
        self._front, self._runners_up = best_of(self.finished, space)
        self.active: dict[str, TrialRecord] = {}
        self.stop: str | None = None
        self.interrupted = self.failed = False
        self.storage_error: StorageError | None = None
        self.started = time.monotonic()
        self.proposals: Proposals | None = None
        self._on_change = on_change
        self._n_reports = n_reports
        self._failures_in_a_row = 0
        self._attempts: Counter[int] = Counter()
        self._shrunk: set[int] = set()
        self._last: dict[str, dict[str, Any]] = {}

    def may_start(self) -> bool:
        """Whether a new trial may start."""
        budget = self.space.settings.time_budget
        if self.stop is None and budget is not None:
            if time.monotonic() - self.started >= budget:
                self.stop = f"the time budget of {budget:g} s is spent"
        return self.stop is None

    def interrupt(self) -> None:
        """The user wants the search to end, in order."""
        self.interrupted, self.stop = True, "interrupted"

    def start(self, ray_id: str, record: TrialRecord) -> None:
        """A trial was proposed."""
        self.active[ray_id] = record
        with self._ends_if_storage_fails():
            self.records.keep_running(record)
            self._on_change(self, record)

    @property
    def complete(self) -> list[TrialRecord]:
        """Trials that reached the full budget."""
        return [record for record in self.finished if record.state == "COMPLETE"]

    def front(self) -> list[TrialRecord]:
        """Complete trials that no other dominates, by number.

        Among those that keep the constraints; among all of them where none does.
        """
        return list(self._front)

    def runners_up(self) -> list[TrialRecord]:
        """The next best where the front is small: what it owes to luck, fresh samples will tell.

        With the front they are half as many as there may be candidates.
        """
        return list(self._runners_up)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """A trial reached a rung."""
        record = self.active.get(trial.trial_id)
        if record is None:
            return
        record.seconds += float(result.get("seconds", 0.0))
        self._last[trial.trial_id] = result
        forced = result.get("batch_size"), result.get("batch_size_from", 0)
        if forced[0] and forced != (record.batch_size, record.batch_size_from):
            record.batch_size, record.batch_size_from = forced
            record.reason = f"out of memory: went on with batch_size={record.batch_size}"
            # What it had reported since is of the model that was given up.
            record.rungs = [rung for rung in record.rungs if rung.epoch <= record.batch_size_from]
        if "epoch" in result and all(rung.epoch < result["epoch"] for rung in record.rungs):
            self._n_reports += 1
            record.rungs.append(
                Rung(
                    int(result["epoch"]),
                    finite(result["scores"]),
                    finite(result["losses"]),
                    order=self._n_reports,
                )
            )
        self._on_change(self, record)

    def on_checkpoint(
        self, iteration: int, trials: list[Trial], trial: Trial, checkpoint: Any, **info: Any
    ) -> None:
        """A trial's state was written."""
        record = self.active.get(trial.trial_id)
        if record is None:
            return
        before, record.checkpoint = record.checkpoint, self._checkpoints.relative(checkpoint.path)
        with self._ends_if_storage_fails():
            self.records.keep_running(record)
            # Not left to Ray, which would write the state of all trials for each checkpoint that it
            # removes, and does not remove what an earlier attempt has written.
            self._checkpoints.remove_replaced(before, record.checkpoint)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial ended by itself, or was stopped by the scheduler."""
        record = self.active.pop(trial.trial_id, None)
        if record is None or self.storage_error is not None:
            return
        result = self._last.pop(trial.trial_id, {})
        names = list(self.space.objectives)
        values = [float(result.get(name, math.nan)) for name in names]
        finite = all(math.isfinite(value) for value in values)
        if result.get("diverged") or not finite:
            record.state = "PRUNED"
            record.reason = result.get("diverged") or "a score is not finite"
        elif result.get("stopped"):
            record.state = "COMPLETE"
            record.objectives = dict(zip(names, values, strict=True))
            record.reason = "; ".join(filter(None, (record.reason, str(result["stopped"]))))
        else:
            record.state, record.reason = "PRUNED", f"stopped at the rung of {record.epochs} epochs"
        self._failures_in_a_row = 0
        self._finish(record)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial's process was lost, or its code failed: again from its last checkpoint, or FAIL.

        Not left to Ray, which gives up on a trial whose process dies before its first step.
        """
        record = self.active.pop(trial.trial_id, None)
        if record is None or self.storage_error is not None:
            return
        self._last.pop(trial.trial_id, None)
        error = _error_of(trial)
        assert self.proposals is not None
        if _STORAGE in error:
            with self._ends_if_storage_fails():
                if self._checkpoints.forget_lost(record):
                    self.records.keep_running(record)
                    self.proposals.requeue(record)
                    return
            # The trial has waited for it already, and can go on from its record.
            self._give_up(StorageError(_last_line(error).partition(_STORAGE)[2].strip()))
            return
        reason = _last_line(error)
        if any(mark in error for mark in _MEMORY):
            if record.number not in self._shrunk:
                self._shrunk.add(record.number)
                _LOG.info("trial %d goes on in smaller batches after: %s", record.number, reason)
                self.proposals.requeue(record, shrink=True)
                return
            reason = f"out of memory, with half the batch size, too: {reason}"
        else:
            lost = any(mark in error for mark in _LOST)
            self._attempts[record.number] += 1
            if self._attempts[record.number] <= (_RETRIES_LOST if lost else _RETRIES_FAILED):
                _LOG.info("trial %d goes on after: %s", record.number, reason)
                self.proposals.requeue(record)
                return
        record.state, record.error, record.reason = "FAIL", error, reason
        self._failures_in_a_row += 1
        self._finish(record)
        if self._failures_in_a_row >= self.space.settings.max_failures and self.stop is None:
            self.failed = True
            self.stop = (
                f"{self._failures_in_a_row} trials in a row failed, the last one with: {reason}; "
                f"the tracebacks are in {self._tracebacks()}"
            )

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles its callbacks for its own way to resume, which is not used.
        return {}

    @contextmanager
    def _ends_if_storage_fails(self) -> Iterator[None]:
        """Ray would log the error, or take it for the trial's, and go on."""
        try:
            yield
        except StorageError as error:
            self._give_up(error)

    def _give_up(self, error: StorageError) -> None:
        if self.storage_error is None:
            self.storage_error = error
            self.stop = self.stop or str(error)

    def _tracebacks(self) -> str:
        last = self.finished[-self._failures_in_a_row :]
        names = ", ".join(f"{record.number:06d}.json" for record in last)
        return f"{self.records.directory / 'trials'}: {names}"

    def _finish(self, record: TrialRecord) -> None:
        before = [*self._front, *self._runners_up]
        with self._ends_if_storage_fails():
            self.records.finish(record)
        if self.storage_error is not None:
            # The record of it as running is there still, or that of it as finished already.
            return
        self.finished.append(record)
        if self.proposals is not None:
            self.proposals.tell(record)
        # What was not among the best of those before does not come back to them.
        self._front, self._runners_up = best_of([*before, record], self.space)
        best = [*self._front, *self._runners_up]
        for other in (*before, record):
            if other not in best:
                # Only models that may be chosen, or that still train, are worth their bytes.
                self._checkpoints.remove_attempt(other.checkpoint)
        with self._ends_if_storage_fails():
            self._on_change(self, record)


class LedgerStopper(Stopper):
    """Ends Ray Tune's loop when the ledger says so."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No trial on its own."""
        return False

    def stop_all(self) -> bool:
        """All of them at once."""
        return not self.ledger.may_start() and self.ledger.stop is not None

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles the stopper for its own way to resume, which is not used.
        return {}
