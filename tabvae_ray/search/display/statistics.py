"""Statistics of a search: how far it is, and what its time is spent on."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tabvae_ray.results.hypervolumes import hypervolume_of
from tabvae_ray.results.pareto import as_losses, front
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["RunStatistics", "RunningTrial", "Snapshot", "TrialCounts"]


class TrialCounts:
    """Totals of finished trials.

    Args:
        space: The search space.

    Attributes:
        states: Count of trials by state.
        best: The best value of each objective among complete trials; None without one.
        hypervolume: See :func:`hypervolume_of`.
        epochs: Epochs trained.
        saved: Epochs saved by stopping: the rest of the budgets of trials that did not fail.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.states: Counter[str] = Counter()
        self.best: dict[str, float | None] = dict.fromkeys(space.objectives)
        self.epochs = self.saved = 0
        # Dominated trials add nothing to the hypervolume.
        self._front: list[TrialRecord] = []
        self.hypervolume = hypervolume_of([], space)

    def add(self, record: TrialRecord) -> None:
        """Count a finished trial."""
        self.states[record.state] += 1
        self.epochs += record.epochs
        if record.state != "FAIL":
            self.saved += self.space.budget - record.epochs
        if record.state != "COMPLETE":
            return
        known = [*self._front, record]
        losses = as_losses([r.values(self.space.objectives) for r in known], self.space.directions)
        self._front = [known[i] for i in front(losses)]
        for name, direction in self.space.objectives.items():
            better = min if direction == "minimize" else max
            before, value = self.best[name], record.objectives[name]
            self.best[name] = value if before is None else better(before, value)
        self.hypervolume = hypervolume_of(self._front, self.space)

    @property
    def n_finished(self) -> int:
        """Number of finished trials."""
        return self.states.total()


@dataclass(frozen=True)
class RunningTrial:
    """A trial that runs, as it last reported.

    Args:
        number: Number of the trial.
        epochs: Epochs trained at the last report; 0 before the first one.
        loss: Training loss of the last epoch; None if not known.
        since: Seconds since the trial started or last reported.
    """

    number: int
    epochs: int
    loss: float | None
    since: float


@dataclass(frozen=True)
class Snapshot:
    """The statistics of a search at one moment.

    Args:
        states: Count of trials by state, and how many run.
        n_finished: Trials that have finished, in all runs.
        best: The best value of each objective among complete trials.
        hypervolume: See :func:`hypervolume_of`.
        epochs: Epochs trained, also those of trials that have not finished.
        saved: Epochs saved by stopping.
        slots: Trials at once.
        busy_slots: How many of the slots have a trial.
        elapsed: Seconds of this run.
        busy: Share of the slots' time in this run that was spent in trials.
        overhead: Elapsed time above what the trials' own seconds need on all slots, as a share of
            that; None before the first of them has finished.
        suggestion_seconds: Mean time of a proposal; None before the first one.
        left: Seconds left, by the pace of this run and the time budget; None if not known.
        running: The trials that run, by number.
    """

    states: Mapping[str, int]
    n_finished: int
    best: Mapping[str, float | None]
    hypervolume: float | None
    epochs: int
    saved: int
    slots: int
    busy_slots: int
    elapsed: float
    busy: float
    overhead: float | None
    suggestion_seconds: float | None
    left: float | None
    running: tuple[RunningTrial, ...] = ()


class RunStatistics:
    """Statistics of one run of a search, kept up to date trial by trial.

    Args:
        space: The search space.
        slots: Trials at once.
        finished: Trials that had finished before this run.
        clock: Returns seconds since some moment.
    """

    def __init__(
        self,
        space: SearchSpace,
        slots: int,
        finished: Sequence[TrialRecord] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.space, self.slots, self._clock = space, slots, clock
        self.counts = TrialCounts(space)
        for record in finished:
            self.counts.add(record)
        self._n_before = len(finished)
        self._started = self._clock()
        self._budget_end: float | None = None
        # Seconds of this run only: a resumed trial brings some of earlier runs.
        self._seconds = 0.0
        self._seconds_known: dict[int, float] = {}
        # When each trial in a slot got the slot, or last reported.
        self._since: dict[int, float] = {}
        self._reports: dict[int, tuple[int, float | None]] = {}
        # Epochs of trials that have not finished, some of which the end of the time cut short.
        self._unfinished: dict[int, int] = {}
        self._suggestion_seconds: float | None = None

    def __call__(self, state: RunState, record: TrialRecord) -> None:
        """Take in a trial that has started, reported or ended."""
        now = self._clock()
        known = self._seconds_known.setdefault(record.number, record.seconds)
        self._seconds += record.seconds - known
        self._seconds_known[record.number] = record.seconds
        if record.seconds > known:
            self._since.pop(record.number, None)
        self._unfinished[record.number] = record.epochs
        if record.state != "RUNNING":
            self.counts.add(record)
            del self._unfinished[record.number]
        # One trial more than there are slots may wait: those that started first have the slots.
        active = [other.number for other in state.active.values()][: self.slots]
        self._since = {number: self._since.get(number, now) for number in active}
        self._reports = {
            other.number: (
                other.epochs,
                other.rungs[-1].losses.get("loss") if other.rungs else None,
            )
            for other in state.active.values()
        }
        budget = self.space.settings.time_budget
        self._budget_end = None if budget is None else state.started + budget
        if state.suggestion_seconds:
            seconds = state.suggestion_seconds
            self._suggestion_seconds = sum(seconds) / len(seconds)

    def snapshot(self) -> Snapshot:
        """Return the statistics at this moment."""
        now = self._clock()
        elapsed = now - self._started
        # The display asks from a thread of its own.
        started, reports = self._since, self._reports
        since = list(started.values())
        needed = (self._seconds + sum(now - start for start in since)) / self.slots
        counts = self.counts
        tells = needed > 0 and counts.n_finished > self._n_before
        return Snapshot(
            states={
                **{state: counts.states[state] for state in ("COMPLETE", "PRUNED", "FAIL")},
                "RUNNING": len(since),
            },
            n_finished=counts.n_finished,
            best=dict(counts.best),
            hypervolume=counts.hypervolume,
            epochs=counts.epochs + sum(self._unfinished.values()),
            saved=counts.saved,
            slots=self.slots,
            busy_slots=len(since),
            elapsed=elapsed,
            busy=min(1.0, needed / elapsed) if elapsed else 0.0,
            overhead=max(0.0, elapsed / needed - 1) if tells else None,
            suggestion_seconds=self._suggestion_seconds,
            left=self._left(now),
            running=tuple(
                RunningTrial(number, *reports.get(number, (0, None)), now - start)
                for number, start in sorted(started.items())
            ),
        )

    def _left(self, now: float) -> float | None:
        n_finished = self.counts.n_finished
        bounds = []
        if n_finished > self._n_before:
            each = (now - self._started) / (n_finished - self._n_before)
            bounds.append(each * (self.space.settings.n_trials - n_finished))
        if self._budget_end is not None:
            bounds.append(self._budget_end - now)
        return max(0.0, min(bounds)) if bounds else None
