import pytest

from tabvae_ray.results.hypervolumes import hypervolume_of
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.statistics import RunStatistics, TrialCounts
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space
from tests.support.clocks import Clock
from tests.support.records import finished, run_state


def test_a_tally_counts_states_epochs_and_what_stopping_has_saved(space: SearchSpace) -> None:
    counts = TrialCounts(space)
    assert counts.best == {"mean_js_distance": None, "correlation_distance": None}
    for record in (
        finished(0, "COMPLETE", 9, 0.3),
        finished(1, "PRUNED", 3),
        finished(2, "FAIL", 1),
        finished(3, "COMPLETE", 7, 0.2),
    ):
        counts.add(record)
    assert dict(counts.states) == {"COMPLETE": 2, "PRUNED": 1, "FAIL": 1}
    # A trial that failed has wasted its epochs and saved none; one may stop itself early.
    assert (counts.epochs, counts.saved) == (20, 6 + 2)
    assert counts.best == {"mean_js_distance": 0.2, "correlation_distance": 0.5}
    assert counts.hypervolume == pytest.approx(0.8 * 0.5)


def test_the_best_of_a_maximised_objective_is_the_largest(tiny: dict) -> None:
    tiny["objectives"] = {"column_shapes": "maximize", "mean_js_distance": "minimize"}
    counts = TrialCounts(parse_space(tiny))
    for number, shapes in enumerate((0.3, 0.4, 0.1)):
        record = finished(number, "COMPLETE", 9)
        record.objectives["column_shapes"] = shapes
        counts.add(record)
    assert counts.best["column_shapes"] == 0.4
    assert counts.hypervolume == pytest.approx(0.4 * 0.8)


def test_losses_have_no_hypervolume(tiny: dict) -> None:
    tiny["objectives"] = {"train_nats": "minimize"}
    assert hypervolume_of([], parse_space(tiny)) is None


def test_running_trials_count_as_busy_and_those_that_wait_do_not(space: SearchSpace) -> None:
    clock = Clock()
    statistics = RunStatistics(space, slots=2, clock=clock)
    active = [TrialRecord(number, "RUNNING", {}) for number in range(3)]
    state = run_state(*active)
    for record in active:
        statistics(state, record)
    clock.move(8.0)
    now = statistics.snapshot()
    assert (now.busy_slots, now.states["RUNNING"]) == (2, 2)
    assert now.busy == 1.0
    assert now.overhead is None and now.left is None
    done = TrialRecord(0, "PRUNED", {}, seconds=6.0)
    del state.active["0"]
    statistics(state, done)
    now = statistics.snapshot()
    # The one that waited has the slot now.
    assert now.busy_slots == 2
    # Of 16 seconds on two slots, trials have needed 6 and 8.
    assert now.overhead == pytest.approx(16 / 14 - 1)


def test_epochs_of_trials_that_the_time_cut_short_count_once(space: SearchSpace) -> None:
    statistics = RunStatistics(space, slots=1, clock=Clock())
    cut, done = finished(0, "RUNNING", 3), finished(1, "RUNNING", 1)
    for record in (cut, done):
        statistics(run_state(record), record)
    assert statistics.snapshot().epochs == 4
    statistics(run_state(cut), finished(1, "COMPLETE", 9))
    assert statistics.snapshot().epochs == 12


def test_only_seconds_of_this_run_count(space: SearchSpace) -> None:
    clock = Clock()
    statistics = RunStatistics(space, slots=1, clock=clock)
    resumed = TrialRecord(0, "RUNNING", {}, seconds=1000.0)
    state = run_state(resumed)
    statistics(state, resumed)
    resumed.seconds += 1.0
    statistics(state, resumed)
    state.active.clear()
    resumed.state = "PRUNED"
    statistics(state, resumed)
    clock.move(5.0)
    now = statistics.snapshot()
    assert now.elapsed == 5.0
    assert now.busy == pytest.approx(1 / 5)
    assert now.overhead == pytest.approx(5 / 1 - 1)


def test_what_is_left_follows_the_pace_of_this_run_and_the_time_budget(tiny: dict) -> None:
    tiny["search"]["n_trials"] = 12
    before = [finished(number, "COMPLETE", 9) for number in range(9)]
    clock = Clock()
    statistics = RunStatistics(parse_space(tiny), slots=1, finished=before, clock=clock)
    state = run_state()
    assert statistics.snapshot().left is None
    clock.move(3.0)
    statistics(state, finished(9, "PRUNED", 1))
    now = statistics.snapshot()
    assert now.n_finished == 10
    # Ten are done, one of them in this run: two more take two times as long.
    assert now.left == 2 * 3.0
    tiny["search"]["time_budget"] = 10.0
    statistics = RunStatistics(parse_space(tiny), slots=1, finished=before, clock=clock)
    state = run_state()
    state.started = clock()
    clock.move(8.0)
    statistics(state, finished(9, "PRUNED", 1))
    assert statistics.snapshot().left == 2.0
    clock.move(3.0)
    assert statistics.snapshot().left == 0.0
