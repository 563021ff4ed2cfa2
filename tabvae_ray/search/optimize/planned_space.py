"""Spaces whose trials train for fewer epochs than the user's file says, to keep a time budget."""

from dataclasses import replace
from typing import Any

from tabvae_ray.search.optimize.scheduler import rung_epochs
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["as_planned", "planned_space", "rungs_of"]


def rungs_of(space: SearchSpace) -> tuple[int, ...]:
    """Return the epochs after which trials report; the last is the budget."""
    settings, budget = space.settings, space.budget
    # Rounded down, so that two rungs fit below the budget; none fits below a very small one.
    shortest = max(1, budget // settings.eta**2) if budget >= settings.eta else budget
    first = settings.grace_period or shortest
    return tuple(rung_epochs(first, budget, settings.eta))


def planned_space(space: SearchSpace, epochs: int) -> SearchSpace:
    """Return a space whose trials train for fewer epochs; the first rung moves in proportion."""
    base, settings = space.base.replace({"training.max_n_epochs": epochs}), space.settings
    if settings.grace_period is not None:
        first = max(1, settings.grace_period * epochs // space.budget)
        settings = settings.model_copy(update={"grace_period": first})
    return replace(space, base=base, settings=settings)


def as_planned(space: SearchSpace, plan: dict[str, Any] | None) -> SearchSpace:
    """Return the space of a search that resumes, with the epochs that were planned when it began.

    Args:
        space: The space of the user's file, or of the search.
        plan: The plan in ``search.json``; None if there is none.
    """
    if plan is None or space.budget != plan["wanted"]:
        return space
    return planned_space(space, plan["epochs"])
