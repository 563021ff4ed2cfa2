"""MLflow tracking on a server with SQLite."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tabvae_ray.errors import StorageError
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.mlflow_tracking import MlflowTracker, find_runs
from tests.support.drivers import SECONDS, started
from tests.support.s3_server import free_ports
from tests.support.tables import small_config

pytest.importorskip("mlflow", reason="mlflow is not installed: pip install '.[mlflow]'")
pytestmark = [
    *(pytest.mark.slow, pytest.mark.nightly),
    # MLflow causes these itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]
TABLE = pd.DataFrame({"x": [1, 2], "city": ["Zürich", "a, b"]})
# The server is the whole of MLflow, whose pins are narrow: it may have a Python of its own.
SERVER_PYTHON = os.environ.get("MLFLOW_SERVER_PYTHON", sys.executable)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server; yield its address."""
    has_server = [SERVER_PYTHON, "-c", "import mlflow.server, flask"]
    if subprocess.run(has_server, capture_output=True, check=False).returncode:
        pytest.skip("no MLflow server: MLFLOW_SERVER_PYTHON may name a Python that has mlflow")
    home = tmp_path_factory.mktemp("mlflow")
    (port,) = free_ports(1)
    uri = f"http://127.0.0.1:{port}"
    options = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db"]
    options += ["--artifacts-destination", str(home / "files"), "--workers", "1"]
    options += ["--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [SERVER_PYTHON, "-m", "mlflow", "server", *options], stdout=log, stderr=log, cwd=home
        )
        try:
            _wait_for(f"{uri}/health", process, home / "log")
            yield uri
        finally:
            process.terminate()
            process.wait(SECONDS)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"no MLflow server: {log.read_text()[-2000:]}")


def test_a_run_keeps_scores_by_step_files_rows_and_checkpoints(server: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    tracker = MlflowTracker(
        "tables",
        "first",
        uri=server,
        parameters={"architecture.latent_dim": 8, "layers": [64, 32]},
        tags={"who": "me"},
    )
    for step in (1, 2):
        tracker.scores({"loss": 1.0 / step, "js_distance/Größe (%)": 0.25}, step)
        tracker.artifact("plots/pdf/a.png", b"png", step)
        tracker.table("synthetic", TABLE, step)
        tracker.checkpoint({"epoch": step, "weights": torch.ones(2)}, step)
    tracker.finish()
    client = MlflowClient(server)
    run = client.get_run(tracker.run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == "first"
    assert run.data.params == {"architecture.latent_dim": "8", "layers": "[64, 32]"}
    history = client.get_metric_history(tracker.run_id, "loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 1.0), (2, 0.5)]
    assert run.data.metrics["js_distance/Größe ___"] == 0.25
    found = Path(
        download_artifacts(
            run_id=tracker.run_id, artifact_path="", dst_path=str(tmp_path), tracking_uri=server
        )
    )
    files = {str(file.relative_to(found)) for file in found.rglob("*") if file.is_file()}
    assert files == {
        name
        for step in ("000001", "000002")
        for name in (
            f"artifacts/{step}/plots/pdf/a.png",
            f"tabular_data/{step}/synthetic.csv",
            f"torch_checkpoints/{step}.pt",
        )
    }
    pd.testing.assert_frame_equal(pd.read_csv(found / "tabular_data/000002/synthetic.csv"), TABLE)
    assert torch.load(found / "torch_checkpoints/000002.pt", weights_only=True)["epoch"] == 2


def test_runs_are_found_by_tags_and_gone_on_with(server: str) -> None:
    first = MlflowTracker("found", "a", uri=server, tags={"search": "s", "trial": "0"})
    MlflowTracker("found", "b", uri=server, tags={"search": "s", "trial": "1"})
    MlflowTracker("found", "c", uri=server, tags={"search": "other", "trial": "0"})
    MlflowTracker.resume(first.run_id, uri=server).scores({"epoch": 3.0}, 3)
    runs = {run.info.run_name: run for run in find_runs("found", {"search": "s"}, uri=server)}
    assert runs.keys() == {"a", "b"}
    assert runs["a"].data.metrics == {"epoch": 3.0}


def test_a_server_that_is_not_there_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StorageError, match="MLflow"):
        MlflowTracker("tables", "first", uri="http://127.0.0.1:9")


def test_a_model_that_is_fitted_with_a_tracker_is_followed_at_its_periods(
    server: str, mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    from mlflow import MlflowClient

    config = small_config(
        **{
            "training.max_n_epochs": 3,
            "training.checkpoint_period": 2,
            "validation.train_loader_routine_period": 1,
            "validation.artifact_routine_period": 3,
        }
    )
    tracker = MlflowTracker("fitted", "one", uri=server)
    TabularVAE.build(mixed_spec, config).fit(mixed, tracker=tracker)
    client = MlflowClient(server)
    assert [m.step for m in client.get_metric_history(tracker.run_id, "train_nats")] == [1, 2, 3]
    scores = client.get_metric_history(tracker.run_id, "mean_js_distance")
    assert [m.step for m in scores] == [3]
    pictures = client.list_artifacts(tracker.run_id, "artifacts/000003/plots")
    assert "artifacts/000003/plots/pca.png" in [file.path for file in pictures]
    states = client.list_artifacts(tracker.run_id, "torch_checkpoints")
    assert [file.path for file in states] == [f"torch_checkpoints/00000{n}.pt" for n in (2, 3)]


def test_a_search_that_is_killed_and_resumed_has_one_run_for_each_trial(
    server: str, space_file: Path, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    options = ["--space", space_file, "--out", tmp_path, "--track", "mlflow"]
    options += ["--track", "tensorboard", "--concurrency", 1]
    env = os.environ | {"MLFLOW_TRACKING_URI": server}
    records = tmp_path / "tiny" / "trials"
    with started(*options, env=env) as process:
        while process.poll() is None and not list(records.glob("*.json")):
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with started(*options, "--resume", env=env) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    manifest = json.loads((tmp_path / "tiny/search.json").read_text())
    runs = find_runs("tabular_vae", {"tabvae_ray.search": manifest["id"]}, uri=server)
    by_trial = {int(run.data.tags["tabvae_ray.trial"]): run for run in runs}
    assert len(runs) == len(by_trial) == 6
    client = MlflowClient(server)
    for file in records.glob("*.json"):
        record = json.loads(file.read_text())
        run = by_trial[record["number"]]
        assert run.data.tags["tabvae_ray.state"] == record["state"]
        assert run.info.status == {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}[record["state"]]
        history = client.get_metric_history(run.info.run_id, "mean_js_distance")
        assert [(m.step, m.value) for m in history] == [
            (rung["epoch"], rung["objectives"]["mean_js_distance"]) for rung in record["rungs"]
        ]
    chosen = by_trial[manifest["chosen"]["trial"]]
    assert chosen.data.tags["tabvae_ray.chosen"] == manifest["chosen"]["reason"]
    kept = [file.path for file in client.list_artifacts(chosen.info.run_id, "best")]
    assert "best/model.safetensors" in kept
    assert events_of(tmp_path / "tiny")["ray/tune/scores/mean_js_distance"]


def events_of(directory: Path) -> dict[str, list[Any]]:
    """Read the values by tag of all TensorBoard event files."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list[Any]] = {}
    for file in directory.rglob("events.out.tfevents.*"):
        content, at = file.read_bytes(), 0
        while at < len(content):
            # A record: its length, a checksum of that, the event, a checksum of it.
            length = int.from_bytes(content[at : at + 8], "little")
            event = Event.FromString(content[at + 12 : at + 12 + length])
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(value.simple_value)
            at += 12 + length + 4
    return found
