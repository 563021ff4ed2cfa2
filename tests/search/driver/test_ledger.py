"""The ledger without Ray: what it makes of what Ray tells it, in whatever order."""

import copy
import itertools
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import TrialScheduler

from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.driver.ledger import Ledger
from tabvae_ray.search.driver.resume import n_reports, restore_trials
from tabvae_ray.search.optimize.proposals import Proposals
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.search.optimize.scheduler import MultiObjectiveASHA
from tabvae_ray.search.optimize.study import create_study, fail_running
from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location
from tests.support.spaces import TINY

RUNGS = (1, 3, 9)
LOST = "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task."
BUG = "Traceback (most recent call last):\nZeroDivisionError: division by zero"
MEMORY = "1 worker(s) were killed due to the node running low on memory."
IDS = itertools.count()


class Search:
    """A search whose trials are played by hand."""

    def __init__(self, space: SearchSpace, directory: Path) -> None:
        self.space, self.directory = space, directory
        self.run = 0
        self.begin()

    def begin(self) -> None:
        """As a driver does it, the first one or one after it was killed."""
        self.run += 1
        self.records = RecordStore(Location(self.directory))
        self.scheduler = MultiObjectiveASHA(
            self.space.objectives, max_t=9, time_attr="epoch", trial_attr="number"
        )
        finished, unfinished = restore_trials(self.records, self.scheduler, self.space)
        known = [*finished, *unfinished]
        self.study = create_study(self.space, "test", None, known)
        self.state = RunState(self.records, unfinished)
        reports = n_reports(known)
        self.ledger = Ledger(self.space, self.state, self.study, finished, n_reports=reports)
        self.proposals = Proposals(self.space, self.study, self.state, concurrency=3)
        self.trials: dict[str, tuple[dict[str, Any], int]] = {}

    def propose(self) -> object:
        ray_id = str(next(IDS))
        config = self.proposals.suggest(ray_id)
        if isinstance(config, dict):
            record = self.state.active[ray_id]
            at = 0 if config["checkpoint"] is None else record.epochs
            self.trials[ray_id] = config, at
        return config

    def report(self, ray_id: str, value: float, **more: object) -> None:
        config, at = self.trials[ray_id]
        epoch = next(rung for rung in RUNGS if rung > at) if at < 9 else 9
        self.trials[ray_id] = config, epoch
        scores = {"mean_js_distance": value, "correlation_distance": value}
        stopped = "reached its 9 epochs" if epoch == 9 else None
        result = {"epoch": epoch, "scores": scores, "losses": {}, "stopped": stopped}
        result |= {"number": config["number"], "seconds": 0.5, **scores, **more}
        trial = SimpleNamespace(trial_id=ray_id)
        decision = self.scheduler.on_trial_result(None, trial, result)
        self.ledger.on_trial_result(1, [], trial, result)
        if decision == TrialScheduler.STOP or stopped:
            del self.trials[ray_id]
            self.ledger.on_trial_complete(1, [], trial)

    def checkpoint(self, ray_id: str) -> None:
        config, at = self.trials[ray_id]
        name = f"{config['number']:06d}" + f"-{config['attempt']}" * (config["attempt"] > 1)
        home = self.directory / "tune" / f"run_{self.run:03d}" / name
        path = home / f"checkpoint_{RUNGS.index(at):06d}" if at else None
        if path is not None:
            path.mkdir(parents=True, exist_ok=True)
            (path / "state.pt").write_text("")
            found = SimpleNamespace(path=str(path))
            self.ledger.on_checkpoint(1, [], SimpleNamespace(trial_id=ray_id), found)

    def fail(self, ray_id: str, error: str) -> None:
        del self.trials[ray_id]
        trial = SimpleNamespace(trial_id=ray_id, error_file=None, get_error=lambda: error)
        self.ledger.on_trial_error(1, [], trial)

    def play(self, step: str, which: int, value: float) -> None:
        """Let one thing happen: to the trial at a position, if there is one."""
        if step == "kill":
            self.begin()
        elif step == "propose":
            self.propose()
        elif which < len(self.trials):
            ray_id = list(self.trials)[which]
            if step == "report":
                self.report(ray_id, value)
            elif step == "checkpoint":
                self.checkpoint(ray_id)
            else:
                self.fail(ray_id, {"lost": LOST, "bug": BUG, "memory": MEMORY}[step])

    def finish(self) -> None:
        """Let everything that is left go well."""
        while self.propose() != "FINISHED" or self.trials:
            for ray_id in list(self.trials):
                self.report(ray_id, 0.5)
                if ray_id in self.trials:
                    self.checkpoint(ray_id)
        fail_running(self.study)


@pytest.fixture
def search(space: SearchSpace, tmp_path: Path) -> Search:
    return Search(space, tmp_path)


STEPS = st.tuples(
    st.sampled_from(["propose", "report", "checkpoint", "lost", "bug", "memory", "kill"]),
    st.integers(0, 2),
    st.sampled_from([0.1, 0.2, 0.9, float("nan"), float("inf")]),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_no_trial_is_lost_told_twice_or_left_running(
    steps: list[tuple[str, int, float]],
) -> None:
    document = copy.deepcopy(TINY)
    document["search"] |= {"sampler": "random", "max_failures": 99}  # type: ignore[operator]
    with tempfile.TemporaryDirectory() as home:
        search = Search(parse_space(document), Path(home))
        for step in steps:
            search.play(*step)
        search.finish()
        finished = search.records.finished()
        told = {trial.number: trial.state.name for trial in search.study.trials}
        assert [record.number for record in finished] == list(range(6))
        assert {record.number: record.state for record in finished} == told
        assert Counter(record.number for record in search.ledger.finished) == Counter(range(6))
        assert search.records.running() == []
        kept = {int(file.parents[1].name[:6]) for file in Path(home).glob("tune/**/state.pt")}
        best = [*search.ledger.front(), *search.ledger.runners_up()]
        assert kept <= {record.number for record in best}


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_proposals_and_ledger_agree_on_which_trials_run_wait_and_are_finished(
    steps: list[tuple[str, int, float]],
) -> None:
    settings = {**TINY["search"], "sampler": "random", "max_failures": 99}
    with tempfile.TemporaryDirectory() as home:
        search = Search(parse_space({**TINY, "search": settings}), Path(home))
        for step in steps:
            search.play(*step)
            state, ledger = search.state, search.ledger
            assert search.proposals.state is ledger.state is state
            assert state.active.keys() == search.trials.keys() and len(state.active) <= 3
            places = [*state.active.values(), *state._queue, *ledger.finished]
            numbers = Counter(record.number for record in places)
            assert numbers == Counter(trial.number for trial in search.study.trials)


def test_failures_in_a_row_end_the_search_and_name_their_tracebacks(search: Search) -> None:
    search.propose()
    for value in (0.1, 0.1, 0.1):
        search.report(next(iter(search.trials)), value)
    assert [record.state for record in search.ledger.finished] == ["COMPLETE"]
    while search.state.stop is None:
        search.propose()
        search.fail(next(iter(search.trials)), BUG)
    assert search.state.failed
    assert search.state.stop.startswith("3 trials in a row failed, the last one with: ZeroDivis")
    assert search.state.stop.endswith("trials: 000001.json, 000002.json, 000003.json")
    assert search.propose() == "FINISHED"


def test_a_trial_that_a_node_had_no_memory_for_is_tried_in_smaller_batches_once(
    search: Search,
) -> None:
    config = search.propose()
    assert isinstance(config, dict) and not config["shrink"]
    search.report(next(iter(search.trials)), 0.2)
    search.checkpoint(next(iter(search.trials)))
    search.fail(next(iter(search.trials)), MEMORY)
    again = search.propose()
    assert isinstance(again, dict) and again["shrink"]
    assert (again["number"], again["attempt"]) == (0, 2)
    search.report(next(iter(search.trials)), 0.2, batch_size=128, batch_size_from=1)
    (record,) = search.state.active.values()
    assert (record.batch_size, record.batch_size_from) == (128, 1)
    search.fail(next(iter(search.trials)), MEMORY)
    (record,) = search.records.finished()
    assert record.state == "FAIL"
    assert record.reason is not None
    assert record.reason.startswith("out of memory, even with half the batch size: 1 worker(s)")


def test_a_process_that_only_died_keeps_its_batch_size(search: Search) -> None:
    search.propose()
    for _ in range(5):
        search.fail(next(iter(search.trials)), LOST)
        config = search.propose()
        assert isinstance(config, dict) and not config["shrink"]


def out_of_time(search: Search, ray_id: str, **result: object) -> None:
    """Let a trial report that its time is over."""
    trial = SimpleNamespace(trial_id=ray_id)
    config, _ = search.trials.pop(ray_id)
    told = {"number": config["number"], "done": True, "out_of_time": True, "seconds": 0.5, **result}
    search.ledger.on_trial_result(1, [], trial, told)
    if "epoch" in result:
        search.trials[ray_id] = config, 1
        search.checkpoint(ray_id)
        del search.trials[ray_id]
    search.ledger.on_trial_complete(1, [], trial)


def limited(search: Search) -> None:
    """Begin again as a driver with a time budget does."""
    limit = TimeLimit(100.0, ends=time.time() + 1000)
    finished, unfinished = search.ledger.finished, search.state.unfinished()
    search.state = RunState(search.records, unfinished, limit=limit)
    search.ledger = Ledger(search.space, search.state, search.study, finished)
    search.proposals = Proposals(search.space, search.study, search.state, concurrency=3)


def scores(value: float) -> dict[str, Any]:
    found = {"mean_js_distance": value, "correlation_distance": value}
    return {"scores": found, "losses": {}, **found}


def test_a_trial_whose_time_is_over_is_kept_to_be_resumed(search: Search) -> None:
    limited(search)
    search.propose(), search.propose()
    first, second = search.trials
    out_of_time(search, first, epoch=2, scoring_seconds=0.25, **scores(0.3))
    out_of_time(search, second)
    assert search.state.out_of_time and search.propose() == "FINISHED"
    assert search.state.scoring_seconds == 0.25
    assert search.ledger.finished == [] and search.state.active == {}
    assert [record.epochs for record in search.records.running()] == [2, 0]
    front, runners_up = search.ledger.so_far()
    assert [record.number for record in front] == [0] and runners_up == []
    assert front[0].objectives == {"mean_js_distance": 0.3, "correlation_distance": 0.3}
    # The record itself is that of a trial without a result.
    assert search.records.running()[0].objectives == {}
    search.begin()
    search.finish()
    assert [record.number for record in search.records.finished()] == list(range(6))


def test_a_search_whose_trials_are_all_done_when_the_time_is_over_has_not_ended_early(
    search: Search,
) -> None:
    limited(search)
    for _ in range(5):
        search.propose()
        (ray_id,) = search.trials
        for value in (0.3, 0.2, 0.1):
            if ray_id in search.trials:
                search.report(ray_id, value)
    search.state.end_for_time()
    assert search.ledger.ended_early() == "the time budget of 100 s is spent"
    limited(search)
    search.propose()
    (ray_id,) = search.trials
    search.state.end_for_time()
    assert search.ledger.ended_early() == "the time budget of 100 s is spent"
    for value in (0.3, 0.2, 0.1):
        if ray_id in search.trials:
            search.report(ray_id, value)
    assert len(search.ledger.finished) == 6 and search.ledger.ended_early() is None


def test_stopped_trials_can_be_chosen_until_one_is_complete(search: Search) -> None:
    limited(search)
    for value in (0.5, 0.2, 0.4):
        search.propose()
        ray_id = list(search.trials)[-1]
        # Ray saves a checkpoint of a stopped trial before it completes the trial.
        record = search.state.active[ray_id]
        record.checkpoint = f"tune/run_001/{record.number:06d}/checkpoint_000000"
        search.report(ray_id, value)
        if ray_id in search.trials:
            search.checkpoint(ray_id)
    (stopped,) = search.ledger.finished
    assert (stopped.number, stopped.state) == (2, "PRUNED")
    assert {record.number for record in search.ledger.needed()} == {0, 1, 2}
    front, runners_up = search.ledger.so_far()
    assert [record.number for record in front] == [1]
    assert [record.number for record in runners_up] == [2, 0]
    for ray_id in list(search.trials):
        while ray_id in search.trials:
            search.report(ray_id, 0.1)
            if ray_id in search.trials:
                search.checkpoint(ray_id)
    assert search.ledger.front() and search.ledger._stopped == []


POINTS = st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.4]), st.sampled_from([0.1, 0.3, 0.5, 0.9]))


def complete(number: int, a: float, b: float) -> TrialRecord:
    scores: dict[str, Any] = {"mean_js_distance": a, "correlation_distance": b}
    return TrialRecord(number, "COMPLETE", {}, objectives=scores, rungs=[Rung(9, scores)])


@settings(max_examples=40, deadline=None)
@given(st.lists(POINTS, max_size=12))
@example([(0.1, 0.9), (0.3, 0.4), (0.4, 0.5)])
def test_the_front_is_of_those_that_keep_the_constraints_where_any_does(
    points: list[tuple[float, float]],
) -> None:
    """As the search goes on, and as one that is resumed finds it."""
    space = parse_space({**TINY, "constraints": {"correlation_distance": {"max": 0.5}}})
    with tempfile.TemporaryDirectory() as home:
        records = RecordStore(Location(Path(home)))
        state = RunState(records)
        running = [TrialRecord(number, "RUNNING", {}) for number in range(len(points))]
        study = create_study(space, "test", None, running)
        ledger = Ledger(space, state, study)
        for number, (a, b) in enumerate(points):
            scores = complete(number, a, b).objectives
            trial = SimpleNamespace(trial_id=str(number))
            state.start(trial.trial_id, running[number])
            result = {"epoch": 9, "scores": scores, "losses": {}, "stopped": "done", **scores}
            ledger.on_trial_result(1, [], trial, result)
            ledger.on_trial_complete(1, [], trial)
        keeping = [(n, p) for n, p in enumerate(points) if p[1] <= 0.5] or [*enumerate(points)]
        front = [
            n
            for n, (a, b) in keeping
            if not any(c <= a and d <= b and (c, d) != (a, b) for _, (c, d) in keeping)
        ]
        assert [record.number for record in ledger.front()] == front
        # Where the front is small, the next best may be chosen as well.
        others = {n for n, _ in keeping} - set(front)
        n_more = max(0, space.settings.n_candidates // 2 - len(front))
        after = [record.number for record in ledger.runners_up()]
        assert set(after) <= others and len(after) == min(n_more, len(others))
        again = Ledger(space, RunState(records), study, records.finished())
        assert [record.number for record in again.front()] == front


def test_a_running_trial_whose_checkpoint_was_removed_begins_again(search: Search) -> None:
    search.propose()
    ray_id = next(iter(search.trials))
    search.report(ray_id, 0.2)
    search.checkpoint(ray_id)
    (state,) = search.directory.glob("tune/**/state.pt")
    state.unlink()
    search.fail(ray_id, f"StorageError: {state}: cannot be read: there is no such file")
    config = search.propose()
    assert isinstance(config, dict)
    assert (config["number"], config["checkpoint"]) == (0, None)
    assert search.state.storage_error is None
    search.checkpoint(next(iter(search.trials)))
    search.begin()
    config = search.propose()
    assert isinstance(config, dict) and config["checkpoint"] is None
    search.finish()
    assert [record.number for record in search.records.finished()] == list(range(6))


def test_a_trial_that_cannot_reach_its_checkpoint_ends_the_search_to_be_resumed(
    search: Search,
) -> None:
    search.propose()
    ray_id = next(iter(search.trials))
    search.report(ray_id, 0.2)
    search.checkpoint(ray_id)
    search.fail(ray_id, "StorageError: s3://bucket/runs: cannot be read: network connection")
    assert str(search.state.storage_error) == "s3://bucket/runs: cannot be read: network connection"
    assert search.records.finished() == []
    search.begin()
    search.finish()
    assert [record.number for record in search.records.finished()] == list(range(6))
