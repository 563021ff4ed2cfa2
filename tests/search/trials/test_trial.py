import dataclasses
import io
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.search.trials import trial as module
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import TrialRun
from tabvae_ray.tabular_vae import TabularVAE, split_rows
from tests.support.spaces import TINY

ONE = {
    "number": 0,
    "parameters": {"architecture.loss_beta": 0.1, "architecture.latent_dim": 4},
    "checkpoint": None,
}
TWO = {
    "number": 1,
    "parameters": {"architecture.loss_beta": 0.5, "architecture.latent_dim": 6},
    "checkpoint": None,
}


@pytest.fixture
def task(space_file: Path, tmp_path: Path) -> SearchTask:
    inputs = prepare_inputs(space=str(space_file), out=str(tmp_path / "runs"))
    return inputs.task()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the reports of the trial ``ONE``."""
    home = tmp_path_factory.mktemp("undisturbed")
    (home / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    inputs = prepare_inputs(space=str(home / "tiny.yaml"), out=str(home / "runs"))
    return run(start(inputs.task(), ONE))


def start(task: SearchTask, config: dict[str, Any]) -> TrialRun:
    trial = TrialRun(task)
    trial.begin(config)
    return trial


def run(trial: TrialRun) -> list[dict[str, Any]]:
    reports = [trial.step()]
    while not reports[-1]["done"]:
        reports.append(trial.step())
    measured = ("seconds", "scoring_seconds")
    return [{k: v for k, v in report.items() if k not in measured} for report in reports]


def keep(trial: TrialRun, home: Path) -> None:
    """Write the checkpoint that a configuration calls ``checkpoint``."""
    directory = home / "runs" / "tiny" / "checkpoint"
    directory.mkdir(parents=True)
    (directory / "state.pt").write_bytes(trial.state())


def test_a_trial_reports_at_every_rung_and_is_done_at_the_budget(
    undisturbed: list[dict[str, Any]],
) -> None:
    reports = undisturbed
    assert [report["epoch"] for report in reports] == [1, 3, 9]
    assert [report["done"] for report in reports] == [False, False, True]
    last = reports[-1]
    assert set(last["scores"]) == {"mean_js_distance", "correlation_distance"}
    measures = {"train_nats", "holdout_nats", "membership"}
    assert set(last["losses"]) == {"loss", "reconstruction", "kl", *measures}
    assert 0.4 < last["losses"]["membership"] < 0.8


def test_a_reused_process_gives_what_a_fresh_one_gives(
    task: SearchTask, undisturbed: list[dict[str, Any]]
) -> None:
    reused = start(task, TWO)
    run(reused)
    torch.manual_seed(123)
    reused.begin(ONE)
    assert run(reused) == undisturbed


def test_a_trial_that_goes_on_from_a_checkpoint_ends_where_it_would_have(
    task: SearchTask, tmp_path: Path, undisturbed: list[dict[str, Any]]
) -> None:
    first = start(task, ONE)
    first.step()
    keep(first, tmp_path)
    resumed = start(task, {**ONE, "checkpoint": "checkpoint"})
    assert run(resumed) == undisturbed[1:]
    reloaded = start(task, TWO)
    reloaded.begin(ONE)
    reloaded.restore(first.state())
    assert run(reloaded) == undisturbed[1:]


def test_a_trial_whose_driver_died_after_its_last_epoch_reports_again(
    task: SearchTask, tmp_path: Path
) -> None:
    first = start(task, ONE)
    reports = run(first)
    keep(first, tmp_path)
    assert run(start(task, {**ONE, "checkpoint": "checkpoint"})) == reports[-1:]


class Ticking:
    """A clock that moves a second each time it is read."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def limited(task: SearchTask, seconds: float) -> TrialRun:
    """Return a trial that has not begun, and a number of seconds until its time is over."""
    limit = TimeLimit(seconds, ends=0.0)
    limit = dataclasses.replace(limit, ends=seconds + limit.reserve())
    return TrialRun(dataclasses.replace(task, limit=limit), clock=Ticking())


def test_a_trial_reports_where_it_stands_when_the_time_is_over_and_goes_on_from_there(
    task: SearchTask, tmp_path: Path, undisturbed: list[dict[str, Any]]
) -> None:
    trial = limited(task, 24.0)
    trial.begin(ONE)
    reports = run(trial)
    last = reports[-1]
    assert last["out_of_time"] and last["stopped"] is None
    assert last["epoch"] not in (1, 3, 9) and set(last["scores"]) == set(reports[0]["scores"])
    keep(trial, tmp_path)
    resumed = run(start(task, {**ONE, "checkpoint": "checkpoint"}))
    assert resumed == [report for report in undisturbed if report["epoch"] > last["epoch"]]


def test_a_trial_that_begins_after_the_end_does_nothing_and_keeps_its_checkpoint(
    task: SearchTask, tmp_path: Path
) -> None:
    first = start(task, ONE)
    first.step()
    keep(first, tmp_path)
    late = limited(task, -5.0)
    late.begin({**ONE, "checkpoint": "checkpoint"})
    (report,) = run(late)
    assert report == {"done": True, "out_of_time": True, "number": 0}
    assert late.state() == first.state()


def test_a_trial_trains_an_epoch_after_the_end_if_there_would_be_no_model(task: SearchTask) -> None:
    late = limited(task, -5.0)
    late.begin({**ONE, "must_train": True})
    reports = run(late)
    assert [report.get("epoch") for report in reports] == [1, None]
    assert reports[-1]["out_of_time"]


def test_divergence_is_reported_and_not_raised(task: SearchTask) -> None:
    trial = start(task, ONE)
    assert not trial.step()["done"]
    assert trial.vae is not None
    with torch.no_grad():
        next(trial.vae.trainer.model.parameters()).fill_(float("nan"))
    report = trial.step()
    assert report["done"]
    assert report["diverged"] == "the loss is nan in epoch 2, batch 1"


def test_what_memory_does_not_allow_is_tried_again_with_half_the_batch(
    task: SearchTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = start(task, ONE)
    first = trial.step()
    routine = module.BatchRoutine  # type: ignore[attr-defined]

    class Starved(routine):  # type: ignore[misc, valid-type]
        def __call__(self, trainer: Any, result: Any) -> None:
            if trainer.config.batch_size > 128:
                raise torch.OutOfMemoryError("out of memory")
            super().__call__(trainer, result)

    monkeypatch.setattr(module, "BatchRoutine", Starved)
    second = trial.step()
    assert (first["batch_size"], second["batch_size"]) == (None, 128)
    assert (second["epoch"], second["batch_size_from"]) == (3, 1)


@pytest.mark.parametrize("place", ["build", "restore"])
def test_a_resumed_trial_that_memory_does_not_allow_goes_on_from_its_checkpoint(
    task: SearchTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    first = start(task, ONE)
    first.step()
    keep(first, tmp_path)
    # A process that has run another trial before has that one's state, too.
    resumed = start(task, TWO)
    resumed.step()
    resumed.begin({**ONE, "checkpoint": "checkpoint"})
    holder, name = (module, "build_trial") if place == "build" else (TabularVAE, "load_state_dict")
    real, calls = getattr(holder, name), []

    def starved(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("out of memory")
        return real(*arguments)

    monkeypatch.setattr(holder, name, starved)
    report = resumed.step()
    assert (report["epoch"], report["batch_size_from"]) == (3, 1)
    assert report["batch_size"] is not None
    again = start(task, TWO)
    again.begin(ONE)
    again.restore(resumed.state())
    assert again.epoch == 3


def test_a_state_that_ray_restores_takes_the_place_of_the_one_at_the_begin(
    task: SearchTask, tmp_path: Path
) -> None:
    first = start(task, ONE)
    first.step()
    keep(first, tmp_path)
    first.step()
    resumed = start(task, {**ONE, "checkpoint": "checkpoint"})
    resumed.restore(first.state())
    kept = torch.load(io.BytesIO(resumed.state()), weights_only=True)
    assert kept["trainer"]["epoch"] == first.epoch == 3


def test_half_a_batch_is_half_of_the_rows_where_they_are_fewer(
    task: SearchTask, space_file: Path
) -> None:
    base = task.space.base.replace({"training.batch_size": 100_000})
    starved = dataclasses.replace(task, space=dataclasses.replace(task.space, base=base))
    report = start(starved, {**ONE, "shrink": True}).step()
    assert report["batch_size"] == len(split_rows(918, 0.1, 7)[0]) // 2
    assert report["batch_size_from"] == 0


@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_smaller_batches_from_a_checkpoint_on_can_be_had_again_without_it(
    task: SearchTask, tmp_path: Path, undisturbed: list[dict[str, Any]], epochs: int
) -> None:
    first = start(task, ONE)
    while first.epoch < epochs:
        first.step()
    keep(first, tmp_path)
    shrunk = run(start(task, {**ONE, "checkpoint": "checkpoint", "shrink": True}))
    assert {report["batch_size_from"] for report in shrunk} == {epochs}
    again = start(task, ONE)
    while again.epoch < epochs:
        again.step()
    again.shrink()
    assert run(again) == shrunk
    assert shrunk[-1]["scores"] != undisturbed[-1]["scores"]


def test_a_score_does_not_depend_on_global_randomness(
    task: SearchTask, undisturbed: list[dict[str, Any]]
) -> None:
    torch.manual_seed(2)
    # pandas draws from numpy's global generator.
    pd.Series([1, 2, 3]).sample(1)
    random.seed(2)
    assert run(start(task, ONE)) == undisturbed


def test_a_trial_that_stops_itself_early_is_done_and_says_why(tiny: dict, tmp_path: Path) -> None:
    tiny["base"]["training"] |= {"early_stopping": "train", "patience": 2, "learning_rate": 1e-12}
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(tiny))
    inputs = prepare_inputs(space=str(file), out=str(tmp_path / "runs"))
    task = inputs.task()
    last = run(start(task, ONE))[-1]
    assert last["done"] and last["epoch"] < 9
    assert last["stopped"] == "loss has not fallen for 2 epochs"
    assert set(last["scores"]) == {"mean_js_distance", "correlation_distance"}


BROKEN = "membership is 0.6 (must be at most 0.55)"


def breaking(monkeypatch: pytest.MonkeyPatch, *reports: list[str]) -> None:
    """Let the reports of a trial break these constraints, one report after the other."""
    said = iter(reports)
    monkeypatch.setattr(module, "broken_by_training", lambda scores, space: next(said))


def test_a_trial_that_breaks_a_constraint_by_training_on_goes_back_and_ends(
    task: SearchTask, undisturbed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last report, and the state, are those of the rung that kept the constraint."""
    breaking(monkeypatch, [], [], [BROKEN])
    trial = start(task, ONE)
    reports = run(trial)
    said = {"done": True, "stopped": f"back at 3 epochs, because after 9 epochs {BROKEN}"}
    assert reports == [*undisturbed[:2], undisturbed[1] | said]
    monkeypatch.undo()
    assert trial.epoch == 3
    assert run(trial) == undisturbed[2:]


def test_a_resumed_trial_knows_whether_it_kept_the_constraints(
    task: SearchTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its checkpoint says counts, not what another process has seen."""
    breaking(monkeypatch, [], [BROKEN])
    first = start(task, ONE)
    first.step()
    keep(first, tmp_path)
    last = run(start(task, {**ONE, "checkpoint": "checkpoint"}))[-1]
    assert last["epoch"] == 1 and last["stopped"].startswith(
        "back at 1 epoch, because after 3 epochs "
    )


def test_a_trial_that_never_kept_a_constraint_trains_on(
    task: SearchTask, undisturbed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later rungs may keep it, and there is nothing to go back to."""
    breaking(monkeypatch, [BROKEN], [BROKEN], [])
    assert run(start(task, ONE)) == undisturbed
