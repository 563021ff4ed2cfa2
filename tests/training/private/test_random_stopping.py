"""What choosing the best of several private trainings spends."""

import math

import numpy as np
import pytest
from opacus.accountants.analysis.rdp import compute_rdp

from tabvae_ray.config import DPConfig
from tabvae_ray.training.private.accounting import (
    ORDERS,
    Budget,
    epsilon_of,
    search_epsilon_of,
)
from tabvae_ray.training.private.random_stopping import best_of_trials_rdp, drawn_trials

TRIAL = [(3.0, 0.01, 1000)]


def test_the_bound_is_theorem_2_of_papernot_and_steinke() -> None:
    # The formula of the theorem for any eta, on a dense grid of second orders.
    eta, gamma, mean = 1, 1 / 6, 6.0
    assert eta * (1 - gamma) / (gamma * (1 - gamma**eta)) == pytest.approx(mean)
    rdp = {order: order / (2 * 4.0**2) for order in ORDERS}
    found = best_of_trials_rdp(list(rdp.values()), ORDERS, mean)
    dense = np.linspace(1, 512, 100_000)
    second = (
        (1 + eta) * (1 - 1 / dense) * dense / 32 + (1 + eta) * math.log(1 / gamma) / dense
    ).min()
    for order, value in zip(ORDERS, found, strict=True):
        wanted = rdp[order] + second + math.log(mean) / (order - 1)
        assert wanted - 1e-9 <= value <= wanted * 1.01


def test_the_number_of_trials_has_the_mean_and_is_never_0() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([drawn_trials(5.0, rng) for _ in range(5000)])
    assert drawn.min() == 1
    assert drawn.mean() == pytest.approx(5, rel=0.05)
    # The geometric distribution; its second moment tells it from others.
    assert drawn.var() == pytest.approx(5 * 4, rel=0.15)


def test_a_search_of_one_trial_costs_nearly_what_the_theorem_says_at_least() -> None:
    encoding = [(10.0, 1.0, 1)]
    one = epsilon_of([*encoding, *TRIAL], 1e-6)
    found = [search_epsilon_of(encoding, TRIAL, mean, 1e-6) for mean in (2.0, 4.0, 16.0)]
    assert one < found[0] < found[1] < found[2]
    # Far less than the sum of all trials, by any composition.
    assert found[2] < epsilon_of([(3.0, 0.01, 16_000)], 1e-6)


def test_the_encoding_is_paid_for_once() -> None:
    orders = list(ORDERS)
    encoding, trial = (5.0, 1.0, 1), (2.0, 0.02, 500)
    best = best_of_trials_rdp(
        compute_rdp(q=0.02, noise_multiplier=2.0, steps=500, orders=orders).tolist(), ORDERS, 3.0
    )
    total = [a / (2 * 25) + b for a, b in zip(orders, best, strict=True)]
    wanted = min(
        value - (math.log(1e-6) + math.log(a)) / (a - 1) + math.log((a - 1) / a)
        for a, value in zip(orders, total, strict=True)
    )
    assert search_epsilon_of([encoding], [trial], 3.0, 1e-6) == pytest.approx(wanted)


def test_the_budget_is_that_of_the_whole_search() -> None:
    budget = Budget(DPConfig(epsilon=3.0, delta=1e-6), 10, 2)
    sigma = budget.encoding_noise()
    alone = budget.guarantee(sigma, 20_000, 500, 5)
    search = budget.guarantee(sigma, 20_000, 500, 5, mean_trials=4.0)
    assert 0.99 * 3 < search.epsilon <= 3
    assert search.trial_epsilon is not None and search.score_noise is not None
    assert search.trial_epsilon < 0.9 * search.epsilon
    assert search.noise_multiplier > alone.noise_multiplier
    assert search.to_mapping()["mean_trials"] == 4.0
    assert "trial_epsilon" not in alone.to_mapping()
