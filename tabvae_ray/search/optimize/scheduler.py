"""Multi-objective asynchronous successive halving for Ray Tune."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from tabvae_ray.cluster.ray_private import has_started_actor
from tabvae_ray.errors import brief
from tabvae_ray.results.pareto import Ranking, as_losses

__all__ = ["MultiObjectiveASHA", "PatientFIFO", "rung_epochs"]


class PatientFIFO(FIFOScheduler):
    """FIFO that does not cancel starting actors.

    With ``reuse_actors`` Ray Tune gives a freed actor to the longest-waiting trial and kills the
    one being started for it. With trials shorter than the start of a process, all other slots then
    stay empty. This scheduler gives the freed actor to a trial for which none is being started.
    Ray Tune has such trials only if ``TUNE_MAX_PENDING_TRIALS_PG`` lets more than one wait.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Return the next trial to get an actor, or None."""
        trials: list[Trial] = tune_controller.get_trials()
        for trial in trials:
            if trial.status == Trial.PENDING and not has_started_actor(tune_controller, trial):
                return trial
        return next((trial for trial in trials if trial.status == Trial.PAUSED), None)


class MultiObjectiveASHA(PatientFIFO):
    """Multi-objective asynchronous successive halving: weak trials are stopped at rungs.

    MO-ASHA (Schmucker et al., arXiv 2106.12639) in its stopping form. Rungs lie at
    ``grace_period * eta**k``, all but the first at least a factor ``eta`` before the budget. A
    trial that reaches a rung is ranked among all that have reached it, by non-dominated sorting and
    within a front by the greedy epsilon net. It continues if it is among the best ``1 / eta``, so
    that a trial that dominates all others of its rung always continues. A result that is NaN or
    infinite stops its trial. With one objective this is plain ASHA. There are no brackets, which
    guard against a too short ``grace_period`` by stopping some trials later or never.

    It works with any Ray trainable that reports the objectives and ``time_attr``:

    Example:
        >>> scheduler = MultiObjectiveASHA(
        ...     {"error": "minimize", "accuracy": "maximize"}, max_t=81, grace_period=3
        ... )
        >>> tune.Tuner(trainable, tune_config=tune.TuneConfig(scheduler=scheduler, num_samples=50))

    ``Tuner.restore`` does not restore a scheduler: its rungs are then empty and fill again. To keep
    them, pass all earlier results to :meth:`report` of a new scheduler, and give that to a new
    ``Tuner``.

    Args:
        objectives: Direction by name of the reported value.
        max_t: The budget; a trial that reaches it is stopped.
        grace_period: The first rung.
        eta: Rungs lie this factor apart, and one trial in ``eta`` goes on.
        time_attr: Name of the reported value that counts the budget.
        trial_attr: Name of the reported value that identifies a trial, for trials that get another
            id from Ray when they are resumed; Ray's id if None.

    Raises:
        ValueError: If ``grace_period`` is not within 1 and ``max_t``, ``eta`` is below 2, or a
            direction is neither ``minimize`` nor ``maximize``.
    """

    def __init__(
        self,
        objectives: Mapping[str, Literal["minimize", "maximize"]],
        *,
        max_t: int,
        grace_period: int = 1,
        eta: float = 3,
        time_attr: str = "training_iteration",
        trial_attr: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if not 1 <= grace_period <= max_t:
            raise ValueError(
                f"grace_period must be >= 1 and <= max_t={max_t}, but got {grace_period}"
            )
        if eta < 2:
            raise ValueError(f"eta must be >= 2, but got {eta}")
        if not isinstance(objectives, Mapping) or not objectives:
            raise ValueError(
                f"objectives must be a mapping of names to directions, but got {brief(objectives)}"
            )
        for name, direction in objectives.items():
            if direction not in ("minimize", "maximize"):
                raise ValueError(
                    f"objectives: {name} must be minimize or maximize, but got {brief(direction)}"
                )
        self.objectives = dict(objectives)
        self.max_t = max_t
        self.eta = eta
        self.time_attr, self.trial_attr = time_attr, trial_attr
        self.rungs = rung_epochs(grace_period, max_t, eta)[:-1]
        self._rankings = {level: Ranking(len(self.objectives)) for level in self.rungs}
        self._seen: dict[int, set[str]] = {level: set() for level in self.rungs}
        self._stopped: set[str] = set()

    def __repr__(self) -> str:
        rungs = f"rungs={self.rungs}, max_t={self.max_t}"
        return f"{type(self).__name__}({self.objectives}, {rungs})"

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Return Ray's CONTINUE or STOP for a trial that reports."""
        if self.time_attr not in result or any(name not in result for name in self.objectives):
            return str(TrialScheduler.CONTINUE)
        values = [float(result[name]) for name in self.objectives]
        trial_id = trial.trial_id if self.trial_attr is None else str(result[self.trial_attr])
        goes_on = self.report(trial_id, int(result[self.time_attr]), values)
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def report(self, trial_id: str, time: int, values: Sequence[float]) -> bool:
        """Rank a result, and return True if its trial should go on.

        Args:
            trial_id: Identifies the trial.
            time: Budget spent so far.
            values: The objectives, in the order given.
        """
        if not all(math.isfinite(value) for value in values):
            return False
        if time >= self.max_t:
            return False
        if trial_id in self._stopped:
            # Its process was lost before it could be stopped, and it reports again.
            return False
        losses = as_losses([values], list(self.objectives.values()))[0].tolist()
        goes_on = True
        for level in self.rungs:
            seen, ranking = self._seen[level], self._rankings[level]
            # A rung that lies between two results is judged by the later one.
            if time >= level and trial_id not in seen:
                seen.add(trial_id)
                ranking.add(losses)
                goes_on &= ranking.last_is_among(math.ceil(len(ranking) / self.eta))
        if not goes_on:
            self._stopped.add(trial_id)
        return goes_on

    def debug_string(self) -> str:
        """Return a line with the number of trials at each rung."""
        counts = ", ".join(f"{level}: {len(seen)}" for level, seen in self._seen.items())
        return f"MultiObjectiveASHA: trials by rung {{{counts}}}"


def rung_epochs(grace_period: int, max_t: int, eta: float) -> list[int]:
    """Return the rungs ``grace_period * eta**k``, rounded down, and the budget.

    Except for the first, a rung closer to the budget than a factor ``eta`` is left out, because it
    would stop trials that have nearly finished.
    """
    levels: list[int] = []
    k = 0
    while (level := int(grace_period * eta**k)) < max_t and (k == 0 or level * eta <= max_t):
        levels.append(level)
        k += 1
    return [*levels, max_t]
