import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tabvae_ray.errors import ConfigError
from tabvae_ray.results.pareto import (
    Ranking,
    as_losses,
    choose,
    epsilon_net_order,
    front,
    hypervolume,
    non_dominated_ranks,
    rank_order,
)
from tabvae_ray.space.select_rule import parse_select

points = st.integers(1, 25).flatmap(
    lambda n: st.integers(1, 4).flatmap(
        lambda m: arrays(np.float64, (n, m), elements=st.integers(0, 6).map(float))
    )
)


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a <= b).all() and (a < b).any())


@given(points)
def test_the_front_is_what_nothing_dominates(losses: np.ndarray) -> None:
    expected = [i for i, a in enumerate(losses) if not any(dominates(b, a) for b in losses)]
    assert front(losses) == expected


@given(points)
def test_ranks_are_fronts_after_the_fronts_before_are_taken_away(losses: np.ndarray) -> None:
    ranks = non_dominated_ranks(losses)
    left = np.arange(len(losses))
    rank = 0
    while len(left):
        now = left[front(losses[left])]
        assert (ranks[now] == rank).all()
        left = np.setdiff1d(left, now)
        rank += 1


@given(points)
def test_an_order_has_every_point_once_and_no_point_before_one_that_dominates_it(
    losses: np.ndarray,
) -> None:
    order = rank_order(losses)
    assert sorted(order) == list(range(len(losses)))
    place = {point: position for position, point in enumerate(order)}
    for i, a in enumerate(losses):
        for j, b in enumerate(losses):
            if dominates(a, b):
                assert place[i] < place[j]


@settings(deadline=None)
@given(points)
def test_points_that_come_one_by_one_are_ranked_as_all_together(losses: np.ndarray) -> None:
    ranking = Ranking(losses.shape[1])
    for i, point in enumerate(losses):
        ranking.add(point.tolist())
        place = rank_order(losses[: i + 1]).index(i)
        assert [ranking.last_is_among(n) for n in range(i + 2)] == [place < n for n in range(i + 2)]


@given(points, st.integers(1, 30))
def test_the_first_of_an_epsilon_net_do_not_depend_on_how_many_are_wanted(
    losses: np.ndarray, n: int
) -> None:
    assert epsilon_net_order(losses, n) == epsilon_net_order(losses)[:n]


@given(points)
def test_hypervolume_is_optunas(losses: np.ndarray) -> None:
    reference = np.full(losses.shape[1], 6.0)
    expected = optuna._hypervolume.compute_hypervolume(losses[(losses < 6).all(axis=1)], reference)
    assert hypervolume(losses, reference.tolist()) == pytest.approx(expected, abs=1e-9)


@given(points, st.data())
def test_hypervolume_never_falls_when_a_point_comes(
    losses: np.ndarray, data: st.DataObject
) -> None:
    reference = [6.0] * losses.shape[1]
    n = data.draw(st.integers(1, len(losses)))
    assert hypervolume(losses, reference) >= hypervolume(losses[:n], reference) - 1e-9


def test_an_epsilon_net_begins_balanced_and_then_takes_the_farthest() -> None:
    losses = np.array([[0.0, 1.0], [0.1, 0.8], [0.4, 0.4], [0.8, 0.1], [1.0, 0.0]])
    order = epsilon_net_order(losses)
    assert order[0] == 2
    assert set(order[1:3]) == {0, 4}


def test_what_is_maximised_is_a_loss_with_its_sign_turned() -> None:
    assert as_losses([[1.0, 2.0]], ["minimize", "maximize"]).tolist() == [[1.0, -2.0]]


def test_choosing_follows_the_rule() -> None:
    losses = np.array([[0.0, 1.0], [0.3, 0.3], [1.0, 0.0]])
    assert choose(losses, "ideal") == 1
    assert choose(losses, "knee") == 1
    assert choose(losses, 0) == 0
    assert choose(losses, 1) == 2
    assert choose(losses, [10.0, 1.0]) == 0


def test_of_two_ends_the_smaller_sacrifice_is_nearer_to_the_ideal() -> None:
    assert choose(np.array([[0.085, 0.067], [0.064, 0.071]]), "ideal") == 1
    assert choose(np.array([[0.064, 0.071], [0.085, 0.067]]), "ideal") == 0


@pytest.mark.parametrize(
    "text", ["best", "weights 1", "weights -1,2", "weights 0,0", "weights a,b"]
)
def test_an_unknown_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"but got '{text}'"):
        parse_select(text, ["a", "b"])


def test_the_rule_constraint_is_for_searches_that_have_some() -> None:
    assert parse_select("constraint", ["a"], constrained=True) == "constraint"
    with pytest.raises(ConfigError, match="constraint needs constraints"):
        parse_select("constraint", ["a"])


def test_rules_are_read() -> None:
    names = ["a", "b"]
    assert [parse_select(t, names) for t in ("ideal", "knee", "b", "weights 1,2.5")] == [
        "ideal",
        "knee",
        1,
        [1.0, 2.5],
    ]
