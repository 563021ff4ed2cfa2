import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabvae_ray.search.scheduler import MultiObjectiveASHA, rung_levels

BOTH = {"a": "minimize", "b": "minimize"}
values = st.floats(0, 1).map(lambda x: round(x, 3))


def make(objectives: dict | None = None, **options: int) -> MultiObjectiveASHA:
    given = {"max_t": 27, "grace_period": 1, "eta": 3, **options}
    return MultiObjectiveASHA(objectives or BOTH, **given)


def test_rungs_lie_a_factor_apart_and_end_at_the_budget() -> None:
    assert rung_levels(1, 27, 3) == [1, 3, 9, 27]
    assert rung_levels(2, 27, 3) == [2, 6, 18, 27]
    assert rung_levels(5, 5, 3) == [5]


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
