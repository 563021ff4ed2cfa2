"""Success of an attack on training rows beside its success on held-out rows, as a risk.

Formulas of Anonymeter (Giomi et al. 2023, arXiv 2211.10459). What also succeeds on held-out rows
follows from the population. Only the excess on training rows is a risk that the synthetic rows
bring to the people in the table.
"""

import math
from dataclasses import asdict, dataclass, fields
from statistics import NormalDist
from typing import Any, Self

__all__ = ["DisclosureRisk", "wilson_rate"]

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class DisclosureRisk:
    """Success of one attack, and the risk that follows.

    Attributes:
        n_attacks: Number of attacks on training rows.
        n_success: Number of them that succeed. Where an attacker chooses among equally good
            answers, the expected number.
        n_control: Number of attacks on held-out rows.
        n_control_success: Number of these that succeed.
        baseline: Success rate of guesses without what the attacker knows; None if not measured.
        is_rough: True if the success on held-out rows is extrapolated from far fewer rows, which no
            interval accounts for.
    """

    n_attacks: int
    n_success: float
    n_control: int
    n_control_success: float
    baseline: float | None = None
    is_rough: bool = False

    @property
    def attack_rate(self) -> float:
        """Success rate on training rows."""
        return self.n_success / self.n_attacks

    @property
    def control_rate(self) -> float:
        """Success rate on held-out rows."""
        return self.n_control_success / self.n_control

    @property
    def value(self) -> float:
        """Excess of the success on training rows, as a share of what was left to gain; 0 to 1."""
        return _clipped(self._estimate()[0])

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the risk."""
        value, error = self._estimate()
        return _clipped(value - error), _clipped(value + error)

    def to_mapping(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        low, high = self.interval
        return {**asdict(self), "risk": self.value, "low": low, "high": high}

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> Self:
        """Read the result of :meth:`to_mapping`."""
        return cls(**{field.name: mapping[field.name] for field in fields(cls)})

    def _estimate(self) -> tuple[float, float]:
        """Return risk and error before they are limited to 0 and 1."""
        attack, attack_error = wilson_rate(self.n_attacks, self.n_success)
        control, control_error = wilson_rate(self.n_control, self.n_control_success)
        by_attack = attack_error / (1 - control)
        by_control = control_error * (attack - 1) / (1 - control) ** 2
        return (attack - control) / (1 - control), math.hypot(by_attack, by_control)


def wilson_rate(n_total: int, n_success: float) -> tuple[float, float]:
    """Return the centre and half the width of Wilson's 95% interval of a success rate."""
    z = NormalDist().inv_cdf(0.5 * (1 + _CONFIDENCE))
    spread = n_success * (n_total - n_success) / n_total
    denominator = n_total + z * z
    rate = (n_success + 0.5 * z * z) / denominator
    return rate, z / denominator * math.sqrt(spread + 0.25 * z * z)


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 1.0)
