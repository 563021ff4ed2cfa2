"""What epsilon allows an attacker, and the epsilon that an attack shows."""

import math

import numpy as np
import pytest

from tabvae_ray.comparison.scores.membership.bounds import most_right_guesses, shown_epsilon


def test_the_chance_of_a_right_guess_follows_from_epsilon_and_delta() -> None:
    assert most_right_guesses(0.0) == 0.5
    assert most_right_guesses(1.0) == pytest.approx(math.e / (1 + math.e))
    assert most_right_guesses(0.0, 1.0) == pytest.approx(1.0)
    # Randomised response is as good as the bound: it tells the truth with this chance.
    assert most_right_guesses(math.log(3)) == pytest.approx(0.75)
    assert most_right_guesses(5000.0) == 1.0


def test_randomised_response_is_never_shown_to_spend_more_than_it_does() -> None:
    rng = np.random.default_rng(0)
    epsilon, n, wrong = 1.0, 400, 0
    chance = most_right_guesses(epsilon)
    for _ in range(60):
        included = rng.random(n) < 0.5
        # The released bit is the truth with the chance that epsilon allows.
        values = np.where(rng.random(n) < chance, included, ~included) * 1.0
        shown = shown_epsilon(values[included], values[~included], n_guesses=n)
        wrong += shown > epsilon
        assert shown > 0.4
    # One in twenty may be wrong.
    assert wrong <= 8


def test_a_perfect_attack_shows_much_and_a_blind_one_nothing() -> None:
    ones, zeros = np.ones(100), np.zeros(100)
    # All 100 of 100 guesses are right: 0.05 ** (1 / 100) is the chance that this refutes.
    chance = 0.05 ** (1 / 100)
    wanted = math.log(chance / (1 - chance))
    assert shown_epsilon(ones, zeros, n_guesses=100) == pytest.approx(wanted, abs=1e-3)
    assert shown_epsilon(zeros, zeros, n_guesses=100) == 0.0
