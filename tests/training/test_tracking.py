import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from tabvae_ray.training.tracking import DirectoryTracker, MemoryTracker, Tracker

TABLE = pd.DataFrame({"x": [1, 2], "city": ["Zürich", "a, b"]})


def fill(tracker: Tracker) -> None:
    for step in (1, 2):
        tracker.scores({"loss": 1.0 / step}, step)
        tracker.scores({"js_distance/x": 0.25}, step)
        tracker.artifact("plots/pca.png", b"png", step)
        tracker.table("synthetic", TABLE, step)
        tracker.checkpoint({"epoch": step, "weights": torch.ones(2)}, step)


def test_memory_keeps_everything_by_step_and_name() -> None:
    tracker = MemoryTracker()
    fill(tracker)
    assert tracker.all_scores[2] == {"loss": 0.5, "js_distance/x": 0.25}
    assert tracker.artifacts[1] == {"plots/pca.png": b"png"}
    assert tracker.tables[2]["synthetic"] is TABLE
    assert tracker.checkpoints[1]["epoch"] == 1


def test_a_directory_keeps_everything_in_files_at_once(tmp_path: Path) -> None:
    fill(DirectoryTracker(str(tmp_path / "run")))
    files = {str(f.relative_to(tmp_path / "run")) for f in tmp_path.rglob("*") if f.is_file()}
    assert files == {
        f"{name}"
        for step in ("000001", "000002")
        for name in (
            f"artifacts/{step}/scores.json",
            f"artifacts/{step}/plots/pca.png",
            f"tabular_data/{step}/synthetic.csv",
            f"torch_checkpoints/{step}.pt",
        )
    }
    scores = json.loads((tmp_path / "run/artifacts/000002/scores.json").read_text())
    assert scores == {"loss": 0.5, "js_distance/x": 0.25}
    rows = pd.read_csv(tmp_path / "run/tabular_data/000001/synthetic.csv")
    pd.testing.assert_frame_equal(rows, TABLE)
    state = torch.load(tmp_path / "run/torch_checkpoints/000002.pt", weights_only=True)
    assert state["epoch"] == 2 and torch.equal(state["weights"], torch.ones(2))


@pytest.mark.slow
def test_a_directory_may_lie_in_an_object_store(s3) -> None:
    fill(DirectoryTracker(s3 / "run"))
    found = json.loads((s3 / "run" / "artifacts" / "000001" / "scores.json").read_text())
    assert found == {"loss": 1.0, "js_distance/x": 0.25}
