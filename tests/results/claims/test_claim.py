import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.results.claims import claim
from tabvae_ray.results.claims.claim import claimed
from tabvae_ray.results.claims.holder import Holder, process_start
from tabvae_ray.results.search_manifest import HEARTBEAT_SECONDS
from tabvae_ray.search import run
from tabvae_ray.search.driver.resume import begin_or_resume
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tests.support.clocks import SECONDS, Clock, wait_for
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
    refused: list[str] = []
    running: list[int] = []
    go = threading.Barrier(2)

    def connect(_: object) -> None:
        running.append(1)
        # Until the other one has been refused, or runs as well.
        wait_for(lambda: refused or len(running) == 2)
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


def test_of_many_that_start_and_end_together_the_last_removes_the_directory(
    directory: Location,
) -> None:
    """A directory may be made by one process and claimed by another one."""
    go = threading.Barrier(4)

    def take() -> None:
        go.wait()
        with suppress(ConfigError), claimed(directory):
            pass

    for _ in range(20):
        at_once(take, 4)
        assert not directory.exists()


def test_a_directory_that_was_there_before_stays(directory: Location) -> None:
    directory.make_dir()
    with claimed(directory):
        pass
    assert list(directory.children()) == []
    assert directory.exists()


def test_the_claim_of_a_living_process_is_respected(directory: Location) -> None:
    parent = os.getppid()
    leave(directory, pid=parent, started=process_start(parent))
    with pytest.raises(ConfigError, match=f"process {parent} on"), claimed(directory):
        pass


def test_the_claim_of_a_program_with_any_name_is_respected(
    directory: Location, tmp_path: Path
) -> None:
    """Linux cuts names of programs after 15 bytes, here within a letter."""
    program = tmp_path / "pruefe-diegroeße"
    program.symlink_to(shutil.which("sleep") or "/bin/sleep")
    directory.make_dir()
    with subprocess.Popen([program, "60"]) as process:
        try:
            leave(directory, pid=process.pid, started=process_start(process.pid))
            with pytest.raises(ConfigError, match=f"process {process.pid} on"), claimed(directory):
                pass
        finally:
            process.kill()


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
                # Two of them would be the fault.
                if len(held) > 1:
                    ended.set()
                ended.wait(SECONDS)
        except ConfigError:
            refused.append(1)
            ended.set()

    at_once(take, 2)
    assert (len(held), len(refused)) == (1, 1)


def test_a_driver_on_another_host_is_watched_for_a_heartbeat(
    space: SearchSpace, directory: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = manifest(space)
    made.write(directory)
    leave(directory, host="elsewhere")
    clock = Clock()

    def wait_for_a_beat(seconds: float) -> None:
        clock.move(seconds)
        # The last one that is not too late.
        if clock() > 2 * HEARTBEAT_SECONDS:
            made.write(directory)

    watch = SimpleNamespace(time=time.time, monotonic=clock, sleep=wait_for_a_beat)
    monkeypatch.setattr(claim, "time", watch)
    with pytest.raises(ConfigError, match="on elsewhere, since"), claimed(directory):
        pass
    assert clock() < 2.5 * HEARTBEAT_SECONDS
    watch.sleep = clock.move
    with claimed(directory):
        pass
    assert clock() > 4 * HEARTBEAT_SECONDS


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
    held: list[int] = []
    refused: list[int] = []
    go, ended, clock = threading.Barrier(3), threading.Event(), Clock()

    def now() -> float:
        # Others have all the time that they need to withdraw, until one of them is there to stay.
        clock.move(1.0 if held else 0.0)
        return clock()

    watch = SimpleNamespace(time=time.time, monotonic=now, sleep=lambda _: time.sleep(0.02))
    monkeypatch.setattr(claim, "time", watch)

    def take() -> None:
        go.wait()
        try:
            with claimed(directory):
                held.append(1)
                if len(held) > 1:
                    ended.set()
                ended.wait(SECONDS)
        except ConfigError:
            refused.append(1)
            if len(refused) == 2:
                ended.set()

    at_once(take, 3)
    assert (len(held), len(refused)) == (1, 2)
    assert directory.children() == []


def test_a_refit_and_a_driver_refuse_each_other_in_words_of_their_own(
    directory: Location,
) -> None:
    who = f"by process {os.getpid()} on .*, since 20.* UTC"
    with claimed(directory, doing="refit"):
        with pytest.raises(ConfigError, match=f"{directory} is being refitted {who}: wait until"):
            with claimed(directory):
                pass
        with pytest.raises(ConfigError, match=f"is being refitted {who}: wait until it has ended"):
            with claimed(directory, doing="refit"):
                pass
    with (
        claimed(directory),
        pytest.raises(ConfigError, match=f"is being run {who}: refit it when it has ended"),
        claimed(directory, doing="refit"),
    ):
        pass


def claim_in_a_child(directory: Location, changes: dict[str, object]) -> subprocess.Popen[str]:
    """Start a process that claims a directory as one elsewhere, until its input ends."""
    code = (
        "import sys, json, dataclasses\n"
        "from tabvae_ray.results.claims import claim\n"
        "from tabvae_ray.storage import Location\n"
        "claim.HEARTBEAT_SECONDS = 0.2\n"
        "here, changes = claim.Holder.here, json.loads(sys.argv[2])\n"
        "claim.Holder.here = lambda doing: dataclasses.replace(here(doing), **changes)\n"
        "with claim.claimed(Location(sys.argv[1]), doing='refit'):\n"
        "    print('claimed', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code, str(directory), json.dumps(changes)]
    pipe = subprocess.PIPE
    child = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "claimed\n"
    return child


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "elsewhere"},
        # Containers that share the network of their machine have its name, too.
        {"pids": "pid:[1]", "pid": os.getpid()},
    ],
)
def test_a_refit_elsewhere_is_respected_while_it_lives_and_not_for_long_once_it_is_killed(
    directory: Location, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    monkeypatch.setattr(claim, "HEARTBEAT_SECONDS", 20.0)
    with claim_in_a_child(directory, changes) as child:
        try:
            with pytest.raises(ConfigError, match="is being refitted by"), claimed(directory):
                pass
        finally:
            child.kill()
    assert (Path(str(directory)) / "driver.json").exists()
    monkeypatch.setattr(claim, "HEARTBEAT_SECONDS", 0.2)
    with claimed(directory):
        pass


def test_a_refit_in_an_object_store_shows_that_it_lives(
    directory: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(Location, "on_this_machine", lambda _: None)
    with claimed(directory, doing="refit") as mine:
        elsewhere = replace(mine, id="0" * 32, host="elsewhere")
        file = directory / f"driver-{mine.id}.json"
        before = claim._signs(mine, directory)
        wait_for(lambda: claim._signs(mine, directory) != before)
        assert claim._signs(elsewhere, directory) == claim._signs(elsewhere, directory)
        assert file.exists()
    assert not file.exists()
