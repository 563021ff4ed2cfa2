"""The choice of a model at the end of a search."""

from collections.abc import Sequence
from dataclasses import dataclass

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.command_line.lines import counted
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.selection import Candidate, select
from tabvae_ray.search.trials.rescoring import candidates
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.time_planning import rescoring_task

__all__ = ["Choice", "choose_model"]


@dataclass(frozen=True)
class Choice:
    """A chosen model.

    Args:
        candidates: The models that were scored again.
        chosen: One of them.
        reason: The reason for choosing it.
    """

    candidates: Sequence[Candidate]
    chosen: Candidate
    reason: str


def choose_model(
    task: SearchTask,
    best: tuple[Sequence[TrialRecord], Sequence[TrialRecord]],
    resources: Resources,
    slots: int,
    *,
    n_scorings: int | None = None,
) -> Choice:
    """Score the best models again on fresh samples, and choose one of them.

    Args:
        task: What the trials shared.
        best: The front, not empty, and its runners-up.
        resources: The resources of a trial.
        slots: Trials at once.
        n_scorings: Scorings, one after another, that there is time for; any number if None.

    Raises:
        StorageError: If no checkpoint is left.
    """
    front, runners_up = best
    n_models = len(front) + len(runners_up)
    task = rescoring_task(task, n_models, n_scorings, slots)
    found = candidates(task, front, resources, runners_up=runners_up)
    # Without a limit of one candidate, the others have lost their checkpoints.
    is_limited = task.space.settings.n_candidates == 1
    chosen, reason = select(found, task.space, n_front=len(front) if is_limited else 1)
    if chosen.record.state != "COMPLETE":
        reason += (
            f"; no trial reached its full {counted(task.space.budget, 'epoch')}: chosen among the "
            "trials as far as they came"
        )
    return Choice(found, chosen, reason)
