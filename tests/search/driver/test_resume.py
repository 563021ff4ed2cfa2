import dataclasses
import os
import threading
from pathlib import Path

import pytest

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.errors import ConfigError
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.search.driver import resume
from tabvae_ray.search.driver.resume import begin_or_resume, find_previous
from tabvae_ray.search.inputs import SearchInputs, prepare_inputs
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tests.support.records import manifest


@pytest.fixture
def directory(tmp_path: Path) -> Location:
    return Location(tmp_path / "mine")


def write(directory: Location, made: SearchManifest, **driver: object) -> None:
    """As a driver of another host or process has left it."""
    made.write(directory)
    file = directory / "search.json"
    text = file.read_text()
    for key, value in driver.items():
        text = text.replace(repr(made.driver[key]).replace("'", '"'), str(value))
    file.write_text(text)


def test_what_a_killed_first_write_leaves_does_not_take_the_name(directory: Location) -> None:
    (directory / ".search.json.0123.tmp").write_text("{")
    assert find_previous(directory, resume=False) is None
    (directory / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty, and holds no search"):
        find_previous(directory, resume=False)


def test_a_search_whose_driver_lives_is_refused_and_that_of_a_dead_one_is_not(
    space: SearchSpace, directory: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(directory, manifest(space), pid=os.getppid())
    with pytest.raises(ConfigError, match=rf"is at work on .* \(process {os.getppid()}\): stop"):
        find_previous(directory, resume=True)
    # A process that has but inherited the number.
    monkeypatch.setattr(resume, "HEARTBEAT_SECONDS", 0.0)
    assert find_previous(directory, resume=True) is not None


def test_a_search_on_another_host_is_watched_for_a_heartbeat(
    space: SearchSpace, directory: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "HEARTBEAT_SECONDS", 0.2)
    made = manifest(space)
    write(directory, made, host='"elsewhere"')
    found = find_previous(directory, resume=True)
    assert found is not None and found.driver["host"] == "elsewhere"
    beat = threading.Timer(0.1, lambda: write(directory, made, host='"elsewhere"'))
    beat.start()
    with pytest.raises(ConfigError, match="is at work on elsewhere"):
        find_previous(directory, resume=True)
    beat.join()


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
