"""Contingency tables of very many categories, of which only the occupied cells are counted."""

import numpy as np
import pytest

from tabvae_ray.comparison.scores.column_pairs import (
    is_large,
    n_large_pairs,
    occupied_cells,
    total_variation,
)


@pytest.mark.parametrize("n_codes", [3, 700, 60_000])
def test_occupied_cells_are_those_of_the_whole_table(n_codes: int) -> None:
    first, second = np.random.default_rng(0).integers(0, n_codes, (2, 2_000))
    cells, counts = occupied_cells(first, second, n_codes)
    expected = np.unique(first * n_codes + second, return_counts=True)
    assert np.array_equal(cells, expected[0])
    assert np.array_equal(counts, expected[1])


# Cells of the last one need more than 32 bits.
@pytest.mark.parametrize("n_codes", [3, 700, 60_000])
def test_total_variation_is_that_of_the_whole_table(n_codes: int) -> None:
    rng = np.random.default_rng(0)
    # Fifty codes of each column, so that both tables share cells.
    some = np.sort(rng.permutation(n_codes)[:50])
    sides = [(rng.choice(some, n), rng.choice(some, n)) for n in (2_000, 1_500)]
    shares: dict[int, float] = {}
    for sign, (one, other) in zip((1, -1), sides, strict=True):
        for cell in (one * n_codes + other).tolist():
            shares[cell] = shares.get(cell, 0.0) + sign / len(one)
    expected = sum(map(abs, shares.values())) / 2
    assert total_variation(sides, n_codes) == pytest.approx(expected, abs=1e-12)


def test_large_pairs_are_counted() -> None:
    sizes = np.random.default_rng(1).integers(1, 500, 40)
    first, second = np.triu_indices(len(sizes), 1)
    assert n_large_pairs(sizes) == int(is_large(sizes, first, second).sum())
    assert n_large_pairs(np.array([], dtype=np.intp)) == 0
