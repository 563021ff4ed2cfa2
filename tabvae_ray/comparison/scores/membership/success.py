"""Success of attacks: area under the ROC curve, hits at few false alarms, and their interval."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats

__all__ = ["AttackSuccess", "MembershipAttacks", "evaluate_attacks"]

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class AttackSuccess:
    """Success of one attack.

    Attributes:
        auc: Probability that the attack gives a member a higher value than a non-member; 0.5 is
            chance. A tie counts one half.
        tpr_at_1_percent: Share of members found where 1% of the non-members are taken for members.
        tpr_at_01_percent: The same where 0.1% of the non-members are.
    """

    auc: float
    tpr_at_1_percent: float
    tpr_at_01_percent: float


@dataclass(frozen=True)
class MembershipAttacks:
    """Success of several attacks on the same rows.

    Attributes:
        attacks: Success by name of the attack.
        low: Lower end of the 95% interval of the strongest attack's AUC.
        high: Upper end. The interval holds for all attacks at once, so that it also holds for the
            strongest one of them.
        n_members: Number of training rows that were attacked.
        n_non_members: Number of other real rows that were attacked.
        n_reference: Number of other real rows that the attacker has; 0 if the attacks need none.
    """

    attacks: dict[str, AttackSuccess]
    low: float
    high: float
    n_members: int
    n_non_members: int
    n_reference: int = 0

    @property
    def strongest(self) -> str:
        """Name of the attack with the largest AUC, the first one of several."""
        return max(self.attacks, key=lambda name: self.attacks[name].auc)

    @property
    def auc(self) -> float:
        """AUC of the strongest attack."""
        return self.attacks[self.strongest].auc

    def chance_at(self, rate: float) -> float:
        """Return the share of members that guessing finds at a rate of false alarms.

        Of few non-members, none may be taken for a member, but guessing finds more members than
        the rate then: one of eleven beside ten non-members.
        """
        return (_allowed(rate, self.n_non_members) + 1) / (self.n_non_members + 1)

    def to_mapping(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        return {"strongest": self.strongest, "auc": self.auc, **asdict(self)}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Read the result of :meth:`to_mapping`."""
        attacks = {name: AttackSuccess(**found) for name, found in mapping["attacks"].items()}
        names = ("low", "high", "n_members", "n_non_members", "n_reference")
        return cls(attacks, **{name: mapping[name] for name in names})


def evaluate_attacks(
    members: Mapping[str, Floats],
    non_members: Mapping[str, Floats],
    *,
    n_reference: int = 0,
    n_bootstraps: int = 200,
    seed: int = 0,
) -> MembershipAttacks:
    """Measure the success of attacks.

    The interval is a simultaneous one: the AUC of the strongest attack, plus and minus the 95%
    quantile, over bootstraps of members and non-members, of the largest deviation of any attack.
    An interval of the strongest attack alone would be too narrow, because the luckiest of several
    attacks was chosen.

    Args:
        members: Values that each attack gives to the members; larger ones mean "member".
        non_members: Values that it gives to the non-members.
        n_reference: Number of reference rows that the attacks used.
        n_bootstraps: Number of bootstraps. Without them, the interval is that of chance.
        seed: Seed of the bootstraps.
    """
    n, m = (len(next(iter(side.values()))) for side in (members, non_members))
    rng = np.random.default_rng(seed)
    ours, theirs = (_bootstrap_weights(size, n_bootstraps, rng) for size in (n, m))
    attacks: dict[str, AttackSuccess] = {}
    deviations = np.zeros(max(n_bootstraps, 1))
    for name, inside in members.items():
        outside = non_members[name]
        areas = _areas(inside, outside, ours, theirs)
        if n_bootstraps:
            deviations = np.maximum(deviations, np.abs(areas[1:] - areas[0]))
        attacks[name] = AttackSuccess(
            float(areas[0]),
            _true_positive_rate(inside, outside, 0.01),
            _true_positive_rate(inside, outside, 0.001),
        )
    best = max(found.auc for found in attacks.values())
    half = float(np.quantile(deviations, _CONFIDENCE))
    if half == 0.0:  # as for attacks that separate all rows, or none
        half = 1.96 * math.sqrt((n + m + 1) / (12 * n * m))
    low, high = max(best - half, 0.0), min(best + half, 1.0)
    return MembershipAttacks(attacks, low, high, n, m, n_reference)


def _bootstrap_weights(size: int, n_bootstraps: int, rng: np.random.Generator) -> Floats:
    """Return how often each row is drawn (B + 1, N): once, then in each bootstrap."""
    weights = np.ones((n_bootstraps + 1, size))
    weights[1:] = rng.multinomial(size, np.full(size, 1 / size), n_bootstraps)
    return weights


def _areas(
    inside: Floats, outside: Floats, inside_weights: Floats, outside_weights: Floats
) -> Floats:
    """Return the AUC for each row of weights (B, n) and (B, m)."""
    values, place = np.unique(np.concatenate((inside, outside)), return_inverse=True)
    n, size = len(inside), len(values)

    def by_value(weights: Floats, places: npt.NDArray[np.intp]) -> Floats:
        return np.stack([np.bincount(places, row, minlength=size) for row in weights])

    ours = by_value(inside_weights, place[:n])
    theirs = by_value(outside_weights, place[n:])
    below = np.cumsum(theirs, axis=1) - theirs / 2
    areas: Floats = (ours * below).sum(axis=1) / (ours.sum(axis=1) * theirs.sum(axis=1))
    return areas


def _allowed(rate: float, n_non_members: int) -> int:
    return int(rate * n_non_members)


def _true_positive_rate(inside: Floats, outside: Floats, rate: float) -> float:
    """Return the share of members above the value that ``rate`` of the non-members exceed.

    With fewer than 1 / ``rate`` non-members, none of them may exceed it.
    """
    allowed = _allowed(rate, len(outside))
    threshold = np.partition(outside, len(outside) - 1 - allowed)[len(outside) - 1 - allowed]
    return float(np.mean(inside > threshold))
