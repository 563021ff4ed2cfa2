"""Accounting of differential privacy: noise for a budget, and the budget that noise spends.

Two tables are neighbours if one has one row more. The number of rows gets discrete Laplace noise.
All histograms of the encoding together are one Gaussian mechanism. Each step of the training is a
Gaussian mechanism on a Poisson sample of the rows. Opacus adds up the last two as Renyi
differential privacy and converts the sum (Mironov 2017; Mironov, Talwar & Zhang 2019; Balle et al.
2020).

Opacus is an optional dependency, so it is imported inside functions.
"""

import math
import secrets
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tabvae_ray.config import DPConfig
from tabvae_ray.errors import ConfigError
from tabvae_ray.training.private.guarantee import Events, Guarantee
from tabvae_ray.training.private.random_stopping import best_of_trials_rdp

__all__ = [
    "ORDERS",
    "Budget",
    "check_opacus",
    "epsilon_of",
    "search_epsilon_of",
    "secret_seed",
]

# Orders of Renyi differential privacy. The highest ones matter for a small epsilon.
ORDERS = (
    *(1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 4.5),
    *range(5, 24),
    *range(24, 64, 2),
    *(64, 72, 80, 96, 128, 192, 256, 512),
)
# Part of the preprocessing's epsilon that the number of rows spends.
_ROWS_PART = 0.05
# Part of delta for categories that are released though a single row may have them.
_NEW_VALUES_PART = 0.1
# Part of epsilon that the score of a trial would spend on its own.
_SCORE_PART = 0.2
# No useful noise is larger; a budget that needs more is refused.
_MOST_NOISE = 1e5


def check_opacus() -> None:
    """Check that Opacus is installed.

    Raises:
        ConfigError: If it is not.
    """
    try:
        import opacus.accountants  # noqa: F401
    except ImportError:
        raise ConfigError(
            "training.dp needs the package opacus: pip install 'tabvae-ray[dp]'"
        ) from None


def secret_seed() -> int:
    """Return a seed of noise from the operating system.

    It is never stored: whoever knows the seed can subtract the noise.
    """
    return secrets.randbits(63)


def epsilon_of(events: Events, delta: float) -> float:
    """Return the epsilon of Gaussian mechanisms, by Opacus' accountant.

    Args:
        events: Noise multiplier, sampling rate and number of steps of each mechanism.
        delta: Chance that the bound fails.
    """
    return _epsilon(_rdp(events), delta)


def search_epsilon_of(encoding: Events, trial: Events, mean_trials: float, delta: float) -> float:
    """Return the epsilon of an encoding and of the best of a random number of trainings with it.

    Args:
        encoding: The mechanisms of the encoding.
        trial: Those of one trial: its training and its score.
        mean_trials: Mean of the number of trials.
        delta: Chance that the bound fails.
    """
    best = best_of_trials_rdp(_rdp(trial), ORDERS, mean_trials)
    return _epsilon(np.add(_rdp(encoding), best).tolist(), delta)


def _epsilon(rdp: list[float], delta: float) -> float:
    """Convert Renyi differential privacy, by order, to epsilon."""
    from opacus.accountants.analysis.rdp import get_privacy_spent

    with warnings.catch_warnings():
        # Says that the best order is the largest. The bound holds for every order.
        warnings.filterwarnings("ignore", message="Optimal order is the")
        return float(get_privacy_spent(orders=list(ORDERS), rdp=rdp, delta=delta)[0])


def _rdp(events: Events) -> list[float]:
    from opacus.accountants.analysis.rdp import compute_rdp

    total = np.zeros(len(ORDERS))
    for noise, rate, steps in events:
        total += compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=list(ORDERS))
    found: list[float] = total.tolist()
    return found


@dataclass(frozen=True)
class Budget:
    """The parts of epsilon and delta.

    Args:
        config: The whole of both.
        n_histograms: Histograms of the encoding to which each row adds 1.
        n_open: Columns whose categories are not declared.
    """

    config: DPConfig
    n_histograms: int
    n_open: int

    @property
    def rows_epsilon(self) -> float:
        """Epsilon of the number of rows."""
        return self.config.epsilon * self.config.preprocessing_share * _ROWS_PART

    @property
    def delta(self) -> float:
        """Delta of the accountant: that of the configuration, less that of new values."""
        return self.config.delta - self.n_open * self.new_value_delta

    @property
    def new_value_delta(self) -> float:
        """Chance that a category of a single row is released, for each open column."""
        return self.config.delta * _NEW_VALUES_PART / self.n_open if self.n_open else 0.0

    @property
    def encoding_epsilon(self) -> float:
        """Epsilon that the histograms of the encoding would have on their own."""
        return self.config.epsilon * self.config.preprocessing_share * (1 - _ROWS_PART)

    def encoding_noise(self) -> float:
        """Return the standard deviation of the noise of each count.

        Raises:
            ConfigError: If no noise is enough.
        """
        wanted = self.encoding_epsilon
        multiplier = _least(
            lambda noise: epsilon_of([(noise, 1.0, 1)], self.delta), wanted, self.config
        )
        return multiplier * math.sqrt(max(self.n_histograms, 1))

    def threshold(self, sigma: float) -> float:
        """Return the noisy count from which a category that is not declared is released.

        A value of a single row exceeds it with probability :attr:`new_value_delta`.
        """
        if not self.n_open:
            return math.inf
        # Half a count more, because noise is rounded.
        return 1.5 - sigma * NormalDist().inv_cdf(self.new_value_delta)

    def guarantee(
        self,
        sigma: float,
        n_rows: int,
        batch_size: int,
        n_epochs: int,
        mean_trials: float | None = None,
    ) -> Guarantee:
        """Return the guarantee of a training, with the least noise that the budget allows.

        Args:
            sigma: Noise of each count of the encoding.
            n_rows: The noisy number of rows.
            batch_size: Rows of a step, in expectation.
            n_epochs: Epochs of the training.
            mean_trials: Mean of the number of trials, if the training is the best of several.

        Raises:
            ConfigError: If no noise is enough, or delta is too large for so few rows.
        """
        if self.config.delta * n_rows >= 1:
            raise ConfigError(
                f"training.dp.delta: must be below 1 / rows, about {1 / n_rows:.1g}, but got "
                f"{self.config.delta}: with a larger one, publishing a random row would be private"
            )
        rate = min(1.0, batch_size / n_rows)
        per_epoch = max(1, round(1 / rate))
        left = self.config.epsilon - self._outside
        encoding = (sigma / math.sqrt(self.n_histograms), 1.0, 1)

        steps = per_epoch * n_epochs
        score: Events = []
        if mean_trials is not None:
            wanted = self.config.epsilon * _SCORE_PART
            level = _least(lambda z: epsilon_of([(z, 1.0, 1)], self.delta), wanted, self.config)
            score = [(level, 1.0, 1)]

        def one(noise: float) -> float:
            return epsilon_of([encoding, (noise, rate, steps), *score], self.delta)

        def spent(noise: float) -> float:
            if mean_trials is None:
                return one(noise)
            trial = [(noise, rate, steps), *score]
            return search_epsilon_of([encoding], trial, mean_trials, self.delta)

        noise = _least(spent, left, self.config)
        return Guarantee(
            epsilon=spent(noise) + self._outside,
            trial_epsilon=None if mean_trials is None else one(noise) + self._outside,
            mean_trials=mean_trials,
            score_noise=score[0][0] if score else None,
            delta=self.config.delta,
            max_grad_norm=self.config.max_grad_norm,
            noise_multiplier=noise,
            sample_rate=rate,
            steps_per_epoch=per_epoch,
            steps=steps,
            rows=n_rows,
            rows_epsilon=self.rows_epsilon,
            encoding_epsilon=self.encoding_epsilon,
            encoding_noise=sigma,
            n_histograms=self.n_histograms,
            accountant_delta=self.delta,
        )

    @property
    def _outside(self) -> float:
        """Epsilon that the accountant does not see.

        Without the rare event that a value of one row is released, all other outputs are more
        likely by a factor of 1 / (1 - delta of it).
        """
        return self.rows_epsilon - self.n_open * math.log1p(-self.new_value_delta)


def _least(spent: Callable[[float], float], wanted: float, config: DPConfig) -> float:
    """Find the least noise that spends at most ``wanted``, up to a thousandth of it.

    Raises:
        ConfigError: If no noise is enough.
    """
    low, high = 0.0, 1.0
    while spent(high) > wanted:
        low, high = high, 2 * high
        if high > _MOST_NOISE:
            raise ConfigError(
                f"training.dp: no noise is enough for epsilon {config.epsilon} and delta "
                f"{config.delta}: train fewer epochs, or choose a larger epsilon"
            )
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if spent(middle) > wanted else (low, middle)
    return high
