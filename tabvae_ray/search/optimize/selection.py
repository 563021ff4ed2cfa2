"""Choice of the best trial among candidates that were scored again on fresh samples.

With many trials the best reported score is the luckiest of many draws, and better than the rows of
that trial will score. Fresh samples have no such bias.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabvae_ray.results.constraints import total_violation
from tabvae_ray.results.pareto import Floats, as_losses, choose
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.select_rule import parse_select

__all__ = ["Candidate", "as_scores", "first_choice", "select"]


@dataclass(frozen=True)
class Candidate:
    """A trial of the front, or one of its runners-up, scored again on fresh samples.

    Args:
        record: The trial.
        means: Mean of every score over the fresh samples, and the losses of the last rung.
        spreads: Their standard deviation; 0 with one sample, and for losses.
    """

    record: TrialRecord
    means: dict[str, float]
    spreads: dict[str, float]


def select(
    found: Sequence[Candidate], space: SearchSpace, *, n_front: int = 1
) -> tuple[Candidate, str]:
    """Return the candidate that ``search.select`` asks for, and the reason for it.

    Feasible candidates come first. If none is feasible, or the rule is ``constraint``, take the
    least violation; ties go to the candidate nearest the ideal point.

    Args:
        found: The candidates, not empty.
        space: The search space.
        n_front: Trials of the front, of which there may have been time to score only one again.
    """
    names = list(space.objectives)
    rule = parse_select(space.settings.select, names, constrained=bool(space.constraints))
    least = min(total_violation(candidate.means, space) for candidate in found)
    kept = [candidate for candidate in found if total_violation(candidate.means, space) <= least]
    values = as_losses([[c.means[name] for name in names] for c in kept], space.directions)
    is_single = len(found) == 1 and n_front > 1
    if least > 0:
        # Better than no model at all.
        reason = "breaks the constraints least; no candidate keeps them"
        if is_single:
            reason = f"breaks the constraints; there was time to score only one of {n_front} again"
        return kept[choose(values, "ideal")], reason
    chosen = kept[choose(values, "ideal" if rule == "constraint" else rule)]
    if is_single:
        by = "the most balanced" if isinstance(rule, str) else _meaning(rule, names)
        return chosen, (
            f"{by} of {n_front} trials on the front; there was time to score only one again"
        )
    if len(found) == 1:
        return chosen, "the only one there is"
    reason = f"{_meaning(rule, names)} of {len(found)} candidates"
    reason += f" on {space.settings.n_rescores} fresh samples each"
    if space.constraints:
        reason += f", among {len(kept)} of {len(found)} that keep the constraints"
    return chosen, reason


def first_choice(losses: Floats, space: SearchSpace) -> int | None:
    """Return the position of the trial that the rule takes by what trials of the front reported.

    It must be among the candidates, however few these are. None if the rule is for all objectives:
    a balanced trial is always among them.

    Args:
        losses: The reported objectives of the front.
        space: The search space.
    """
    rule = parse_select(
        space.settings.select, list(space.objectives), constrained=bool(space.constraints)
    )
    return None if isinstance(rule, str) else choose(losses, rule)


def as_scores(candidate: Candidate) -> Mapping[str, Any]:
    """Return the scores for ``scores.json`` of the export."""
    return {
        **candidate.means,
        "spread": candidate.spreads,
    }


def _meaning(rule: str | int | Sequence[float], names: Sequence[str]) -> str:
    if rule == "knee":
        return "farthest below the line between the front's ends"
    if isinstance(rule, str):
        return "nearest to the best of every objective"
    if isinstance(rule, int):
        return f"best {names[rule]}"
    parts = (f"{weight:g} {name}" for weight, name in zip(rule, names, strict=True))
    return f"least weighted sum of {', '.join(parts)}, each scaled to [0, 1]"
