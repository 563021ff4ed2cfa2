"""Constraints of a search space: how far scores break them, and which trials keep them."""

from collections.abc import Mapping

from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import Constraint, SearchSpace

__all__ = [
    "bounds_text",
    "broken_by_training",
    "broken_in_words",
    "is_broken",
    "keeps_constraints",
    "total_violation",
    "violations",
]

# A score that a trial does not have breaks its constraint by more than any score can.
_MISSING = 1e9
# What attackers learn, to which training on adds as a rule.
_WORSE_BY_TRAINING = ("membership", "membership_black_box", "dcr_share")


def violations(scores: Mapping[str, float | None], space: SearchSpace) -> dict[str, float]:
    """Return how far each bound is broken, by bound.

    Scores are feasible if no violation is above 0.
    """
    broken: dict[str, float] = {}
    for name, constraint in space.constraints.items():
        value = scores.get(name)
        if value is None:
            broken[name] = _MISSING
            continue
        if constraint.min is not None:
            broken[f"{name} >= {constraint.min:g}"] = constraint.min - value
        if constraint.max is not None:
            broken[f"{name} <= {constraint.max:g}"] = value - constraint.max
    return broken


def total_violation(scores: Mapping[str, float | None], space: SearchSpace) -> float:
    """Return the sum of what is broken; 0 if the scores are feasible."""
    return sum(max(0.0, value) for value in violations(scores, space).values())


def keeps_constraints(record: TrialRecord, space: SearchSpace) -> bool:
    """Check the scores of a trial's last report; fresh samples may say otherwise later."""
    return all(value <= 0 for value in violations(record.rungs[-1].values, space).values())


def broken_by_training(scores: Mapping[str, float | None], space: SearchSpace) -> list[str]:
    """Return the broken constraints on what attackers learn, with their scores, in words."""
    return [
        f"{name} is {value:.3g} (must be {bounds_text(space.constraints[name])})"
        for name in _WORSE_BY_TRAINING
        if name in space.constraints
        and (value := scores.get(name)) is not None
        and is_broken(value, space.constraints[name])
    ]


def broken_in_words(scores: Mapping[str, float], space: SearchSpace) -> list[str]:
    """Return the broken constraints with their scores, in words; those without a score are not."""
    return [
        f"{name} {bounds_text(bounds)} ({scores[name]:.3f})"
        for name, bounds in space.constraints.items()
        if name in scores and is_broken(scores[name], bounds)
    ]


def is_broken(value: float, constraint: Constraint) -> bool:
    """Check one score against its constraint."""
    low, high = constraint.min, constraint.max
    return (low is not None and value < low) or (high is not None and value > high)


def bounds_text(constraint: Constraint) -> str:
    """Return the bounds in words, such as ``at least 0.1 and at most 0.6``."""
    words = {"at least": constraint.min, "at most": constraint.max}
    return " and ".join(f"{word} {bound:g}" for word, bound in words.items() if bound is not None)
