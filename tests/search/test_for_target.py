"""Usefulness among the objectives of a search, where the spec names a target."""

from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray.bounded_yaml import parse_yaml
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.search.display.table_summary import choice_lines
from tabvae_ray.search.inputs import SearchInputs, prepare_inputs
from tests.support.spaces import SPACES

_HEART = Path(__file__).parents[2] / "assets" / "heart.csv"


def _inputs(folder: Path, spec: dict | None, **options: object) -> SearchInputs:
    return prepare_inputs(spec=spec, out=str(folder), **{"space": "small", **options})


def test_a_target_makes_usefulness_an_objective(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, {"target": "HeartDisease"})
    assert list(inputs.space.objectives)[-1] == "tstr"
    assert "tstr" in inputs.comparison.plan.scores
    # Small models, several of them.
    assert inputs.comparison.plan.options.usefulness_draws == 3
    assert inputs.comparison.plan.options.usefulness_trees < 100
    assert inputs.manifest(resources={}).space["objectives"]["tstr"] == "maximize"
    assert "an objective as well, because the target is 'HeartDisease'" in "\n".join(
        choice_lines(inputs)
    )


def test_a_target_that_is_named_apart_counts_more_than_those_of_spec_and_space(
    tmp_path: Path,
) -> None:
    inputs = _inputs(tmp_path, None, target="HeartDisease")
    assert "tstr" in inputs.space.objectives
    assert inputs.spec.target == "HeartDisease"
    inputs = _inputs(tmp_path, {"target": "Sex"}, target="HeartDisease")
    assert inputs.spec.target == "HeartDisease"
    document = {**parse_yaml((SPACES / "small.yaml").read_text()), "comparison": {"target": "Sex"}}
    inputs = _inputs(tmp_path, None, space=document, target="HeartDisease")
    assert inputs.space.comparison.target == "HeartDisease"
    assert inputs.comparison.plan.options.target == "HeartDisease"
    # With the space auto, too.
    inputs = _inputs(tmp_path, None, space="auto", target="HeartDisease")
    assert "tstr" in inputs.space.objectives


def test_a_target_that_is_no_column_or_dropped_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="--target: there is no column 'HeartDiseas'; did you mean HeartDisease"
    ):
        _inputs(tmp_path, None, target="HeartDiseas")
    with pytest.raises(DataError, match="--target: column 'Sex' is dropped by the spec"):
        _inputs(tmp_path, {"drop": ["Sex"]}, target="Sex")
    with pytest.raises(ConfigError, match="--target: must not be empty"):
        _inputs(tmp_path, None, target="")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (None, "no target is named"),
        ({"target": "Constant"}, "'Constant' does not vary in the 91 held-out rows"),
        ({"target": "Name"}, "has 60 categories, more than 50"),
    ],
)
def test_without_a_usable_target_the_search_goes_without_and_says_why(
    tmp_path: Path, spec: dict | None, reason: str
) -> None:
    table = pd.read_csv(_HEART)
    table["Constant"] = ["b"] + ["a"] * (len(table) - 1)
    table["Name"] = [f"n{i % 60}" for i in range(len(table))]
    inputs = _inputs(tmp_path, spec, data=table, name="none")
    assert "tstr" not in inputs.space.objectives
    assert reason in inputs.about_target
    assert inputs.about_target.startswith("tstr: not an objective")


def test_the_choice_of_the_user_is_one_for_the_objectives_there_are(tmp_path: Path) -> None:
    weights = {"select": "weights 1,1,1,2"}
    inputs = _inputs(tmp_path, {"target": "HeartDisease"}, settings=weights)
    assert inputs.space.settings.select == "weights 1,1,1,2"
    with pytest.raises(ConfigError, match="weights must be 3 numbers"):
        _inputs(tmp_path, None, settings=weights)
    with pytest.raises(ConfigError, match="select: must be one of"):
        _inputs(tmp_path, {"target": "HeartDisease"}, settings={"select": "useful"})


def test_a_search_that_began_without_it_goes_on_without_it(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, None)
    manifest = inputs.manifest(resources={})
    manifest.state = "interrupted"
    manifest.write(inputs.directory)
    again = _inputs(tmp_path, {"target": "HeartDisease"}, resume=True, name=inputs.name)
    assert "tstr" not in again.space.objectives
    assert "the search began without it" in again.about_target
