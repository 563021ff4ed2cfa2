"""What trackers beside the records show of a search."""

import logging
from pathlib import Path
from typing import Any

import pytest
from ray.tune.logger import TBXLoggerCallback

from tabvae_ray.search.display import mlflow_log
from tabvae_ray.search.display.mlflow_log import MlflowLog
from tabvae_ray.search.display.tensorboard import TensorBoardLog


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
