from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.search.trials.trial_clock import TrialClock

LIMIT = TimeLimit(100.0, ends=1100.0, scoring_seconds=1.0)


class Hands:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_without_a_limit_there_is_always_time() -> None:
    assert TrialClock(None, lambda: 1e12).has_time()


def test_there_is_time_if_another_epoch_and_its_report_fit() -> None:
    hands = Hands()
    clock = TrialClock(LIMIT, hands)
    end = LIMIT.training_ends(2.0)
    with clock.epoch():
        hands.now += 5
        with clock.report():
            hands.now += 2
    assert clock.scoring_seconds == 2
    hands.now = end - 7.5
    assert clock.has_time()
    hands.now = end - 6.5
    assert not clock.has_time()


def test_a_trial_may_begin_until_the_time_is_over() -> None:
    hands = Hands()
    clock = TrialClock(LIMIT, hands)
    hands.now = LIMIT.training_ends() - 0.5
    assert clock.has_time()
    hands.now += 1
    assert not clock.has_time()


def test_a_clock_that_is_set_back_gives_no_time() -> None:
    hands = Hands()
    clock = TrialClock(LIMIT, hands)
    with clock.epoch():
        hands.now += 5
        with clock.report():
            hands.now -= 300
    assert clock.scoring_seconds == 0
    hands.now = LIMIT.training_ends(0.0) + 0.5
    assert not clock.has_time()
    with clock.epoch():
        hands.now -= 300
    hands.now = LIMIT.training_ends(0.0) + 0.5
    assert not clock.has_time()
