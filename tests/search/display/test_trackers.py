"""What trackers beside the records show of a search."""

import logging
from pathlib import Path
from typing import Any

import pytest
from ray.tune.logger import TBXLoggerCallback

from tabvae_ray.generation.export_files import EXPORT_FILES
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display import mlflow_log
from tabvae_ray.search.display.mlflow_log import MlflowLog
from tabvae_ray.search.display.tensorboard import TensorBoardLog
from tabvae_ray.storage import Location
from tests.support.records import run_state


class Writer:
    """A writer of event files that keeps what it is told."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[float, int]] = {}

    def add_scalar(self, name: str, value: float, *, global_step: int) -> None:
        self.told[name] = value, global_step

    def flush(self) -> None:
        pass


def test_tensorboard_shows_each_score_once_over_the_epochs() -> None:
    report = {
        "number": 3,
        "epoch": 27,
        "training_iteration": 2,
        "done": False,
        "iterations_since_restore": 2,
        "batch_size_from": 0,
        "seconds": 1.5,
        "losses": {"loss": 2.5},
        "scores": {"pair_trends": 0.75},
        "pair_trends": 0.75,
    }
    trial: Any = object()
    log, writer = TensorBoardLog(), Writer()
    assert isinstance(log, TBXLoggerCallback)
    log._trial_writer[trial] = writer
    log.log_trial_result(2, trial, report)
    assert writer.told == {
        "ray/tune/losses/loss": (2.5, 27),
        "ray/tune/scores/pair_trends": (0.75, 27),
    }


@pytest.mark.parametrize("server", ["", "http://localhost:5000"])
def test_where_mlflow_keeps_runs_is_said_if_no_server_is_named(
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setattr(mlflow_log, "find_runs", lambda *_: [])
    manifest: Any = type("Manifest", (), {"id": "x"})
    with caplog.at_level(logging.WARNING):
        MlflowLog("mine", manifest)
    said = "MLFLOW_TRACKING_URI is not set, so MLflow keeps the runs in" in caplog.text
    assert said == (not server)


class Run:
    """A run on an MLflow server that keeps how it ended."""

    def __init__(self, *_: object, **__: object) -> None:
        self.ended: list[str] = []
        self.tags: dict[str, str] = {}
        self.files: list[str] = []

    def finish(self, status: str) -> None:
        self.ended.append(status)

    def tag(self, name: str, value: str) -> None:
        self.tags[name] = value

    def file(self, name: str, content: bytes) -> None:
        self.files.append(name)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowLog:
    """Return the log of a search that has no run yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mlflow_log, "find_runs", lambda *_: [])
    monkeypatch.setattr(mlflow_log, "MlflowTracker", Run)
    manifest: Any = type("Manifest", (), {"id": "x", "name": "mine"})
    return MlflowLog("mine", manifest)


def test_a_chosen_trial_that_waits_to_be_resumed_gets_a_run(log: MlflowLog, tmp_path: Path) -> None:
    for name in EXPORT_FILES:
        (tmp_path / name).write_bytes(b"x")
    log.choose(TrialRecord(3, "RUNNING", {}), "the best so far", Location(tmp_path))
    run: Any = log._runs[3][0]
    assert run.tags == {"tabvae_ray.chosen": "the best so far"}
    assert run.files == [f"best/{name}" for name in EXPORT_FILES]


def test_no_run_of_mlflow_is_left_running_when_the_time_of_a_search_is_over(log: MlflowLog) -> None:
    runs = {number: Run() for number in range(3)}
    log._runs = {number: (run, 0) for number, run in runs.items()}  # type: ignore[misc]
    state = run_state(*(TrialRecord(number, "RUNNING", {}) for number in range(2)))
    # Reported where it stands, as the time was over, and can be resumed; the other one is killed.
    state.suspend("0")
    log.close(state)
    assert [run.ended for run in runs.values()] == [["KILLED"], ["KILLED"], []]
