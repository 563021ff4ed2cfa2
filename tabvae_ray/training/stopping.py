"""When a training run ends.

A rule looks at the history alone, so that a run that was resumed ends where it would have ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["EpochBound", "Plateau", "StoppingRule", "stale_epochs"]

History = Sequence[Mapping[str, float]]


class StoppingRule(Protocol):
    """Says after every epoch whether the run should end."""

    def reason(self, history: History) -> str | None:
        """Why the run should end now, or None to go on; ``history`` has one entry per epoch."""


@dataclass(frozen=True)
class EpochBound:
    """Ends a run after so many epochs.

    Args:
        max_n_epochs: The budget, in epochs.
    """

    max_n_epochs: int

    def reason(self, history: History) -> str | None:
        """Why the run should end now, or None to go on."""
        if len(history) >= self.max_n_epochs:
            return f"reached its {self.max_n_epochs} epochs"
        return None


@dataclass(frozen=True)
class Plateau:
    """Ends a run once a quantity has not fallen for so many epochs.

    Args:
        key: Name of the quantity in an epoch's entry, such as ``loss`` or ``holdout_loss``.
        patience: Epochs without a new minimum before the end.
        since: Epochs at the start that do not count, such as those of a KL warm-up.
    """

    key: str
    patience: int
    since: int = 0

    def reason(self, history: History) -> str | None:
        """Why the run should end now, or None to go on."""
        if stale_epochs(history[self.since :], self.key) >= self.patience:
            return f"{self.key} has not fallen for {self.patience} epochs"
        return None


def stale_epochs(history: History, key: str) -> int:
    """Epochs since the smallest value of ``key``; 0 for an empty history."""
    values = [entry[key] for entry in history]
    return len(values) - 1 - values.index(min(values)) if values else 0
