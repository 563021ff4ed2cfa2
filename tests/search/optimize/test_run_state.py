"""The state of a run when its time is over, with a clock that is set by hand."""

from pathlib import Path

import pytest

from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.storage import Location

LIMIT = TimeLimit(100.0, ends=1100.0)
OVER = LIMIT.training_ends() + 1
PATIENCE = LIMIT.patience_ends() + 1


class Run:
    """A run whose clock is set by hand."""

    def __init__(self, directory: Path, limit: TimeLimit | None = LIMIT) -> None:
        self.now = 1000.0
        records = RecordStore(Location(directory))
        self.state = RunState(records, limit=limit, clock=lambda: self.now)

    def start(self, number: int) -> None:
        self.state.start(str(number), TrialRecord(number, "RUNNING", {}))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_no_trial_starts_once_the_time_for_training_is_over(run: Run) -> None:
    run.start(0)
    assert run.state.may_start() and not run.state.must_end()
    run.now = OVER
    assert not run.state.may_start()
    assert run.state.out_of_time
    assert run.state.stop == "the time budget of 100 s is spent"


def test_one_trial_starts_even_if_the_start_of_the_search_took_all_of_the_time(run: Run) -> None:
    run.now = 5000.0
    assert run.state.may_start()
    run.start(0)
    assert not run.state.may_start() and not run.state.must_end()


def test_running_trials_are_waited_for_until_there_is_a_model(run: Run) -> None:
    run.start(0)
    run.now = PATIENCE + 1000
    assert not run.state.must_end()
    run.state.has_model = True
    assert run.state.must_end()


def test_trials_may_be_a_little_late(run: Run) -> None:
    run.start(0)
    run.state.has_model = True
    run.now = OVER
    assert not run.state.must_end()
    run.now = PATIENCE
    assert run.state.must_end()


def test_nothing_is_waited_for_after_the_last_trial_has_reported(run: Run) -> None:
    run.start(0)
    run.now = OVER
    assert not run.state.must_end()
    run.state.suspend("0")
    assert run.state.must_end()
    assert [record.number for record in run.state.unfinished()] == [0]


def test_an_interrupted_search_waits_for_no_trial(run: Run) -> None:
    run.start(0)
    run.now = OVER
    assert not run.state.may_start()
    run.state.interrupt()
    assert run.state.must_end()


def test_the_reserve_follows_what_trials_have_measured(run: Run) -> None:
    run.state.has_model = True
    run.now = LIMIT.training_ends() - 1
    assert run.state.may_start()
    run.state.note_scoring(3.0)
    assert not run.state.may_start()


def test_without_a_time_budget_only_other_reasons_end_a_run(tmp_path: Path) -> None:
    run = Run(tmp_path, limit=None)
    run.now = 1e9
    assert run.state.may_start() and not run.state.must_end()
    assert run.state.n_scorings() is None
