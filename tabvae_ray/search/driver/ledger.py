"""The ledger: reacts to Ray Tune's events and keeps records, study and front up to date."""

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import optuna
from ray.tune import Callback
from ray.tune.experiment import Trial

from tabvae_ray.documents import finite
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.results.front import best_of, best_so_far
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.driver.failures import Failure, Retries, failure_of
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.search.optimize.study import tell
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["Ledger"]

_LOG = logging.getLogger(__name__)


class Ledger(Callback):
    """Listens to Ray Tune, and records what becomes of every trial.

    Args:
        space: The search space.
        state: The state of this run, where trials end.
        study: The Optuna study, which is told of every trial that ends.
        finished: Trials that had finished before.
        n_reports: Number of reports that the search has had before.

    Attributes:
        finished: All finished trials, in the order in which they finished.
    """

    def __init__(
        self,
        space: SearchSpace,
        state: RunState,
        study: optuna.Study,
        finished: Sequence[TrialRecord] = (),
        *,
        n_reports: int = 0,
    ) -> None:
        self.space, self.state, self.study = space, state, study
        self.finished = list(finished)
        self._front, self._runners_up = best_of(self.finished, space)
        # With a time budget, trials to choose from if none becomes complete.
        self._stopped: list[TrialRecord] = []
        for record in self.finished:
            self._keep_stopped(record)
        self._checkpoints = Checkpoints(state.records.directory)
        self._n_reports = n_reports
        self._failures_in_a_row = 0
        self._retries = Retries()
        self._last_results: dict[str, dict[str, Any]] = {}

    def front(self) -> list[TrialRecord]:
        """Return the Pareto front by number, see :func:`best_of`."""
        return list(self._front)

    def runners_up(self) -> list[TrialRecord]:
        """Return the runners-up, if the front is small.

        Re-scoring shows whether the front was only lucky.
        """
        return list(self._runners_up)

    def best(self) -> tuple[list[TrialRecord], list[TrialRecord]]:
        """Return the front and its runners-up.

        If the time was over before any trial was complete, trials count as far as they came.
        """
        if not self._front and self.state.out_of_time:
            return self.so_far()
        return self.front(), self.runners_up()

    def so_far(self) -> tuple[list[TrialRecord], list[TrialRecord]]:
        """Return the best trials as far as they came, see :func:`best_so_far`."""
        return best_so_far([*self._stopped, *self.state.unfinished()], self.space)

    def ended_early(self) -> str | None:
        """Return why the search ended before its last trial; None if it did not.

        The time may be over just as the last trial ends.
        """
        n_known = max((record.number + 1 for record in self.finished), default=0)
        done = n_known >= self.space.settings.n_trials and not self.state.unfinished()
        return None if done and self.state.out_of_time else self.state.stop

    def needed(self) -> list[TrialRecord]:
        """Return the trials whose checkpoints may still be needed."""
        return [*self.state.unfinished(), *self._front, *self._runners_up, *self._stopped]

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Record what a trial reports at a rung."""
        record = self.state.active.get(trial.trial_id)
        if record is None:
            return
        record.seconds += float(result.get("seconds", 0.0))
        self._last_results[trial.trial_id] = result
        if result.get("scoring_seconds") is not None:
            self.state.note_scoring(float(result["scoring_seconds"]))
        size, since = result.get("batch_size"), result.get("batch_size_from", 0)
        if size and (size, since) != (record.batch_size, record.batch_size_from):
            record.batch_size, record.batch_size_from = size, since
            record.reason = f"out of memory: continued with batch_size={record.batch_size}"
            # Later reports are of a model that was given up.
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
        self.state.notify(record)

    def on_checkpoint(
        self, iteration: int, trials: list[Trial], trial: Trial, checkpoint: Any, **info: Any
    ) -> None:
        """Record a new checkpoint, and remove the one that it replaces.

        Ray would write the state of all trials for each checkpoint that it removes, and does not
        remove those of earlier attempts.
        """
        record = self.state.active.get(trial.trial_id)
        if record is None:
            return
        before, record.checkpoint = record.checkpoint, self._checkpoints.relative(checkpoint.path)
        with self.state.ending_if_storage_fails():
            self.state.records.keep_running(record)
            self._checkpoints.remove_replaced(before, record.checkpoint)
        self.state.has_model |= bool(record.rungs)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Record the end of a trial that ended by itself or was stopped by the scheduler."""
        result = self._last_results.pop(trial.trial_id, {})
        if result.get("out_of_time"):
            self.state.end_for_time()
            self.state.suspend(trial.trial_id)
            return
        record = self.state.end(trial.trial_id)
        if record is None:
            return
        names = list(self.space.objectives)
        values = [float(result.get(name, math.nan)) for name in names]
        all_finite = all(math.isfinite(value) for value in values)
        if result.get("diverged") or not all_finite:
            record.state = "PRUNED"
            record.reason = result.get("diverged") or "a score is not finite"
        elif result.get("stopped"):
            record.state = "COMPLETE"
            record.objectives = dict(zip(names, values, strict=True))
            record.reason = "; ".join(filter(None, (record.reason, str(result["stopped"]))))
        else:
            record.stop_at_rung()
        self._failures_in_a_row = 0
        self._finish(record)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Let a trial that broke continue from its last checkpoint, or record it as FAIL."""
        self._last_results.pop(trial.trial_id, None)
        record = self.state.end(trial.trial_id)
        if record is None:
            return
        failure = failure_of(trial)
        if failure.kind == "storage":
            self._continue_without_checkpoint(record, failure)
        elif self._retries.allow(record.number, failure):
            _LOG.info("trial %d continues after: %s", record.number, failure.reason)
            self.state.requeue(record, shrink=failure.kind == "memory")
        else:
            self._fail(record, failure)

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles its callbacks for its own way to resume, which is not used.
        return {}

    def _continue_without_checkpoint(self, record: TrialRecord, failure: Failure) -> None:
        """Restart a trial whose checkpoint is gone; end the search if the storage is away.

        The trial has waited for the storage already, and can be resumed from its record.
        """
        with self.state.ending_if_storage_fails():
            if self._checkpoints.forget_lost(record):
                self.state.records.keep_running(record)
                self.state.requeue(record)
                return
        self.state.give_up(failure.storage_error)

    def _keep_stopped(self, record: TrialRecord) -> None:
        """Keep the best of the stopped trials for as long as no trial is complete."""
        if self._front or self.state.limit is None:
            self._stopped = []
        elif record.state == "PRUNED":
            known = [*self._stopped, record]
            front, runners_up = best_so_far(known, self.space)
            numbers = {best.number for best in (*front, *runners_up)}
            self._stopped = [other for other in known if other.number in numbers]

    def _fail(self, record: TrialRecord, failure: Failure) -> None:
        reason = failure.reason
        if failure.kind == "memory":
            reason = f"out of memory, even with half the batch size: {reason}"
        record.state, record.error, record.reason = "FAIL", failure.text, reason
        self._failures_in_a_row += 1
        self._finish(record)
        if self._failures_in_a_row >= self.space.settings.max_failures and self.state.stop is None:
            self.state.failed = True
            self.state.stop = (
                f"{self._failures_in_a_row} trials in a row failed, the last one with: {reason}; "
                f"the tracebacks are in {self._tracebacks()}"
            )

    def _tracebacks(self) -> str:
        last = self.finished[-self._failures_in_a_row :]
        names = ", ".join(f"{record.number:06d}.json" for record in last)
        return f"{self.state.records.directory / 'trials'}: {names}"

    def _finish(self, record: TrialRecord) -> None:
        before = [*self._front, *self._runners_up, *self._stopped]
        record.ended = time.time()
        with self.state.ending_if_storage_fails():
            self.state.records.finish(record)
        if self.state.storage_error is not None:
            # Either the record of the running trial or that of the finished one is still there.
            return
        self.finished.append(record)
        tell(self.study, record, self.space)
        # A trial that has dropped out of the best never comes back.
        self._front, self._runners_up = best_of([*before, record], self.space)
        self._keep_stopped(record)
        best = [*self._front, *self._runners_up, *self._stopped]
        for other in (*before, record):
            if other not in best:
                # Checkpoints are kept only of trials that run or may be chosen.
                self._checkpoints.remove_attempt(other.checkpoint)
        with self.state.ending_if_storage_fails():
            self.state.notify(record)
