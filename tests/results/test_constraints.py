import pytest

from tabvae_ray.results.constraints import (
    bounds_text,
    broken_by_training,
    broken_in_words,
    is_broken,
    keeps_constraints,
    total_violation,
    violations,
)
from tabvae_ray.space.search_space import Constraint
from tabvae_ray.space.space_file import parse_space
from tests.support.records import finished


def test_a_violation_says_how_far_each_bound_is_broken(tiny: dict) -> None:
    tiny["constraints"] = {"kl": {"min": 1.0, "max": 3.0}, "mean_js_distance": {"min": 0.5}}
    space = parse_space(tiny)
    assert violations({"kl": 4.0, "mean_js_distance": 0.25}, space) == {
        "kl >= 1": -3.0,
        "kl <= 3": 1.0,
        "mean_js_distance >= 0.5": 0.25,
    }
    assert total_violation({"kl": 4.0, "mean_js_distance": 0.25}, space) == 1.25
    assert total_violation({"kl": 2.0, "mean_js_distance": 0.5}, space) == 0
    assert total_violation({"kl": None, "mean_js_distance": 0.5}, space) == 1e9


def test_a_trial_keeps_the_constraints_by_its_last_report(tiny: dict) -> None:
    tiny["constraints"] = {"mean_js_distance": {"max": 0.3}}
    space = parse_space(tiny)
    assert keeps_constraints(finished(0, "COMPLETE", 9, js=0.3), space)
    assert not keeps_constraints(finished(0, "COMPLETE", 9, js=0.31), space)


def test_what_attackers_learn_is_told_with_its_bound(tiny: dict) -> None:
    """Other scores than those of attacks may be kept again by training on."""
    bounds = {"membership": {"max": 0.55}, "dcr_share": {"max": 0.6}, "kl": {"max": 1.0}}
    space = parse_space(tiny | {"constraints": bounds})
    scores = {"membership": 0.5583, "dcr_share": 0.6, "kl": 4.0}
    assert broken_by_training(scores, space) == ["membership is 0.558 (must be at most 0.55)"]
    assert broken_by_training({"membership": None, "kl": 4.0}, space) == []


@pytest.mark.parametrize(
    ("bounds", "text", "value", "broken"),
    [
        ({"min": 0.25}, "at least 0.25", 0.25, False),
        ({"min": 0.25}, "at least 0.25", 0.2, True),
        ({"max": 0.65}, "at most 0.65", 0.7, True),
        ({"min": 0.0, "max": 0.65}, "at least 0 and at most 0.65", 0.3, False),
    ],
)
def test_one_score_is_told_against_its_bounds(
    bounds: dict[str, float], text: str, value: float, broken: bool
) -> None:
    constraint = Constraint(**bounds)
    assert bounds_text(constraint) == text
    assert is_broken(value, constraint) is broken


def test_broken_constraints_are_named_with_their_scores(tiny: dict) -> None:
    bounds = {"detection": {"min": 0.99}, "dcr_share": {"max": 0.6}, "kl": {"max": 1.0}}
    space = parse_space(tiny | {"constraints": bounds})
    scores = {"detection": 0.4, "dcr_share": 0.5}
    assert broken_in_words(scores, space) == ["detection at least 0.99 (0.400)"]
