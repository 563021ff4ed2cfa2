import pytest

from tabvae_ray.search.optimize.time_limit import TimeLimit

LIMIT = TimeLimit(600.0, ends=1600.0, n_rescored=48, scoring_seconds=0.5)


def test_time_is_reserved_for_what_follows_training() -> None:
    assert LIMIT.training_ends() == pytest.approx(1600 - LIMIT.reserve())
    assert LIMIT.reserve() > 48 * 0.5
    assert LIMIT.training_ends(0.1) > LIMIT.training_ends(0.5) > LIMIT.training_ends(2.0)
    assert LIMIT.patience_ends(0.1) > LIMIT.training_ends(0.1)


def test_training_keeps_most_of_the_budget() -> None:
    assert LIMIT.reserve(1e6) < 0.5 * LIMIT.seconds


@pytest.mark.parametrize(("seconds", "reserved"), [(20, 8), (30, 12), (60, 15), (100, 20)])
def test_a_short_budget_has_time_for_the_report(seconds: float, reserved: float) -> None:
    """The report takes as long after a short search as after a long one."""
    limit = TimeLimit(seconds, ends=1000.0 + seconds, n_rescored=48, scoring_seconds=0.5)
    assert limit.training_ends() == pytest.approx(1000 + seconds - reserved)
    assert limit.training_ends(1e6) == limit.training_ends()


def test_as_many_scorings_are_left_as_the_time_allows() -> None:
    many, few = LIMIT.n_scorings(1000.0, 1.0), LIMIT.n_scorings(1500.0, 1.0)
    assert many > few > 0
    assert LIMIT.n_scorings(1700.0, 1.0) == 0
    assert LIMIT.n_scorings(1700.0, 0.0) == LIMIT.n_rescored
