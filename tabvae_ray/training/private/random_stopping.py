"""The cost in privacy of choosing the best of several private trainings.

The best of a fixed number of trainings tells more about the rows than one training does. A number
that is drawn independently of the rows bounds that (Liu & Talwar 2019; Papernot & Steinke 2022,
Hyperparameter tuning with Renyi differential privacy, arXiv 2110.03620). All trials must be
independent draws of one procedure with a private score, and only the best one is released.
"""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["best_of_trials_rdp", "drawn_trials"]


def drawn_trials(mean: float, rng: np.random.Generator) -> int:
    """Draw the number of trials, at least 1, from the geometric distribution with a mean."""
    return int(rng.geometric(1 / mean))


def best_of_trials_rdp(rdp: Sequence[float], orders: Sequence[float], mean: float) -> list[float]:
    """Return the Renyi differential privacy of the best of a random number of trials.

    This is theorem 2 of Papernot & Steinke for the geometric distribution (eta = 1).

    Args:
        rdp: Renyi differential privacy of one trial, by order.
        orders: The orders.
        mean: Mean of the number of trials.
    """
    pairs = list(zip(orders, rdp, strict=True))
    second = min(2 * (1 - 1 / order) * value + 2 * math.log(mean) / order for order, value in pairs)
    return [value + second + math.log(mean) / (order - 1) for order, value in pairs]
