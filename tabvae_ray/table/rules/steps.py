"""Steps that compute columns of a row, in the order in which their inputs are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tabvae_ray.errors import ExportError
from tabvae_ray.table.rules.forms.formula import Duration
from tabvae_ray.table.rules.rule import Constraint, Rule

__all__ = ["EndOf", "in_order", "steps_of"]


@dataclass(frozen=True)
class EndOf:
    """A duration from which its end is computed, not the duration from its ends.

    A difference of two moments is as uncertain as the bins that they are drawn from; a duration
    that is drawn itself is not.
    """

    duration: Duration

    @property
    def column(self) -> str:
        """Return the name of the end."""
        return self.duration.end

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the start and of the duration."""
        return self.duration.start, self.duration.column


def steps_of(rules: Sequence[Rule]) -> list[Any]:
    """Return what is computed, in an order in which all inputs are there."""
    computed = [rule for rule in rules if not isinstance(rule, Constraint)]
    taken = {rule.column for rule in computed}
    steps: list[Any] = []
    for rule in computed:
        turned = isinstance(rule, Duration) and rule.exceptions == 0 and rule.end not in taken
        if turned and isinstance(rule, Duration):
            taken.add(rule.end)
            steps.append(EndOf(rule))
        else:
            steps.append(rule)
    try:
        return in_order(steps)
    except ExportError:
        return in_order(computed)


def in_order(rules: Sequence[Any]) -> list[Any]:
    """Return rules, or steps, so that each comes after those that compute its inputs.

    Raises:
        ExportError: If they go in a circle.
    """
    waiting, ordered = list(rules), []
    while waiting:
        later = {rule.column for rule in waiting}
        ready = [rule for rule in waiting if not later & set(rule.given)]
        if not ready:
            names = ", ".join(sorted(later))
            raise ExportError(f"rules: {names} are computed from each other in a circle")
        ordered += ready
        waiting = [rule for rule in waiting if rule not in ready]
    return ordered
