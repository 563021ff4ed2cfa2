"""Measure by how much scores break the constraints of a space."""

from collections.abc import Mapping

from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["violations"]


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


def _keeps_constraints(record: TrialRecord, space: SearchSpace) -> bool:
    """By what it reported last; scores on fresh samples may say otherwise later."""
    last = record.rungs[-1]
    return all(v <= 0 for v in violations(last.values, space).values())
