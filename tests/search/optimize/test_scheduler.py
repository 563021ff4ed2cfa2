import math
from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabvae_ray.results.pareto import as_losses, rank_order
from tabvae_ray.search.optimize.scheduler import MultiObjectiveASHA, rung_epochs

BOTH = {"a": "minimize", "b": "minimize"}
values = st.floats(0, 1).map(lambda x: round(x, 3))


def make(objectives: dict | None = None, **options: int) -> MultiObjectiveASHA:
    given = {"max_t": 27, "grace_period": 1, "eta": 3, **options}
    return MultiObjectiveASHA(objectives or BOTH, **given)


def test_rungs_lie_a_factor_apart_and_end_at_the_budget() -> None:
    assert rung_epochs(1, 27, 3) == [1, 3, 9, 27]
    assert rung_epochs(1, 28, 3) == [1, 3, 9, 28]
    assert rung_epochs(5, 5, 3) == [5]


@given(st.integers(1, 500), st.integers(1, 5000), st.sampled_from([2, 2.5, 3, 4]))
def test_no_rung_but_the_first_is_nearer_to_the_budget_than_a_factor(
    grace: int, more: int, eta: float
) -> None:
    levels = rung_epochs(grace, grace + more, eta)
    assert levels[0] == grace and levels[-1] == grace + more
    assert levels == sorted(set(levels))
    assert all(level * eta <= grace + more for level in levels[1:-1])


directions = st.lists(st.sampled_from(["minimize", "maximize"]), min_size=1, max_size=3)


@given(directions, st.data())
def test_every_decision_is_that_of_ranking_all_of_the_rung_anew(
    chosen: list[str], data: st.DataObject
) -> None:
    """With any mix of directions, rungs reached in any order, and points that are equal."""
    scheduler = make({f"score {i}": direction for i, direction in enumerate(chosen)})
    point = st.lists(st.integers(0, 5).map(float), min_size=len(chosen), max_size=len(chosen))
    reports = data.draw(
        st.lists(st.tuples(st.integers(0, 12), st.sampled_from([1, 2, 3, 9, 26]), point))
    )
    seen: dict[int, dict[str, list[float]]] = {1: {}, 3: {}, 9: {}}
    stopped: set[str] = set()
    for number, time, values in reports:
        trial, expected = str(number), str(number) not in stopped
        for level, points in seen.items() if expected else ():
            if time >= level and trial not in points:
                points[trial] = values
                order = rank_order(as_losses(list(points.values()), chosen))
                expected &= order.index(len(points) - 1) < math.ceil(len(points) / 3)
        assert scheduler.report(trial, time, values) == expected
        if not expected:
            stopped.add(trial)


@given(directions, st.data())
def test_whatever_is_maximised_a_dominating_trial_goes_on_through_all_rungs(
    chosen: list[str], data: st.DataObject
) -> None:
    scheduler = make({f"score {i}": direction for i, direction in enumerate(chosen)})
    signs = [1.0 if direction == "minimize" else -1.0 for direction in chosen]
    point = st.lists(values, min_size=len(chosen), max_size=len(chosen))
    for i, others in enumerate(data.draw(st.lists(point, max_size=20))):
        for time in (1, 3, 9):
            report = [sign * (0.001 + v) for sign, v in zip(signs, others, strict=True)]
            if not scheduler.report(str(i), time, report):
                break
    assert all(scheduler.report("best", time, [0.0] * len(chosen)) for time in (1, 3, 9))


def test_ten_thousand_reports_take_seconds() -> None:
    rng = np.random.default_rng(0)
    scheduler = make(max_t=100, grace_period=11)
    started = process_time()
    for i, (quality, *noise) in enumerate(rng.random((7000, 3))):
        scores = [quality + 0.3 * noise[0], quality + 0.3 * noise[1]]
        if scheduler.report(str(i), 11, scores):
            scheduler.report(str(i), 33, scores)
    # 2 s on two cores that others use; each took a fifth of a second once.
    assert process_time() - started < 20


@given(st.lists(st.tuples(values, values), max_size=40), st.tuples(values, values))
def test_a_trial_that_dominates_its_rung_always_goes_on(
    seen: list[tuple[float, float]], best: tuple[float, float]
) -> None:
    scheduler = make()
    for i, point in enumerate(seen):
        scheduler.report(str(i), 1, [point[0] + best[0] + 0.001, point[1] + best[1] + 0.001])
    assert scheduler.report("best", 1, list(best))


@given(st.lists(st.tuples(values, values), min_size=3, max_size=40))
def test_a_trial_that_all_others_dominate_stops_once_there_are_enough(
    seen: list[tuple[float, float]],
) -> None:
    scheduler = make()
    for i, point in enumerate(seen):
        scheduler.report(str(i), 1, list(point))
    assert not scheduler.report("worst", 1, [2.0, 2.0])


@given(st.lists(values, min_size=1, max_size=40, unique=True))
def test_with_one_objective_it_is_plain_asha(seen: list[float]) -> None:
    scheduler = make({"a": "minimize"})
    for i, value in enumerate(seen):
        goes_on = scheduler.report(str(i), 1, [value])
        rank = sorted(seen[: i + 1]).index(value)
        assert goes_on == (rank < max(1, math.ceil((i + 1) / 3)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stops_and_leaves_no_mark(bad: float) -> None:
    scheduler = make()
    assert not scheduler.report("0", 1, [bad, 0.0])
    assert scheduler.report("1", 1, [1.0, 1.0])


def test_a_maximised_objective_counts_the_other_way() -> None:
    scheduler = make({"a": "minimize", "b": "maximize"})
    for i in range(9):
        scheduler.report(str(i), 1, [0.5, 0.5])
    assert scheduler.report("good", 1, [0.4, 0.6])
    assert not scheduler.report("bad", 1, [0.6, 0.4])


def test_a_trial_that_was_lost_before_it_could_be_stopped_is_stopped_when_it_reports_again() -> (
    None
):
    scheduler = make()
    for i in range(3):
        scheduler.report(str(i), 1, [0.1, 0.1])
    assert not scheduler.report("worst", 1, [2.0, 2.0])
    assert not scheduler.report("worst", 1, [2.0, 2.0])
    assert scheduler.report("0", 1, [0.1, 0.1])


def test_the_budget_ends_a_trial_and_a_rung_counts_it_once() -> None:
    scheduler = make()
    assert scheduler.report("0", 1, [0.1, 0.1])
    assert scheduler.report("0", 2, [0.9, 0.9])
    assert "1: 1, 3: 0" in scheduler.debug_string()
    assert not scheduler.report("0", 27, [0.1, 0.1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grace_period": 0}, "grace_period must be >= 1"),
        ({"grace_period": 28}, "<= max_t=27, but got 28"),
        ({"eta": 1}, "eta must be >= 2"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ({"error": "min"}, "objectives: error must be minimize or maximize, but got 'min'"),
        (["error"], "objectives must be a mapping of names to directions"),
        ({}, "objectives must be a mapping of names to directions"),
    ],
)
def test_objectives_without_a_direction_are_refused(objectives: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MultiObjectiveASHA(objectives, max_t=9)
