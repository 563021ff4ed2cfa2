"""Proposals of trials: the Ray Tune searcher that asks the Optuna study."""

import logging
import time
from collections import Counter
from typing import Any

import optuna
from ray.tune.search import Searcher

from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.optuna_private import generation_of, parents_of
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.search.optimize.sampler import choose_sampler, first_points
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["Proposals"]

_LOG = logging.getLogger(__name__)


class Proposals(Searcher):
    """Gives trials to Ray Tune: first those to continue, then new ones from the study.

    The study hears of a trial's end from the ledger: Ray does not show its searchers why a trial
    ended.

    Args:
        space: The search space.
        study: The Optuna study.
        state: The state of this run, where trials start.
        concurrency: Trials at once.
    """

    def __init__(
        self, space: SearchSpace, study: optuna.Study, state: RunState, *, concurrency: int
    ) -> None:
        super().__init__()
        self.space, self.study, self.state = space, study, state
        self._concurrency = concurrency
        self._attempts: Counter[int] = Counter()
        self._n_asked = len(study.get_trials(deepcopy=False))
        self._first = first_points(space)
        self._generations: set[int] = set()
        self._warned = False

    def suggest(self, trial_id: str) -> Any:
        """Return the next trial's config, FINISHED if there is none, or None to be asked again."""
        state = self.state
        if not state.may_start():
            return str(Searcher.FINISHED)
        if len(state.active) >= self._concurrency:
            # Ray would let one more wait, proposed without the results of those that run.
            return None
        record = state.next_queued()
        if record is None:
            if self._n_asked >= self.space.settings.n_trials:
                # A trial that runs may fail and have to run again.
                return None if state.active else str(Searcher.FINISHED)
            record = self._ask()
        self._attempts[record.number] += 1
        state.start(trial_id, record)
        return {
            "number": record.number,
            "parameters": record.parameters,
            "checkpoint": record.checkpoint,
            "shrink": state.must_shrink(record),
            "attempt": self._attempts[record.number],
            # Without any model, it trains an epoch even if the time is over.
            "must_train": not state.has_model,
        }

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: the ledger tells the study."""

    def save(self, checkpoint_path: str) -> None:
        """Write an empty file, which Ray expects; the records hold everything."""
        with open(checkpoint_path, "w") as file:
            file.write("{}")

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: a search resumes from its records."""

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles the searcher for its own way to resume, which is not used.
        return {}

    def _ask(self) -> TrialRecord:
        started = time.perf_counter()
        if self._n_asked < len(self._first):
            point = self.space.to_optuna(self._first[self._n_asked])
            self.study.enqueue_trial(point)
        # Seeded by the trial's number, so that a resumed search proposes the same.
        self.study.sampler = choose_sampler(self.space, self._n_asked)[0]
        trial = self.study.ask()
        parameters = self.space.suggest(trial)
        record = TrialRecord(trial.number, "RUNNING", parameters, started=time.time())
        record.generation = generation_of(self.study, trial.number)
        if record.generation is not None and record.generation not in self._generations:
            self._generations.add(record.generation)
            record.parents = parents_of(self.study, record.generation)
        self._n_asked += 1
        self._note_seconds(time.perf_counter() - started, trial.number)
        return record

    def _note_seconds(self, seconds: float, number: int) -> None:
        self.state.suggestion_seconds.append(seconds)
        limit = self.space.settings.suggestion_seconds
        if seconds > limit and not self._warned:
            self._warned = True
            _LOG.warning(
                "the sampler took %.1f s to propose trial %d, more than the %.1f s of "
                "search.suggestion_seconds: sampler: nsga2 or random proposes at once",
                seconds,
                number,
                limit,
            )
