"""The differential privacy of one training, or of the best of several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Events", "Guarantee"]

# Noise multiplier, sampling rate and number of steps of Gaussian mechanisms.
Events = Sequence[tuple[float, float, int]]


@dataclass(frozen=True)
class Guarantee:
    """The differential privacy of one training, in numbers that may be published.

    Args:
        epsilon: Epsilon of everything that leaves the training.
        delta: Chance that the bound fails.
        max_grad_norm: Largest norm of the gradient of a row.
        noise_multiplier: Noise of a step, in units of ``max_grad_norm``.
        sample_rate: Chance of a row to be in a step.
        steps_per_epoch: Steps that count as an epoch.
        steps: Steps of the whole training.
        rows: The noisy number of rows.
        rows_epsilon: Epsilon of the number of rows.
        encoding_epsilon: Epsilon that the encoding would have on its own.
        encoding_noise: Standard deviation of the noise of each count.
        n_histograms: Histograms of the encoding to which each row adds 1.
        accountant_delta: Delta of the accountant.
        trial_epsilon: Epsilon of one trial alone, if the training is the best of several.
        mean_trials: Mean of the number of trials.
        score_noise: Noise of a trial's score, in units of what one row can change.
    """

    epsilon: float
    delta: float
    max_grad_norm: float
    noise_multiplier: float
    sample_rate: float
    steps_per_epoch: int
    steps: int
    rows: int
    rows_epsilon: float
    encoding_epsilon: float
    encoding_noise: float
    n_histograms: int
    accountant_delta: float
    trial_epsilon: float | None = None
    mean_trials: float | None = None
    score_noise: float | None = None

    @property
    def events(self) -> Events:
        """The mechanisms that the accountant adds up."""
        encoding = self.encoding_noise / math.sqrt(self.n_histograms)
        return ((encoding, 1.0, 1), (self.noise_multiplier, self.sample_rate, self.steps))

    def to_mapping(self) -> dict[str, Any]:
        """Return the numbers as values for JSON."""
        search = {
            "trial_epsilon": self.trial_epsilon,
            "mean_trials": self.mean_trials,
            "score_noise": self.score_noise,
        }
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "max_grad_norm": self.max_grad_norm,
            "noise_multiplier": self.noise_multiplier,
            "sample_rate": self.sample_rate,
            "steps": self.steps,
            "rows_epsilon": self.rows_epsilon,
            "encoding_epsilon": self.encoding_epsilon,
            "encoding_noise": self.encoding_noise,
            "accountant": "RDP, by Opacus",
            **({} if self.mean_trials is None else search),
        }
