"""What a space adds where the spec names a target."""

import pytest
import yaml

from tabvae_ray.errors import ConfigError
from tabvae_ray.space.named_spaces import named_space
from tabvae_ray.space.select_rule import parse_select
from tabvae_ray.space.space_file import load_space, parse_space
from tabvae_ray.space.space_yaml import space_yaml

_TINY = {
    "parameters": {"architecture.latent_dim": {"type": "int", "low": 2, "high": 4}},
    "with_target": {"objectives": {"tstr": "maximize"}, "select": "weights 1,1,3"},
}


@pytest.mark.parametrize("name", ["small", "full"])
def test_the_spaces_of_the_package_search_for_usefulness(name: str) -> None:
    space = load_space(str(named_space(name)))
    assert "tstr" not in space.for_target(has_target=False).objectives
    with_target = space.for_target(has_target=True)
    assert with_target.objectives == {**space.objectives, "tstr": "maximize"}
    parse_select(with_target.settings.select, list(with_target.objectives), constrained=True)


def test_objectives_and_choice_are_those_of_the_table() -> None:
    space = parse_space(_TINY)
    with_target, without = (space.for_target(has_target=has) for has in (True, False))
    assert list(with_target.objectives)[-1] == "tstr"
    assert with_target.settings.select == "weights 1,1,3"
    assert without.settings.select == "ideal"
    assert with_target.with_target is None
    assert parse_space(with_target.to_mapping()).objectives == with_target.objectives


def test_the_section_survives_being_written() -> None:
    space = parse_space(_TINY)
    again = parse_space(yaml.safe_load(space_yaml(space)))
    assert again.with_target == space.with_target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objectives": {"tstr": "minimize"}}, "with_target.objectives.tstr: must be maximize"),
        ({"objectives": {"usefull": "maximize"}}, "with_target.objectives.usefull: no such score"),
        (
            {"objectives": {"mean_js_distance": "minimize"}},
            "with_target.objectives.mean_js_distance: is among the objectives already",
        ),
        ({"select": "weights 1,2"}, "with_target.select: weights must be 3 numbers"),
        ({"objectives": {}}, "with_target.objectives"),
    ],
)
def test_what_is_wrong_in_the_section_is_named(change: dict, message: str) -> None:
    space = {**_TINY, "with_target": {**_TINY["with_target"], **change}}
    with pytest.raises(ConfigError, match=message):
        parse_space(space)


def test_weights_of_the_section_search_must_suit_a_target_as_well() -> None:
    space = {**_TINY, "search": {"select": "weights 1,2"}}
    parse_space(space)
    del space["with_target"]
    parse_space(space)
    space["with_target"] = {"objectives": {"tstr": "maximize"}}
    with pytest.raises(ConfigError, match=r"with_target\.select: weights must be 3 numbers"):
        parse_space(space)
