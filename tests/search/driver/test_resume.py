import dataclasses
import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.search import run
from tabvae_ray.search.driver.resume import begin_or_resume, find_previous
from tabvae_ray.search.inputs import SearchInputs, prepare_inputs
from tabvae_ray.storage import Location


@pytest.fixture
def directory(tmp_path: Path) -> Location:
    return Location(tmp_path / "mine")


def test_what_a_killed_first_write_leaves_does_not_take_the_name(directory: Location) -> None:
    (directory / ".search.json.0123.tmp").write_text("{")
    assert find_previous(directory, resume=False) is None
    (directory / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty, and holds no search"):
        find_previous(directory, resume=False)


@pytest.mark.parametrize("name", [".git", ".env", ".search.json", "notes.txt"])
def test_a_directory_with_hidden_entries_is_not_taken(directory: Location, name: str) -> None:
    (directory / name / "config").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty, and holds no search"):
        find_previous(directory, resume=False)


def test_a_failed_start_removes_only_what_it_has_written(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        (tmp_path / "mine" / "notes.txt").write_text("written meanwhile")
        raise ConfigError("no node fits")

    monkeypatch.setattr(run, "connected", lambda _: nullcontext(True))
    monkeypatch.setattr(run, "preflight", refuse)
    with pytest.raises(ConfigError, match="no node fits"):
        run.run_search(inputs_of(space_file, tmp_path))
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_bug_before_the_first_trial_leaves_no_search(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "connected", lambda _: nullcontext(True))
    monkeypatch.setattr(run, "preflight", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.run_search(inputs_of(space_file, tmp_path))
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {"architecture.latent_dim": 99}}, "parameters.architecture.latent_dim: mu"),
        ({"parameters": {"architecture.nope": 1}}, "parameters.architecture.nope: is no parameter"),
        ({"rungs": [{"epoch": 99, "objectives": {}}]}, "rungs.0.epoch: must be from 1 to 9"),
        ({"rungs": "many"}, "rungs: must be a list"),
        ({"parents": [7]}, "parents: must be the numbers of earlier trials"),
    ],
)
def test_a_damaged_record_is_named_before_ray_starts(
    space_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    message: str,
) -> None:
    monkeypatch.setattr(run, "connected", lambda _: 1 / 0)
    inputs = inputs_of(space_file, tmp_path)
    begin_or_resume(inputs, Resources(), None, resume=False).manifest.write(inputs.directory)
    file = inputs.directory / "trials" / "000000.json"
    record = {"number": 0, "state": "PRUNED", "parameters": {}}
    file.write_text(json.dumps({**record, **changes}))
    with pytest.raises(StorageError, match=r"000000\.json: is not a trial record") as caught:
        run.run_search(inputs, resume=True)
    assert message in str(caught.value)
    assert json.loads((inputs.directory / "search.json").read_text())["state"] == "interrupted"
    assert not (inputs.directory / "driver.json").exists()


@pytest.mark.parametrize("name", ["study.log", "progress.jsonl", "trials.csv"])
def test_a_directory_in_place_of_a_file_is_named(directory: Location, name: str) -> None:
    (directory / "search.json").write_text("{}")
    (directory / name).make_dir()
    with pytest.raises(StorageError, match=f"{name}: must be a file"):
        find_previous(directory, resume=True)


def inputs_of(space_file: Path, home: Path) -> SearchInputs:
    return prepare_inputs(space=str(space_file), out=str(home), name="mine")


def test_a_search_that_begins_writes_nothing_before_it_is_checked(
    space_file: Path, tmp_path: Path
) -> None:
    inputs = inputs_of(space_file, tmp_path / "runs")
    start = begin_or_resume(inputs, Resources(), "sqlite:///mine.db", resume=False)
    assert (start.previous_state, start.study_url) == (None, "sqlite:///mine.db")
    assert start.manifest.runs == 1
    assert not (tmp_path / "runs").exists()
    with pytest.raises(ConfigError, match="--resume: there is no search in"):
        begin_or_resume(inputs, Resources(), None, resume=True)


def test_a_search_that_is_resumed_keeps_what_earlier_runs_have_left(
    space_file: Path, tmp_path: Path
) -> None:
    inputs = inputs_of(space_file, tmp_path)
    first = begin_or_resume(inputs, Resources(), "sqlite:///mine.db", resume=False).manifest
    first.state, first.seconds = "interrupted", 12.5
    first.levels = inputs.reference_levels().to_mapping()
    first.write(inputs.directory)
    content = (inputs.directory / "search.json").read_text()
    start = begin_or_resume(inputs, Resources(), None, resume=True)
    assert (start.previous_state, start.study_url) == ("interrupted", "sqlite:///mine.db")
    again = start.manifest
    assert (again.id, again.runs, again.seconds) == (first.id, 2, 12.5)
    assert again.levels.keys() == first.levels.keys()
    assert (inputs.directory / "search.json").read_text() == content
    with pytest.raises(ConfigError, match="holds a search already: go on with it by --resume"):
        begin_or_resume(inputs, Resources(), None, resume=False)


def test_a_search_of_other_rows_is_not_resumed(space_file: Path, tmp_path: Path) -> None:
    inputs = inputs_of(space_file, tmp_path)
    begin_or_resume(inputs, Resources(), None, resume=False).manifest.write(inputs.directory)
    file = inputs.directory / "search.json"
    file.write_text(file.read_text().replace('"state": "running"', '"state": "finished"'))
    fewer = dataclasses.replace(inputs, table=inputs.table.head(400))
    with pytest.raises(ConfigError, match=r"because this has changed since it began:\n.*table"):
        begin_or_resume(fewer, Resources(), None, resume=True)
