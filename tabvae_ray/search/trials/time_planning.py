"""Plan a search by its time budget: what is reserved, and what still fits at the end."""

import math
from dataclasses import replace

from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.search.trials.rescoring import attacks_models, is_scored_here
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.space.estimate import report_seconds
from tabvae_ray.space.table_shape import TableShape

__all__ = ["rescoring_task", "time_limit"]

# Fewer samples do not show how far the scores of a sample spread.
_FEWEST_SAMPLES = 2


def time_limit(task: SearchTask, began: float, slots: int) -> TimeLimit | None:
    """Return the time limit of a run; None without a time budget.

    Args:
        task: What all trials share.
        began: When the command began, in seconds since 1970.
        slots: Trials that run at once.
    """
    settings = task.space.settings
    budget = settings.time_before_refit
    if budget is None:
        return None
    return TimeLimit(
        settings.time_budget or budget,
        ends=began + budget,
        n_rescored=_one_after_another(task, settings.n_candidates, settings.n_rescores, slots),
        scoring_seconds=report_seconds(TableShape.of(task.table, task.spec)),
    )


def rescoring_task(
    task: SearchTask, n_models: int, n_scorings: int | None, slots: int
) -> SearchTask:
    """Return the task with as many candidates and fresh samples as there is time for.

    First there are fewer samples, then fewer candidates. One candidate with one sample always
    remains.

    Args:
        task: What all trials share.
        n_models: Models that could be scored again.
        n_scorings: Scorings, one after another, that there is time for; any number if None.
        slots: Models that are scored at once, if they are not scored in this process.
    """
    settings = task.space.settings
    n_candidates, n_samples = max(1, min(n_models, settings.n_candidates)), settings.n_rescores
    if n_scorings is None:
        return task
    fewest = min(_FEWEST_SAMPLES, n_samples)
    while _one_after_another(task, n_candidates, n_samples, slots) > n_scorings:
        if n_samples > fewest:
            n_samples -= 1
        elif n_candidates > 1:
            n_candidates -= 1
        elif n_samples > 1:
            fewest = 1
        else:
            break
    if (n_candidates, n_samples) == (min(n_models, settings.n_candidates), settings.n_rescores):
        return task
    fewer = {"n_candidates": n_candidates, "n_rescores": n_samples}
    settings = settings.model_copy(update=fewer)
    return replace(task, space=replace(task.space, settings=settings))


def _one_after_another(task: SearchTask, n_models: int, n_samples: int, slots: int) -> int:
    """Return how many scorings follow one another; restoring a model, or attacking it, is one."""
    at_once = 1 if is_scored_here(task, n_models, n_samples) else max(1, slots)
    return math.ceil(n_models / at_once) * (n_samples + 1 + attacks_models(task))
