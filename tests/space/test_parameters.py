"""Values of parameters and weights of objectives that are just allowed, or just not."""

import pytest

from tabvae_ray.errors import ConfigError
from tabvae_ray.space.parameters import FloatParameter, value_at, value_error
from tabvae_ray.space.select_rule import parse_select
from tabvae_ray.space.space_file import parse_space


def test_steps_end_at_the_end_of_a_range() -> None:
    """In floating-point numbers 0.1 + 2 * 0.1 is above 0.3, and a search refuses such a record."""
    parameter = FloatParameter(type="float", low=0.1, high=0.3, step=0.1)
    values = [value_at(parameter, position / 16) for position in range(16)]
    assert values == [0.1] * 6 + [0.2] * 5 + [0.3] * 5
    assert all(value_error(parameter, value) is None for value in values)


@pytest.mark.parametrize("weights", ["inf,1", "1e308,1e308", "nan,1", "0,0", "-1,2"])
def test_weights_of_objectives_have_a_finite_sum_above_0(weights: str) -> None:
    with pytest.raises(ConfigError, match="weights must be 2 numbers >= 0"):
        parse_select(f"weights {weights}", ["pair_trends", "detection"])
    assert parse_select("weights 0,2.5", ["pair_trends", "detection"]) == [0.0, 2.5]


def test_early_stopping_on_held_out_rows_is_not_searched_without_any() -> None:
    stopping = {"type": "categorical", "choices": ["none", "holdout"]}
    space = {"parameters": {"training.early_stopping": stopping}}
    parse_space(space)
    with pytest.raises(ConfigError, match=r"early_stopping\.choices: holdout needs held-out rows"):
        parse_space({**space, "base": {"validation": {"holdout_fraction": 0}}})
