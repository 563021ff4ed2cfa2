"""The Optuna side of a search: what is proposed, and what the study is told.

The study is told the truth: COMPLETE at the full budget with finite objectives, PRUNED for a trial
that was stopped or diverged, FAIL for one that broke. None is left RUNNING.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.sampler import (
    _first_points,
    choose_sampler,
    generation_of,
    parents_of,
)
from tabvae_ray.search.optimize.study import STATES, annotate
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["Proposals"]

_LOG = logging.getLogger(__name__)


class Proposals(Searcher):
    """Hands trials to Ray Tune: first those to go on with, then new ones from the study.

    What becomes of a trial is not told here but by :meth:`tell`: Ray does not show its searchers
    why a trial ended.

    Args:
        space: The search space.
        study: The Optuna study.
        n_trials: Trials that the search should have in the end.
        concurrency: Trials at once.
        resumed: Trials to go on with, by number.
        may_start: Whether a new trial may start at all.
        n_active: How many trials have started and not ended.
        on_start: Called with every trial that starts.
    """

    def __init__(
        self,
        space: SearchSpace,
        study: optuna.Study,
        n_trials: int,
        *,
        concurrency: int,
        resumed: Sequence[TrialRecord] = (),
        may_start: Callable[[], bool],
        n_active: Callable[[], int],
        on_start: Callable[[str, TrialRecord], None],
    ) -> None:
        super().__init__()
        self.space, self.study, self.n_trials = space, study, n_trials
        self._resumed = list(resumed)
        self._n_handed_out: Counter[int] = Counter()
        self._may_start, self._on_start = may_start, on_start
        self._concurrency, self._n_active = concurrency, n_active
        self._n_asked = len(study.get_trials(deepcopy=False))
        self._first = _first_points(space)
        self._to_shrink: set[int] = set()
        self._generations: set[int] = set()
        self._warned = False
        self.suggestion_seconds: list[float] = []

    def suggest(self, trial_id: str) -> Any:
        """The next trial's config, FINISHED if there is none, or None if there is no room yet."""
        if not self._may_start():
            return str(Searcher.FINISHED)
        if self._n_active() >= self._concurrency:
            # Ray would keep one more waiting, proposed before it is known what others have found.
            return None
        if self._resumed:
            record = self._resumed.pop(0)
        elif self._n_asked < self.n_trials:
            record = self._ask()
        elif self._n_active():
            # Those that still run may have to start again.
            return None
        else:
            return str(Searcher.FINISHED)
        self._n_handed_out[record.number] += 1
        self._on_start(trial_id, record)
        return {
            "number": record.number,
            "parameters": record.parameters,
            "checkpoint": record.checkpoint,
            "shrink": record.number in self._to_shrink,
            "attempt": self._n_handed_out[record.number],
        }

    def requeue(self, record: TrialRecord, *, shrink: bool = False) -> None:
        """Hand a trial out again, next; in smaller batches for want of memory."""
        if shrink:
            self._to_shrink.add(record.number)
        self._resumed.insert(0, record)

    def tell(self, record: TrialRecord) -> None:
        """Tell the study how a trial ended."""
        names = list(self.space.objectives)
        trial_id = self.study.get_trials(deepcopy=False)[record.number]._trial_id
        annotate(optuna.Trial(self.study, trial_id), record, self.space)
        values = record.values(names) if record.state == "COMPLETE" else None
        self.study.tell(record.number, values, state=STATES[record.state])

    def close(self) -> None:
        """Leave no trial RUNNING; those that may be resumed are known to the records."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: see :meth:`tell`."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to keep beside the records; Ray wants to find a file."""
        with open(checkpoint_path, "w") as file:
            file.write("{}")

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search is resumed from its records."""

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles the searcher for its own way to resume, which is not used.
        return {}

    def _ask(self) -> TrialRecord:
        started = time.perf_counter()
        if self._n_asked < len(self._first):
            point = self.space.to_optuna(self._first[self._n_asked])
            self.study.enqueue_trial(point)
        # From the seed and the number: a search that is resumed proposes what it would have.
        self.study.sampler = choose_sampler(self.space, self._n_asked)[0]
        trial = self.study.ask()
        record = TrialRecord(trial.number, "RUNNING", self.space.suggest(trial))
        record.generation = generation_of(self.study, trial.number)
        if record.generation is not None and record.generation not in self._generations:
            self._generations.add(record.generation)
            record.parents = parents_of(self.study, record.generation)
        self._n_asked += 1
        seconds = time.perf_counter() - started
        self.suggestion_seconds.append(seconds)
        limit = self.space.settings.suggestion_seconds
        if seconds > limit and not self._warned:
            self._warned = True
            _LOG.warning(
                "the sampler took %.1f s to propose trial %d, more than the %.1f s of "
                "search.suggestion_seconds: sampler: nsga2 or random proposes at once",
                seconds,
                trial.number,
                limit,
            )
        return record
