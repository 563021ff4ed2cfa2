import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.search import run
from tabvae_ray.search.driver import claim
from tabvae_ray.search.driver.claim import Holder, claimed
from tabvae_ray.search.driver.resume import begin_or_resume
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tests.support.records import manifest


def at_once(run: Callable[[], None], n: int) -> None:
    """Run a function in several threads to their end."""
    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def directory(tmp_path: Path) -> Location:
    return Location(tmp_path / "mine")


def leave(directory: Location, **changes: object) -> Holder:
    """As a driver leaves its claim that is killed."""
    holder = replace(Holder.here(), **changes)
    (directory / "driver.json").write_text(holder.content().decode())
    return holder


@pytest.mark.parametrize("resume", [False, True])
def test_of_two_drivers_started_together_one_runs(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    inputs = prepare_inputs(space=str(space_file), out=str(tmp_path), name="mine")
    if resume:
        made = begin_or_resume(inputs, Resources(), None, resume=False).manifest
        made.state = "interrupted"
        made.write(inputs.directory)
    refused, running, go = [], [], threading.Barrier(2)

    def connect(_: object) -> None:
        running.append(1)
        time.sleep(1.0)
        raise ConfigError("no Ray here")

    def drive() -> None:
        go.wait()
        try:
            run.run_search(inputs, resume=resume)
        except ConfigError as error:
            refused.append(str(error))

    monkeypatch.setattr(run, "connected", connect)
    threads = [threading.Thread(target=drive) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(running) == 1
    (told,) = [text for text in refused if text != "no Ray here"]
    assert f"is being run by process {os.getpid()} on " in told and ", since 20" in told
    assert (tmp_path / "mine").exists() == resume
    assert not (tmp_path / "mine" / "driver.json").exists()


def test_a_claim_is_held_and_given_back(directory: Location) -> None:
    with (
        claimed(directory),
        pytest.raises(ConfigError, match="is being run by"),
        claimed(directory),
    ):
        pass
    assert not directory.exists()
    with pytest.raises(KeyboardInterrupt), claimed(directory):
        raise KeyboardInterrupt
    assert not directory.exists()


def test_the_claim_of_a_living_process_is_respected(directory: Location) -> None:
    parent = os.getppid()
    leave(directory, pid=parent, started=claim._process_start(parent))
    with pytest.raises(ConfigError, match=f"process {parent} on"), claimed(directory):
        pass


@pytest.mark.parametrize("changes", [{}, {"pid": 2**31 - 2}, {"pid": os.getppid(), "started": "1"}])
def test_the_claim_of_a_dead_process_is_taken_over_once(
    directory: Location, changes: dict[str, object]
) -> None:
    leave(directory, **changes)
    held, refused, ended = [], [], threading.Event()

    def take() -> None:
        try:
            with claimed(directory) as mine:
                held.append(mine)
                ended.wait(5)
        except ConfigError:
            refused.append(1)
            ended.set()

    at_once(take, 2)
    assert (len(held), len(refused)) == (1, 1)


def test_a_driver_on_another_host_is_watched_for_a_heartbeat(
    space: SearchSpace, directory: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "HEARTBEAT_SECONDS", 0.2)
    made = manifest(space)
    made.write(directory)
    leave(directory, host="elsewhere")
    beat = threading.Timer(0.1, lambda: made.write(directory))
    beat.start()
    with pytest.raises(ConfigError, match="on elsewhere, since"), claimed(directory):
        pass
    beat.join()
    with claimed(directory):
        pass


def test_a_search_of_a_version_without_claims_is_respected(
    space: SearchSpace, directory: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest(space).write(directory)
    file = directory / "search.json"
    text = file.read_text().replace(f'"pid": {os.getpid()}', f'"pid": {os.getppid()}')
    file.write_text(text)
    with pytest.raises(ConfigError, match=f"process {os.getppid()} on"), claimed(directory):
        pass
    # A process that has but inherited the number.
    monkeypatch.setattr(claim, "HEARTBEAT_SECONDS", 0.0)
    with claimed(directory):
        pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"pid": "me"}, "pid: must be a valid integer"), ({"since": "now"}, "since: must be a valid")],
)
def test_a_damaged_claim_is_named(
    directory: Location, changes: dict[str, object], message: str
) -> None:
    text = json.dumps({**asdict(Holder.here()), **changes})
    (directory / "driver.json").write_text(text)
    with pytest.raises(StorageError, match=message), claimed(directory):
        pass


def test_drivers_of_an_object_store_see_each_other(
    directory: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Location, "on_this_machine", lambda _: None)
    monkeypatch.setattr(claim, "_WITHDRAW_SECONDS", 1.0)
    held, refused, go, ended = [], [], threading.Barrier(3), threading.Event()

    def take() -> None:
        go.wait()
        try:
            with claimed(directory):
                held.append(1)
                ended.wait(20)
        except ConfigError:
            refused.append(1)
            if len(refused) == 2:
                ended.set()

    at_once(take, 3)
    assert (len(held), len(refused)) == (1, 2)
    assert directory.children() == []
