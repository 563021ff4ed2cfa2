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
from optuna.trial import TrialState
from ray.tune.search import Searcher

from tabvae_ray.errors import ConfigError
from tabvae_ray.search.parameters import CategoricalParameter, Value
from tabvae_ray.search.records import TrialRecord
from tabvae_ray.search.space import SearchSpace

__all__ = ["Proposals", "choose_sampler", "create_study", "violations"]

_LOG = logging.getLogger(__name__)
_STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED, "FAIL": TrialState.FAIL}


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
            "attempt": self._n_handed_out[record.number],
        }

    def again(self, record: TrialRecord) -> None:
        """Hand a trial out again, next."""
        self._resumed.insert(0, record)

    def tell(self, record: TrialRecord) -> None:
        """Tell the study how a trial ended."""
        names = list(self.space.objectives)
        trial_id = self.study.get_trials(deepcopy=False)[record.number]._trial_id
        _annotate(optuna.Trial(self.study, trial_id), record, self.space)
        values = record.values(names) if record.state == "COMPLETE" else None
        self.study.tell(record.number, values, state=_STATES[record.state])

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


def create_study(
    space: SearchSpace,
    name: str,
    storage: optuna.storages.BaseStorage | str | None,
    records: Sequence[TrialRecord],
) -> optuna.Study:
    """A study with all that the records know; trials are numbered as they are there.

    Args:
        space: The search space.
        name: Name of the study.
        storage: Where Optuna keeps it; in memory if None. A study of this name must not be there.
        records: Finished and running trials.

    Raises:
        ConfigError: If the storage has a study of this name.
    """
    try:
        study = optuna.create_study(study_name=name, storage=storage, directions=space.directions)
    except optuna.exceptions.DuplicatedStudyError:
        raise ConfigError(
            f"--study-storage: it has a study named {name!r} already: choose another --name"
        ) from None
    by_number = {record.number: record for record in records}
    for number in range(max(by_number, default=-1) + 1):
        # A number without a record was proposed by a driver that died before it could write.
        record = by_number.get(number) or TrialRecord(number, "FAIL", {})
        finished = record.state != "RUNNING"
        trial = optuna.trial.create_trial(
            state=_STATES[record.state] if finished else TrialState.RUNNING,
            params=space.to_optuna(record.parameters),
            distributions=space.distributions(record.parameters),
            values=record.values(space.objectives) if record.state == "COMPLETE" else None,
        )
        if finished:
            _annotate(trial, record, space)
        study.add_trial(trial)
    return study


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
            sampler = optuna.samplers.NSGAIISampler(seed=seed)
        else:
            # qmc, too, draws its points itself, see _first_points.
            sampler = optuna.samplers.RandomSampler(seed=seed)
    return sampler, f"{kind}: {why}"


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


def _annotate(
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
