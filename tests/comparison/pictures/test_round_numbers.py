"""Round numbers on axes: few, inside the range, and each with a text of its own."""

import pytest

from tabvae_ray.comparison.pictures.round_numbers import round_numbers, round_powers


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.1, 0.35, ["0.1", "0.15", "0.2", "0.25", "0.3", "0.35"]),
        (-0.1, 0.3, ["-0.1", "0", "0.1", "0.2"]),
        (0.0, 1e7, ["0", "2e+06", "4e+06", "6e+06", "8e+06", "1e+07"]),
        (7.5, 8.5, ["7.6", "7.8", "8", "8.2", "8.4"]),
    ],
)
def test_numbers_are_round_and_inside(low: float, high: float, texts: list[str]) -> None:
    assert [text for _, text in round_numbers(low, high, 6)] == texts


@pytest.mark.parametrize(("low", "high"), [(0.6, 3.4), (6.65, 7.35), (1.0, 17.0), (0.0, 12345.0)])
def test_whole_numbers_stay_whole(low: float, high: float) -> None:
    found = round_numbers(low, high, 6, whole=True)
    assert found
    assert all(value == round(value) and low <= value <= high for value, _ in found)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (3.9, 33.0, ["5", "10", "20"]),
        (9e-4, 0.99, ["0.001", "0.01", "0.1"]),
        (0.01, 3.0, ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]),
    ],
)
def test_logarithmic_axes_have_ones_twos_and_fives(
    low: float, high: float, texts: list[str]
) -> None:
    assert [text for _, text in round_powers(low, high)] == texts


@pytest.mark.parametrize(("low", "high"), [(1e-100, 1e100), (2.0, 2.001), (1e-8, 1e3)])
def test_a_logarithmic_axis_has_a_few_numbers_at_any_range(low: float, high: float) -> None:
    found = round_powers(low, high)
    assert 2 <= len(found) <= 9
    assert all(low <= value <= high for value, _ in found)
