"""Differential privacy and attacks: what epsilon allows, and the epsilon that an attack shows."""

import math

import numpy as np

from tabvae_ray.comparison.reading.table_columns import Floats

__all__ = ["most_right_guesses", "shown_epsilon"]

_LARGEST = 50.0


def most_right_guesses(epsilon: float, delta: float = 0.0) -> float:
    """Return the largest chance to guess rightly whether a row was in the table.

    The row was in it with a chance of one half, and the attacker knows everything else. The bound
    follows from the total variation distance that epsilon and delta allow (Kairouz, Oh & Viswanath
    2015).
    """
    # exp overflows beyond 709.
    return (1.0 + delta * math.exp(-epsilon)) / (1.0 + math.exp(-epsilon))


def shown_epsilon(
    members: Floats, non_members: Floats, *, n_guesses: int, confidence: float = 0.95
) -> float:
    """Return an epsilon that the training exceeds with the given confidence; 0 if none is shown.

    This is the audit of Steinke, Nasr & Jagielski (2023, arXiv 2305.08846) for a single training.
    The attacker says of the rows with the largest values that they were in the table, and of as
    many rows with the smallest values that they were not. If each row was included with a chance
    of one half, independently of the others, the number of right guesses is at most that of
    independent guesses with the chance of :func:`most_right_guesses`.

    Args:
        members: Values of the attack for rows that were included; larger ones mean "member".
        non_members: Values for rows that were not.
        n_guesses: Number of guesses, half of them on each side.
        confidence: Chance that the result is right.
    """
    # Takes over a second to import, which no trial needs.
    from scipy.stats import binom

    values = np.concatenate((members, non_members))
    is_member = np.repeat([True, False], [len(members), len(non_members)])
    # Ties are broken by chance, because members come first.
    order = np.lexsort((np.random.default_rng(0).random(len(values)), values))
    half = min(n_guesses, len(values)) // 2
    right = int(is_member[order[len(order) - half :]].sum() + (~is_member[order[:half]]).sum())

    def is_refuted(epsilon: float) -> bool:
        chance = most_right_guesses(epsilon)
        return float(binom.sf(right - 1, 2 * half, chance)) <= 1 - confidence

    if not is_refuted(0.0):
        return 0.0
    low, high = 0.0, _LARGEST
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if is_refuted(middle) else (low, middle)
    return low
