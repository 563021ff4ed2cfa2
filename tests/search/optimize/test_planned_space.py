from typing import Any

import pytest

from tabvae_ray.search.optimize.planned_space import as_planned, planned_space, rungs_of
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space


def test_epochs_and_rungs_shrink_together(tiny: dict[str, Any]) -> None:
    tiny["base"]["training"]["max_n_epochs"] = 60
    tiny["search"]["grace_period"] = 20
    space = parse_space(tiny)
    assert rungs_of(space) == (20, 60)
    assert rungs_of(planned_space(space, 30)) == (10, 30)
    assert rungs_of(planned_space(space, 1)) == (1,)


def test_a_space_is_planned_once(space: SearchSpace) -> None:
    plan = {"epochs": 4, "wanted": 9}
    once = as_planned(space, plan)
    assert once.budget == 4
    assert as_planned(once, plan) == once
    assert as_planned(space, None) is space


@pytest.mark.parametrize("epochs", range(1, 10))
def test_a_planned_space_can_be_read_again(space: SearchSpace, epochs: int) -> None:
    planned = planned_space(space, epochs)
    assert parse_space(planned.to_mapping()).budget == planned.budget == epochs
