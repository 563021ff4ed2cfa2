"""``tabvae show``: a search that runs, one whose driver has died, and one that is finished."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tabvae_ray.cli import main
from tabvae_ray.commands.search_state import SearchState
from tabvae_ray.documents import write_json
from tabvae_ray.errors import StorageError
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tests.support.records import finished, manifest


@pytest.fixture
def run(space: SearchSpace, tmp_path: Path) -> Location:
    """Return a search of which three trials have ended and two run."""
    directory = Location(tmp_path / "runs" / "mine")
    store = RecordStore(directory, space.objectives)
    for record in (
        finished(0, "COMPLETE", 9, js=0.2),
        finished(1, "COMPLETE", 9, js=0.1),
        finished(2, "PRUNED", 3),
    ):
        store.finish(record)
    scores = {"mean_js_distance": 0.3, "correlation_distance": 0.4}
    store.keep_running(
        TrialRecord(3, "RUNNING", {}, rungs=[Rung(3, scores)], started=time.time() - 65)  # type: ignore[arg-type]
    )
    store.keep_running(TrialRecord(4, "RUNNING", {}))
    write_manifest(space, directory)
    return directory


def write_manifest(space: SearchSpace, directory: Location, **changes: Any) -> None:
    rungs = [1, 3, 9]
    table = {"fingerprint": "", "rows": 918, "columns": 12}
    manifest(space, rungs=rungs, table=table, **changes).write(directory)


def shown(run: Location, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["show", run.uri]) == 0
    return capsys.readouterr().out


def test_a_search_that_runs(run: Location, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(run, capsys)
    assert "search mine: running on " in out
    assert "table:  t.csv (918 rows, 12 columns)" in out
    assert "trials: 3 of 6 ended: 2 complete, 1 stopped early, 2 running" in out
    assert "trial 3: at least 3 of 9 epochs; mean_js_distance 0.3, correlation" in out
    assert "(for 1 min " in out
    assert "trial 4: before its first report, which comes after epoch 1" in out
    # Trial 1 dominates trial 0.
    assert "the front (1 of 2 complete trials)" in out


def test_the_budget_of_a_run_is_no_limit_of_a_search_that_went_on(
    space: SearchSpace, run: Location, capsys: pytest.CaptureFixture[str]
) -> None:
    limited = space.settings.model_copy(update={"time_budget": 60.0})
    write_manifest(replace(space, settings=limited), run, seconds=160.0)
    assert "time:   2 min 40 s in all; time budget of a run: 1 min 0 s\n" in shown(run, capsys)


def test_json_has_the_same_as_values(run: Location, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", run.uri, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["name"], document["state"], document["silent"]) == ("mine", "running", False)
    assert document["trials"] == {"COMPLETE": 2, "PRUNED": 1, "RUNNING": 2}
    assert [trial["trial"] for trial in document["running"]] == [3, 4]
    (best,) = document["front"]
    assert best["trial"] == 1 and best["epochs"] == 9
    assert best["scores"] == {"mean_js_distance": 0.1, "correlation_distance": 0.5}


def test_a_search_that_chooses_its_model_is_not_said_to_be_interrupted(
    space: SearchSpace, run: Location, capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(space, run, concluding=True)
    line = shown(run, capsys).splitlines()[0]
    assert line.startswith("search mine: concluding on ") and "chooses, exports or refits" in line
    document = json.loads((run / "search.json").read_text())
    write_json(run / "search.json", {**document, "updated": time.time() - 600})
    assert "concluding when it last wrote, but that was 10 min" in shown(run, capsys)
    write_manifest(space, run, concluding=True, state="interrupted")
    assert shown(run, capsys).startswith("search mine: interrupted\n")


def test_a_search_whose_driver_has_died(
    run: Location, space: SearchSpace, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((run / "search.json").read_text())
    write_json(run / "search.json", {**document, "updated": time.time() - 600})
    out = shown(run, capsys)
    assert "that was 10 min " in out and "its process may have died" in out
    assert "2 not finished" in out
    assert "not finished, continued by --resume:" in out


def test_a_search_that_is_finished(
    run: Location, space: SearchSpace, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (3, 4):
        (run / "running" / f"{number:06d}.json").remove()
    chosen = {"trial": 1, "reason": "the only one there is", "candidates": [{"trial": 1}]}
    write_manifest(space, run, state="finished", chosen=chosen)
    out = shown(run, capsys)
    assert "search mine: finished\n" in out
    assert "\nrunning:" not in out
    assert "* 1" in out
    assert "chosen: trial 1, the only one there is" in out
    assert f"model:  {run / 'best'}" in out
    # Chosen among the trials as far as they came.
    for number in (0, 1, 2):
        (run / "trials" / f"{number:06d}.json").remove()
    out = shown(run, capsys)
    assert "no trial is complete yet" in out and f"model:  {run / 'best'}" in out


def test_a_trial_that_ends_while_it_is_read_is_read_again(
    run: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, calls = RecordStore.running, []

    def running(store: RecordStore) -> list[TrialRecord]:
        calls.append(store)
        if len(calls) == 1:
            raise StorageError("running/000003.json: cannot be read: there is no such file")
        return read(store)

    monkeypatch.setattr(RecordStore, "running", running)
    assert len(SearchState.read(run).running) == 2


@pytest.mark.parametrize("command", ["show", "report", "refit"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "nowhere: cannot be read: there is no such file or directory"),
        ("empty", "empty: is not the directory of a search: it has no search.json"),
        ("runs", "runs: is not the directory of a search; it holds those of mine, my search"),
        ("runs/mine/best", "best: is not the directory of a search, but a part of it; that is "),
        ("runs/mine/search.json", "search.json: is a file, but must be the directory of a search"),
    ],
)
def test_where_there_is_no_search_it_says_what_is_there(
    command: str, name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for search in ("mine", "my search"):
        (Location(tmp_path) / "runs" / search / "search.json").write_text("{}")
    (tmp_path / "runs" / "mine" / "best").mkdir()
    assert main([command, str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err


def test_it_writes_nothing(run: Location, capsys: pytest.CaptureFixture[str]) -> None:
    path = run.on_this_machine()
    assert path is not None
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    shown(run, capsys)
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before
