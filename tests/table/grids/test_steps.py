"""Decimals and steps that a few odd values do not change."""

import numpy as np
import pytest

from tabvae_ray.table.grids.steps import common_step, decimals_of, ends_on_grid, number_step

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("rows", "decimals"), [(1_000, 2), (150, 6)])
def test_one_odd_cell_in_a_thousand_does_not_change_the_decimals(rows: int, decimals: int) -> None:
    prices = np.round(RNG.uniform(0, 200, rows), 2)
    prices[7] = 1.234567
    assert decimals_of(prices, np.float64) == decimals


def test_noise_of_arithmetic_is_not_a_decimal() -> None:
    assert decimals_of(RNG.integers(1, 9_999, 300) * 0.01 * 1.1 / 1.1, np.float64) == 2
    assert decimals_of(np.array([5e-324, 1.0]), np.float64) is None
    assert decimals_of(RNG.normal(size=300), np.float64) is None


def test_rare_values_of_many_decimals_among_zeros_are_kept() -> None:
    values = np.zeros(1_000)
    values[:4] = [0.1234, 0.2345, 0.3456, 0.4567]
    assert decimals_of(values, np.float64) == 4


@pytest.mark.parametrize(
    ("step", "offset", "decimals", "expected"),
    [(100, 0, 0, 100), (7, 3, 0, 7), (25, 0, 2, 0.25), (5, 2, 2, 0.05), (1, 0, 2, None)],
)
def test_numbers_have_a_step_but_for_one_odd_value(
    step: int, offset: int, decimals: int, expected: float | None
) -> None:
    units = RNG.integers(0, 500, 800) * step + offset
    units[3] += 1
    found = number_step(np.round(units / 10**decimals, decimals), decimals)
    assert (None if found is None else found[0]) == expected


def test_few_numbers_have_a_step_by_chance() -> None:
    assert number_step(np.array([2.0, 4.0, 8.0, 12.0]), 0) is None


def test_the_ends_of_a_grid_lie_between_those_of_the_values() -> None:
    assert ends_on_grid(np.array([-7, 13]), 10, 0) == (0, 10)
    values = np.append(np.arange(-120, 126, 5.0).repeat(6), 127.0)
    assert number_step(values, 0) == (5, -120, 125)


def test_the_step_of_dates_does_not_depend_on_one_of_them() -> None:
    ticks = RNG.integers(0, 900, 600) * 86_400
    ticks[5] += 3_333
    assert common_step(ticks)[0] == 86_400
    assert common_step(ticks[:100])[0] == 3
