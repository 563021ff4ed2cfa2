"""Multi-objective asynchronous successive halving for Ray Tune."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from tabvae_ray.results.pareto import Ranking, as_losses

__all__ = ["MultiObjectiveASHA", "PatientFIFO", "rung_epochs"]


class PatientFIFO(FIFOScheduler):
    """First come, first served, but an actor that is about to be there is waited for.

    With reused actors, Ray Tune gives that of a trial that has ended to the trial that has waited
    longest, and removes the one that is being started for that. Where trials take less time than
    the start of a process, all slots but one stay empty for ever. Here it goes to a trial for which
    none is being started; Ray Tune asks for such trials where ``TUNE_MAX_PENDING_TRIALS_PG`` lets
    more than one wait.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The next trial to be given an actor, or None."""
        actors, manager = tune_controller._trial_to_actor, tune_controller._actor_manager
        trials: list[Trial] = tune_controller.get_trials()
        for trial in trials:
            if trial.status == Trial.PENDING:
                actor = actors.get(trial)
                if actor is None or not manager.is_actor_started(actor):
                    return trial
        return next((trial for trial in trials if trial.status == Trial.PAUSED), None)


class MultiObjectiveASHA(PatientFIFO):
    """Stops weak trials at rungs, judged by all objectives together.

    MO-ASHA (Schmucker et al., arXiv 2106.12639), in its stopping form: rungs lie at
    ``grace_period * eta**k``, all but the first at least a factor ``eta`` before the budget. A
    trial that reaches a rung is ranked among all that have reached it, by non-dominated sorting and
    within a front by the greedy epsilon net, and goes on if it is in the best ``1 / eta`` of them.
    So a trial that dominates all others of its rung always goes on. A result that is NaN or
    infinite stops its trial. With one objective this is plain ASHA. There are no brackets: they
    guard against a ``grace_period`` that is too short by trials that are stopped later or never.

    It works with any Ray trainable that reports the objectives and ``time_attr``:

    Example:
        >>> scheduler = MultiObjectiveASHA(
        ...     {"error": "minimize", "accuracy": "maximize"}, max_t=81, grace_period=3
        ... )
        >>> tune.Tuner(trainable, tune_config=tune.TuneConfig(scheduler=scheduler, num_samples=50))

    Ray keeps no scheduler's state for ``Tuner.restore``: the rungs are then empty and fill again.
    To keep them, hand :meth:`report` what trials have reported to another scheduler, and that to a
    new ``Tuner``.

    Args:
        objectives: Direction by name of the reported value.
        max_t: The budget; a trial that reaches it is stopped.
        grace_period: The first rung.
        eta: Rungs lie this factor apart, and one trial in ``eta`` goes on.
        time_attr: Name of the reported value that counts the budget.
        trial_attr: Name of the reported value that identifies a trial, for trials that go on under
            another of Ray's names when they are resumed; Ray's name if None.

    Raises:
        ValueError: If ``grace_period`` is not within 1 and ``max_t``, or ``eta`` is below 2.
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
        self.objectives = dict(objectives)
        self.max_t = max_t
        self.eta = eta
        self.time_attr, self.trial_attr = time_attr, trial_attr
        self.rungs = rung_epochs(grace_period, max_t, eta)[:-1]
        self._rankings = {level: Ranking(len(self.objectives)) for level in self.rungs}
        self._seen: dict[int, set[str]] = {level: set() for level in self.rungs}
        self._stopped: set[str] = set()

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Whether Ray should go on with the trial."""
        if self.time_attr not in result or any(name not in result for name in self.objectives):
            return str(TrialScheduler.CONTINUE)
        values = [float(result[name]) for name in self.objectives]
        trial_id = trial.trial_id if self.trial_attr is None else str(result[self.trial_attr])
        goes_on = self.report(trial_id, int(result[self.time_attr]), values)
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def report(self, trial_id: str, time: int, values: Sequence[float]) -> bool:
        """Take a result; whether its trial should go on.

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
            # It reports again, because it was lost before it could be stopped.
            return False
        losses = as_losses([values], list(self.objectives.values()))[0].tolist()
        goes_on = True
        for level in self.rungs:
            seen, ranking = self._seen[level], self._rankings[level]
            # A rung that was passed between two results is judged by the later one.
            if time >= level and trial_id not in seen:
                seen.add(trial_id)
                ranking.add(losses)
                goes_on &= ranking.last_is_among(math.ceil(len(ranking) / self.eta))
        if not goes_on:
            self._stopped.add(trial_id)
        return goes_on

    def debug_string(self) -> str:
        """One line on how full the rungs are."""
        counts = ", ".join(f"{level}: {len(seen)}" for level, seen in self._seen.items())
        return f"MultiObjectiveASHA: trials by rung {{{counts}}}"


def rung_epochs(grace_period: int, max_t: int, eta: float) -> list[int]:
    """Rungs below the budget, and the budget: ``grace_period * eta**k`` rounded down.

    After the first one, a rung nearer to the budget than a factor ``eta`` is left out: it would
    stop trials that have all but finished.
    """
    levels: list[int] = []
    k = 0
    while (level := int(grace_period * eta**k)) < max_t and (k == 0 or level * eta <= max_t):
        levels.append(level)
        k += 1
    return [*levels, max_t]
