"""Draws of codes: each row by its own chances, and all rows with less chance than each alone."""

import pytest
import torch
from torch import Tensor

from tabvae_ray.model.draw import Draw

ROUNDS = 400


def drawn(logits: Tensor, seed: int, temperature: float = 1.0) -> Tensor:
    return Draw(temperature, True, torch.Generator().manual_seed(seed))(logits)


@pytest.fixture
def logits() -> Tensor:
    """Return logits of rows that differ, each with a code that cannot be drawn."""
    found = torch.randn(90, 4, generator=torch.Generator().manual_seed(0)) * 2
    found[:, 2] = -torch.inf
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_each_row_is_drawn_by_its_own_chances(logits: Tensor, temperature: float) -> None:
    shares = torch.softmax(logits / temperature, 1)
    counts = torch.zeros_like(shares)
    for seed in range(ROUNDS):
        counts[torch.arange(len(logits)), drawn(logits, seed, temperature)] += 1
    assert (counts[:, 2] == 0).all()
    # Pearson's statistic has 2 degrees of freedom per row: mean 180, standard deviation 19.
    expected = (shares * ROUNDS)[:, [0, 1, 3]]
    statistic = ((counts[:, [0, 1, 3]] - expected).square() / expected.clamp(min=1e-3)).sum()
    assert statistic < 180 + 4 * 19


def test_codes_of_all_rows_are_as_many_as_expected(logits: Tensor) -> None:
    # Rows of three kinds, in turns.
    logits = logits[:3].repeat(30, 1)
    shares = torch.softmax(logits, 1)
    expected = shares.sum(0)
    by_chance = (shares * (1 - shares)).sum(0)
    excess = torch.zeros(4)
    for seed in range(ROUNDS):
        excess += (torch.bincount(drawn(logits, seed), minlength=4) - expected).square()
    kept = [0, 1, 3]
    assert (excess[kept] / ROUNDS < 0.2 * by_chance[kept]).all()


@pytest.mark.parametrize("together", [False, True])
def test_columns_of_the_same_chances_are_independent(together: bool) -> None:
    logits = torch.tensor([0.7, 0.0, -0.4]).expand(400, 2, 3)
    shares = torch.softmax(logits[0, 0], 0)
    total = torch.zeros(3, 3)
    for seed in range(ROUNDS):
        if together:
            first, second = drawn(logits, seed).T
        else:
            draw = Draw(1.0, True, torch.Generator().manual_seed(seed))
            first, second = draw(logits[:, 0]), draw(logits[:, 1])
        total += torch.bincount(3 * first + second, minlength=9).view(3, 3)
    found = total / total.sum()
    # A share of 160,000 pairs varies by about 0.001.
    assert torch.allclose(found, shares[:, None] * shares, atol=0.004)


def test_a_single_row_is_drawn_by_its_chances() -> None:
    logits = torch.tensor([[0.0, 1.0]])
    ones = sum(int(drawn(logits, seed)) for seed in range(2000))
    assert abs(ones / 2000 - torch.sigmoid(torch.tensor(1.0))) < 0.04


def test_the_same_seed_draws_the_same(logits: Tensor) -> None:
    assert torch.equal(drawn(logits, 7), drawn(logits, 7))
    assert not torch.equal(drawn(logits, 7), drawn(logits, 8))
