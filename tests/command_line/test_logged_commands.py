"""``--log-format json`` of the commands that run long: stderr has one JSON object per line."""

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tabvae_ray.cli import main
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tests.refit.conftest import make_search

JSON = ["--log-format", "json"]


@pytest.fixture
def home(
    tmp_path: Path,
    mixed: pd.DataFrame,
    synthesizer: TabularVAESynthesizer,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Return a working directory with a table and a model."""
    monkeypatch.chdir(tmp_path)
    mixed.to_csv("mixed.csv", index=False)
    synthesizer.save("model")
    return tmp_path


def told(
    capsys: pytest.CaptureFixture[str], *words: str, code: int = 0
) -> tuple[str, list[dict[str, Any]]]:
    """Run a command; return its stdout, and its events without the time."""
    assert main([*words, *JSON]) == code
    captured = capsys.readouterr()
    events = [json.loads(line) for line in captured.err.splitlines()]
    assert all(event.pop("time") for event in events)
    return captured.out, events


def test_a_training(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"architecture": {"encoder_layer_sizes": [16], "latent_dim": 4}}
    (home / "small.yaml").write_text(yaml.safe_dump(config))
    words = ["train", "--data", "mixed.csv", "--config", "small.yaml", "--epochs", "2"]
    out, events = told(capsys, *words, "--out", "made", "--json")
    first, *epochs, last = events
    assert first["event"] == "message" and first["message"].startswith("training on ")
    assert [(event["event"], event["epoch"], event["epochs"]) for event in epochs] == [
        ("epoch_ended", 1, 2),
        ("epoch_ended", 2, 2),
    ]
    assert all(event["loss"] > 0 for event in epochs)
    assert {"level": "info", "event": "training_ended", **json.loads(out)} == last
    out, events = told(capsys, *words, "--out", "quiet", "--quiet")
    assert (out, events) == ("", [])
    out, (failed,) = told(capsys, *words, "--out", "made", code=2)
    assert (failed["event"], failed["exit_code"]) == ("failed", 2)


def test_a_generation(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", "--model", "model", "--rows", "30"]
    out, events = told(capsys, *words, "--where", "age=30:", "--out", "rows.csv")
    said, ended = events
    assert said["message"].startswith("30 rows that satisfy the conditions, of ")
    assert ended.pop("seconds") > 0 and out == ""
    rows = str(home / "rows.csv")
    assert ended == {
        "level": "info",
        "event": "generation_ended",
        "rows": 30,
        "out": rows,
        "shards": None,
    }
    assert len(pd.read_csv(rows)) == 30
    # Rows on stdout, and events beside them.
    out, (ended,) = told(capsys, *words, "--out", "-")
    assert out.count("\n") > 30 and ended["out"] == "stdout"


def test_shards(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", "--model", "model", "--rows", "30", "--shard-rows", "10", "--out", "rows"]
    _, events = told(capsys, *words)
    # On a busy machine, others may have said how far it was.
    *_, made, ended = events
    assert made == {
        "level": "info",
        "event": "shards_made",
        "shards": 3,
        "shards_planned": 3,
        "rows": 30,
        "rows_planned": 30,
        "shards_of_earlier_runs": 0,
    }
    assert (ended["out"], ended["shards"]) == (str(home / "rows"), 3)
    _, events = told(capsys, *words)
    assert events[-2]["shards_of_earlier_runs"] == 3


@pytest.mark.usefixtures("few_trees")
def test_a_comparison(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "--real", "mixed.csv", "--synthetic", "mixed.csv", "--no-levels"]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        out, events = told(capsys, *words, "--json", "--out", "compared", "--plots", "none")
        *said, ended = events
        assert any(event.get("message") == f"written to {home / 'compared'}" for event in said)
        assert {"level": "info", "event": "comparison_ended", **json.loads(out)} == ended
        assert ended["mean_js_distance"] < 0.01
        # What is for people is not printed beside it: some collectors read stdout, too.
        assert told(capsys, *words)[0] == ""


def test_a_refit_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = make_search(tmp_path, {"max_n_epochs": 1}).path
    out, events = told(capsys, "refit", str(search), "--epochs", "1", "--json")
    assert all(event["search"] == "mine" for event in events)
    assert [event["event"] for event in events] == ["message", "epoch_ended", "refit_ended"]
    assert events[-1]["model"] == json.loads(out)["model"] == str(search / "best")
    out, events = told(capsys, "report", str(search), "--out", str(tmp_path / "page.html"))
    *said, ended = events
    assert out == "" and said
    assert (ended["event"], ended["page"]) == ("report_ended", str(tmp_path / "page.html"))
