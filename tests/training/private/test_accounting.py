"""Accounting of differential privacy, beside Opacus' own."""

import pytest
from opacus.accountants import RDPAccountant

from tabvae_ray.config import DPConfig
from tabvae_ray.errors import ConfigError
from tabvae_ray.training.private.accounting import ORDERS, Budget, epsilon_of


def _budget(epsilon: float = 2.0, n_histograms: int = 9, n_open: int = 0) -> Budget:
    return Budget(DPConfig(epsilon=epsilon, delta=1e-5), n_histograms, n_open)


def test_epsilon_is_that_of_opacus_after_the_same_steps() -> None:
    budget = _budget()
    sigma = budget.encoding_noise()
    guarantee = budget.guarantee(sigma, n_rows=1000, batch_size=100, n_epochs=3)
    accountant = RDPAccountant()
    # Nine histograms together have a sensitivity of 3.
    accountant.step(noise_multiplier=sigma / 3, sample_rate=1.0)
    for _ in range(30):
        accountant.step(noise_multiplier=guarantee.noise_multiplier, sample_rate=0.1)
    own = accountant.get_epsilon(budget.delta, alphas=list(ORDERS))
    assert guarantee.epsilon == pytest.approx(own + budget.rows_epsilon, rel=1e-9)
    assert epsilon_of(guarantee.events, budget.delta) == pytest.approx(own, rel=1e-9)
    # Opacus' own orders are denser, so they bound epsilon a little better.
    assert accountant.get_epsilon(budget.delta) <= own <= 1.05 * accountant.get_epsilon(1e-5)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 10.0])
def test_the_budget_is_kept_and_nearly_used(epsilon: float) -> None:
    budget = _budget(epsilon, n_open=4)
    sigma = budget.encoding_noise()
    guarantee = budget.guarantee(sigma, n_rows=10_000, batch_size=256, n_epochs=5)
    assert 0.99 * epsilon < guarantee.epsilon <= epsilon
    assert budget.encoding_epsilon + budget.rows_epsilon == pytest.approx(epsilon / 2)
    assert budget.delta + 4 * budget.new_value_delta == pytest.approx(1e-5)


def test_more_epochs_take_more_noise() -> None:
    budget = _budget()
    sigma = budget.encoding_noise()
    few, many = (budget.guarantee(sigma, 1000, 100, n).noise_multiplier for n in (1, 20))
    assert many > 1.5 * few


def test_a_value_of_one_row_is_hardly_ever_released() -> None:
    from scipy.stats import norm

    budget = _budget(n_open=5)
    chance = norm.sf((budget.threshold(10.0) - 1.5) / 10.0)
    assert 5 * chance == pytest.approx(1e-6)
    assert _budget().threshold(10.0) == float("inf")


def test_a_delta_that_is_no_protection_is_refused() -> None:
    budget = Budget(DPConfig(epsilon=1, delta=0.01), 1, 0)
    with pytest.raises(ConfigError, match=r"must be below 1 / rows, about 0\.002, but got 0\.01"):
        budget.guarantee(1.0, n_rows=500, batch_size=10, n_epochs=1)
