"""Rules that end a training run.

A rule depends only on the history, so a resumed run ends at the same epoch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tabvae_ray.command_line.lines import counted
from tabvae_ray.config import TrainingConfig
from tabvae_ray.errors import DataError

__all__ = ["EpochBound", "Plateau", "StoppingRule", "stale_epochs", "stopping_rules"]

History = Sequence[Mapping[str, float]]


class StoppingRule(Protocol):
    """Decides after every epoch if the run ends."""

    def reason(self, history: History) -> str | None:
        """Return why the run ends now, or None to continue; ``history`` has an entry per epoch."""


@dataclass(frozen=True)
class EpochBound:
    """Ends a run after a number of epochs.

    Args:
        max_n_epochs: The budget, in epochs.
    """

    max_n_epochs: int

    def reason(self, history: History) -> str | None:
        """Return why the run ends now, or None to continue."""
        if len(history) >= self.max_n_epochs:
            return f"reached its {counted(self.max_n_epochs, 'epoch')}"
        return None


@dataclass(frozen=True)
class Plateau:
    """Ends a run if a quantity has not fallen for a number of epochs.

    Args:
        key: Name of the quantity in an epoch's entry, such as ``loss`` or ``holdout_loss``.
        patience: Epochs without a new minimum after which the run ends.
        since: Epochs at the start to ignore, such as those of a KL warm-up.
    """

    key: str
    patience: int
    since: int = 0

    def reason(self, history: History) -> str | None:
        """Return why the run ends now, or None to continue."""
        if stale_epochs(history[self.since :], self.key) >= self.patience:
            return f"{self.key} has not fallen for {counted(self.patience, 'epoch')}"
        return None


def stopping_rules(
    config: TrainingConfig, n_warmup: int, *, has_held_out: bool
) -> list[StoppingRule]:
    """Return the rules that end a training.

    Args:
        config: The configuration of the training.
        n_warmup: Epochs of the KL warm-up, whose losses are not comparable.
        has_held_out: True if the training has held-out rows.

    Raises:
        DataError: If a rule needs held-out rows, and there are none.
    """
    rules: list[StoppingRule] = [EpochBound(config.max_n_epochs)]
    if config.early_stopping == "train":
        rules.append(Plateau("loss", config.patience, n_warmup))
    elif config.early_stopping == "holdout":
        if not has_held_out:
            raise DataError(
                "early_stopping='holdout' needs held-out rows, but there are none: "
                "set validation.holdout_fraction above 0"
            )
        rules.append(Plateau("holdout_loss", config.patience))
    return rules


def stale_epochs(history: History, key: str) -> int:
    """Return the epochs since the smallest value of ``key``; 0 for an empty history."""
    values = [entry[key] for entry in history]
    return len(values) - 1 - values.index(min(values)) if values else 0
