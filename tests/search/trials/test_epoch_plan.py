"""Fewer epochs for a time budget, from times that are handed in."""

import dataclasses
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.optimize.planned_space import planned_space, rungs_of
from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.search.trials import epoch_plan as module
from tabvae_ray.search.trials.epoch_plan import EpochPlan, Pace, plan_epochs, within
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space


@pytest.fixture
def long(tiny: dict[str, Any]) -> SearchSpace:
    """Return a space of 90 epochs."""
    tiny["base"]["training"]["max_n_epochs"] = 90
    return parse_space(tiny)


@pytest.fixture
def task(long: SearchSpace, space_file: Path, tmp_path: Path) -> SearchTask:
    inputs = prepare_inputs(space=str(space_file), out=str(tmp_path / "runs"))
    return dataclasses.replace(inputs.task(), space=long, rungs=rungs_of(long))


def plan(
    task: SearchTask, pace: Pace, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> EpochPlan | None:
    monkeypatch.setattr(module, "_measure", lambda task, config: pace)
    limited = dataclasses.replace(task, limit=TimeLimit(seconds, ends=1000 + seconds))
    return plan_epochs(limited, 2, Resources(), here=True, clock=lambda: 1000.0)


@pytest.mark.parametrize("slots", [1, 2, 4])
@pytest.mark.parametrize("seconds", [20.0, 60.0, 200.0])
def test_as_many_epochs_are_planned_as_fit(long: SearchSpace, slots: int, seconds: float) -> None:
    pace = Pace(1.0, 0.5, 0.3)
    epochs = within(long, [pace] * 4, seconds, slots)

    def needed(epochs: int) -> float:
        return 4 / slots * pace.trial(rungs_of(planned_space(long, epochs)))

    assert epochs == 3 or needed(epochs) <= seconds
    assert epochs == 90 or needed(epochs + 1) > seconds


def test_epochs_are_never_more_than_wanted_nor_fewer_than_a_few(long: SearchSpace) -> None:
    pace = Pace(1.0, 0.5, 0.3)
    assert within(long, [pace], 1e9, 1) == 90
    assert within(long, [pace], -5.0, 1) == 3


def test_a_slow_machine_trains_fewer_epochs(
    task: SearchTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLEARLY_FITS", 0.0)
    fast = plan(task, Pace(0.1, 0.01, 0.1), 100.0, monkeypatch)
    slow = plan(task, Pace(1.0, 2.0, 1.0), 100.0, monkeypatch)
    slower = plan(task, Pace(1.0, 4.0, 1.0), 100.0, monkeypatch)
    assert fast is None
    assert slow is not None and slower is not None
    assert 3 <= slower.epochs < slow.epochs < 90
    assert (slow.wanted, slow.epoch_seconds, slow.scoring_seconds) == (90, 2.0, 1.0)
    assert f"{slow.epochs} epochs instead of 90" in slow.text
    assert f"in the {slow.left:.0f} s of the time budget left for training" in slow.text
    assert 0 < slow.left < 100
    found = re.search(r"a new search with --time-budget (\d+) would train 90$", slow.text)
    assert found is not None
    told = int(found[1])
    assert plan(task, Pace(1.0, 2.0, 1.0), told, monkeypatch) is None
    assert plan(task, Pace(1.0, 2.0, 1.0), 0.9 * told, monkeypatch) is not None
    assert slow == plan(task, Pace(1.0, 2.0, 1.0), 100.0, monkeypatch)


def test_nothing_is_measured_where_the_time_is_clearly_enough(
    task: SearchTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(task: SearchTask, config: object) -> Pace:
        raise AssertionError

    monkeypatch.setattr(module, "_measure", never)
    plenty = dataclasses.replace(task, limit=TimeLimit(1e6, ends=1e6))
    for given in (task, plenty):
        assert plan_epochs(given, 2, Resources(), here=True, clock=lambda: 0.0) is None


def test_ray_that_starts_beside_the_measurement_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = {"wall": 0.0, "cpu": 0.0}
    monkeypatch.setattr(time, "perf_counter", lambda: now["wall"])
    monkeypatch.setattr(time, "thread_time", lambda: now["cpu"])
    read, read_gpu = module._Stopwatch(on_cpu=True), module._Stopwatch(on_cpu=False)
    now.update(wall=3.0, cpu=2.0)
    assert (read(), read_gpu()) == (2.0, 3.0)
    # Ray does not take as much as this.
    now.update(wall=13.0, cpu=3.0)
    assert (read(), read_gpu()) == (5.0, 10.0)


def test_a_trial_is_measured_without_training_all_of_it(task: SearchTask) -> None:
    pace = module._measure(task, task.space.config({}))
    assert pace.start > 0 and pace.epoch > 0 and pace.scoring > 0
