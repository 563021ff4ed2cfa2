"""``search --log-format json``: a search as events."""

import json
import pickle
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from tabvae_ray.cli import main
from tabvae_ray.command_line.json_log import JsonLog
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.display.json_progress import JsonProgress
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tests.support.records import finished, run_state


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    return [json.loads(line) for line in captured.err.splitlines()]


def follow(progress: JsonProgress, *records: TrialRecord) -> None:
    statistics = RunStatistics(progress.space, 2)
    progress.follow(statistics)
    state = run_state(TrialRecord(9, "RUNNING", {}))
    with progress:
        for record in records:
            statistics(state, record)
            progress(state, record)


def running(n_epochs: int) -> TrialRecord:
    rungs = [Rung(n_epochs, {"mean_js_distance": None}, {"loss": 12.5})] if n_epochs else []
    return TrialRecord(9, "RUNNING", {}, rungs=rungs)


def test_reports_and_ends_of_trials_are_events(
    space: SearchSpace, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = JsonProgress(space, JsonLog())
    # Ray Tune may tell of one report twice.
    records = [running(0), running(3), running(3), finished(0, "COMPLETE", 9)]
    follow(progress, *records, finished(1, "FAIL", 1))
    reported, complete, failed = events(capsys)
    assert reported["event"] == "trial_reported"
    assert (reported["trial"], reported["epoch"]) == (9, 3)
    assert reported["losses"] == {"loss": 12.5}
    assert reported["scores"] == {"mean_js_distance": None}
    assert complete["event"] == "trial_ended" and complete["level"] == "info"
    assert (complete["state"], complete["epoch"]) == ("COMPLETE", 9)
    assert complete["scores"] == {"mean_js_distance": 0.2, "correlation_distance": 0.5}
    # Not "best", which is a path at the end: a collector takes a key to have one type.
    assert complete["best_scores"] == complete["scores"] and "best" not in complete
    assert complete["trials"]["COMPLETE"] == 1
    assert complete["hypervolume"] == pytest.approx(0.4)
    assert (failed["state"], failed["level"]) == ("FAIL", "warning")


def test_sentences_are_messages_and_warnings_have_their_level(
    space: SearchSpace, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = JsonProgress(space, JsonLog())
    progress.say("starting Ray")
    progress.say("warning: no report could be made")
    assert [(event["level"], event["message"]) for event in events(capsys)] == [
        ("info", "starting Ray"),
        ("warning", "no report could be made"),
    ]


def test_the_end_has_what_json_prints(
    space: SearchSpace, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = JsonProgress(space, JsonLog())
    outcome: Any = SimpleNamespace(
        state="failed", directory=Location("/runs/x"), reason="too many failures"
    )
    progress.conclude(outcome, {"state": "failed", "best": None, "membership": float("nan")})
    (event,) = events(capsys)
    assert (event["event"], event["level"], event["state"]) == ("search_ended", "error", "failed")
    assert event["ended_early"] == "too many failures" and event["membership"] is None


def test_the_driver_on_a_head_logs_alike(
    space: SearchSpace, capsys: pytest.CaptureFixture[str]
) -> None:
    log = JsonLog()
    log.search = "wards"
    made = pickle.loads(pickle.dumps(JsonProgress(space, log).elsewhere()))(console=None)
    made.say("hello")
    with made.taking_warnings(), pytest.warns(UserWarning, match="odd"):
        warnings.warn("odd", stacklevel=1)
    assert events(capsys)[0]["search"] == "wards"


def test_an_error_of_the_command_is_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": []}).to_csv("empty.csv", index=False)
    # With an address, Ray does not start before the table has been read.
    options = ["--data", "empty.csv", "--space", "smoke", "--log-format", "json"]
    options += ["--address", "auto"]
    assert main(["search", *options]) == 2
    (event,) = events(capsys)
    assert event["event"] == "failed" and "empty.csv" in event["message"]
    assert main(["search", "--log-format", "json"]) == 2
    assert events(capsys)[-1]["message"].startswith("--space: must be given")
