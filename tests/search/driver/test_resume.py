import os
import threading
from pathlib import Path

import pytest

from tabvae_ray.errors import ConfigError
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.search.driver import resume
from tabvae_ray.search.driver.resume import find_previous
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
