"""The Optuna side of a search: what is proposed, and what the study is told.

The study is told the truth: COMPLETE at the full budget with finite objectives, PRUNED for a trial
that was stopped or diverged, FAIL for one that broke. None is left RUNNING.
"""

import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.samplers import NSGAIISampler
from optuna.trial import TrialState
from ray.tune.search import Searcher

from tabvae_ray.search.parameters import CategoricalParameter, Value
from tabvae_ray.search.records import TrialRecord
from tabvae_ray.search.space import SearchSpace

__all__ = [
    "GENERATION_KEY",
    "STATES",
    "Proposals",
    "annotate",
    "choose_sampler",
    "keep_parents",
    "violations",
]

_LOG = logging.getLogger(__name__)
# Where NSGA-II keeps a trial's generation, and the parents of one.
GENERATION_KEY = NSGAIISampler._get_generation_key()
_PARENTS_KEY = NSGAIISampler._get_parent_cache_key_prefix()
STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED, "FAIL": TrialState.FAIL}


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

    def again(self, record: TrialRecord, *, shrink: bool = False) -> None:
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


def choose_sampler(space: SearchSpace, number: int = 0) -> tuple[optuna.samplers.BaseSampler, str]:
    """The sampler that the space asks for, seeded for one trial, and why it is that one."""
    settings = space.settings
    kind, why = _automatic(space) if settings.sampler == "auto" else (settings.sampler, "asked for")
    seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        # Options that Optuna calls experimental, and have been for years.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if kind == "tpe":
            sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(
                seed=seed,
                multivariate=True,
                group=True,
                constant_liar=True,
                n_startup_trials=settings.n_startup_trials,
            )
        elif kind == "gp":
            sampler = optuna.samplers.GPSampler(
                seed=seed,
                n_startup_trials=settings.n_startup_trials,
            )
        elif kind == "nsga2":
            sampler = NSGAIISampler(seed=seed)
        else:
            # qmc, too, draws its points itself, see _first_points.
            sampler = optuna.samplers.RandomSampler(seed=seed)
    return sampler, f"{kind}: {why}"


def generation_of(study: optuna.Study, number: int) -> int | None:
    """The generation that NSGA-II bore a trial in; None with other samplers.

    It depends on which trials were complete at the time, which nothing else remembers.
    """
    trial = study.get_trials(deepcopy=False)[number]
    generation: int | None = trial.system_attrs.get(GENERATION_KEY)
    return generation


def parents_of(study: optuna.Study, generation: int) -> list[int] | None:
    """The trials that a generation of NSGA-II descends from; None for the first."""
    known = study._storage.get_study_system_attrs(study._study_id)
    ids = known.get(_PARENTS_KEY + str(generation))
    if ids is None:
        return None
    return [trial.number for trial in study.get_trials(deepcopy=False) if trial._trial_id in ids]


def keep_parents(study: optuna.Study, generation: int, parents: Sequence[int]) -> None:
    """Tell NSGA-II again which trials a generation descends from."""
    trials = study.get_trials(deepcopy=False)
    ids = [trials[number]._trial_id for number in parents]
    study._storage.set_study_system_attr(study._study_id, _PARENTS_KEY + str(generation), ids)


def violations(scores: Mapping[str, float | None], space: SearchSpace) -> dict[str, float]:
    """By how much each bound of the constraints is broken; feasible if none is above 0."""
    broken: dict[str, float] = {}
    for name, constraint in space.constraints.items():
        value = scores.get(name)
        if value is None:
            broken[name] = 1e9
            continue
        if constraint.min is not None:
            broken[f"{name} >= {constraint.min:g}"] = constraint.min - value
        if constraint.max is not None:
            broken[f"{name} <= {constraint.max:g}"] = value - constraint.max
    return broken


def _automatic(space: SearchSpace) -> tuple[str, str]:
    numeric = not any(
        isinstance(p, CategoricalParameter) or p.when for p in space.parameters.values()
    )
    n = space.settings.n_trials
    if n >= 1000:
        return "nsga2", f"{n} trials are more than a model of the objectives can keep up with"
    if numeric and n <= 200:
        return "gp", "all parameters are numbers without conditions, and trials are few"
    return "tpe", "it takes categories and conditions, and a few hundred trials"


def _first_points(space: SearchSpace) -> list[Mapping[str, Value]]:
    """What runs before the sampler begins: the space's own points, then quasi-random ones."""
    settings = space.settings
    initial = list(space.initial)
    if settings.sampler == "random":
        return initial
    n_random = settings.n_trials if settings.sampler == "qmc" else settings.n_startup_trials
    n_random = max(0, min(n_random, settings.n_trials) - len(initial))
    return [*initial, *(space.quasi_random(n_random) if n_random else [])]


def annotate(
    trial: optuna.Trial | optuna.trial.FrozenTrial, record: TrialRecord, space: SearchSpace
) -> None:
    """What the study keeps of a finished trial beside its values; constraints, if it has scores."""
    trial.set_user_attr("epochs", record.epochs)
    trial.set_user_attr("seconds", record.seconds)
    if record.reason:
        trial.set_user_attr("reason", record.reason)
    if not record.rungs:
        return
    last = record.rungs[-1]
    trial.set_user_attr("objectives", last.objectives)
    for name, value in violations({**last.losses, **last.objectives}, space).items():
        trial.set_constraint(name, value)
