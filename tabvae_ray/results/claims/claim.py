"""Claim a search for one process, its driver or a refit.

Two drivers would train the same trials and remove each other's checkpoints, as two refits would
their codes. Each therefore claims the search before it writes anything else, and gives the claim
back at its end. On a disk the claim is ``driver.json``, which only one process can create. An
object store that pyarrow reaches has no such operation: each process writes its own
``driver-<id>.json`` there and then lists the others. Of two processes, the one that lists last sees
both files, so that at most one goes on.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from tabvae_ray.documents import read_versioned
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.results.claims import claim_file
from tabvae_ray.results.claims.claim_file import CLAIM_NAME
from tabvae_ray.results.claims.heartbeat import regularly
from tabvae_ray.results.claims.holder import Doing, Holder, process_runs, process_start
from tabvae_ray.results.search_manifest import HEARTBEAT_SECONDS, SearchManifest
from tabvae_ray.storage import Location

__all__ = ["claimed"]

# After this long without a sign of life, a process on another machine counts as dead.
_SURELY_DEAD_SECONDS = 3600.0
# How long a process waits in an object store for others to withdraw, and how often it looks.
_WITHDRAW_SECONDS, _PERIOD = 10.0, 0.2
# How often a process looks for a sign of life of one on another machine.
_WATCH_PERIOD = 1.0
# Often enough to meet another process that ends just now.
_ATTEMPTS = 20
# How often a claim is read that is damaged, or goes and is made anew meanwhile.
_READINGS = 5
# Claims of this process.
_HELD: set[str] = set()

_HOLDERS = TypeAdapter(Holder)


@contextmanager
def claimed(
    directory: Location, check: Callable[[], object] = lambda: None, *, doing: Doing = "run"
) -> Iterator[Holder]:
    """Hold the claim on a search during the block.

    A directory that is made for the claim is removed at the end if nothing else is in it.

    Args:
        directory: The search's directory.
        check: Checks the directory before anything is written; it may raise.
        doing: Whether the block runs the search or refits its model.

    Raises:
        ConfigError: If another process holds it; the message names the holder.
        StorageError: If a claim cannot be read or written.
    """
    mine = Holder.here(doing)
    path = directory.on_this_machine()
    file = directory / ("driver.json" if path is not None else f"driver-{mine.id}.json")
    made = False
    # As long as the claim is written, so that no other thread takes it for a dead process's.
    _HELD.add(mine.id)
    try:
        if path is None:
            _claim_in_store(directory, file, mine, check)
        else:
            made = _claim_on_disk(directory, path, mine, check)
        with regularly(HEARTBEAT_SECONDS, partial(_beat, file, mine)):
            yield mine
    finally:
        if path is None:
            with suppress(StorageError):
                file.remove()
        else:
            _give_back(path, mine, made=made)
        _HELD.discard(mine.id)


def _beat(file: Location, mine: Holder) -> None:
    """Write the claim again, to show processes on other machines that this one lives."""
    path = file.on_this_machine()
    with suppress(OSError, StorageError):
        if path is not None:
            os.utime(path)
        else:
            file.write_bytes(mine.content())


def _claim_on_disk(
    directory: Location, path: Path, mine: Holder, check: Callable[[], object]
) -> bool:
    """Claim a directory on a disk, and return True if the directory is new."""
    file, made = path / "driver.json", False

    def create() -> bool:
        nonlocal made
        path.parent.mkdir(parents=True, exist_ok=True)
        # Otherwise one process might make the directory and another one claim it first, so that
        # neither of them removed it.
        with claim_file.locked(path.parent):
            with suppress(FileExistsError):
                path.mkdir()
                made = True
            try:
                return claim_file.create(file, mine.content())
            except FileNotFoundError:
                # Another process has just given up and removed the directory.
                made = False
                return False
            except OSError:
                if made:
                    with suppress(OSError):
                        path.rmdir()
                raise

    for _ in range(_ATTEMPTS):
        content = claim_file.read(file)
        dead = _dead_holders(directory, mine)
        check()
        if not dead:
            done = directory.attempt("written", create)
        else:
            take_over = partial(claim_file.replace, file, content, mine.content())
            done = directory.attempt("written", take_over)
        if done:
            return made
        time.sleep(_PERIOD / 4)
    raise _taken(directory, next(iter(_holders(directory)), None), mine)


def _give_back(path: Path, mine: Holder, *, made: bool) -> None:
    """Remove a claim from a disk, and its directory if that was made for it and is empty."""
    with suppress(OSError), claim_file.locked(path.parent):
        claim_file.remove(path / "driver.json", mine.content())
        if made:
            path.rmdir()


def _claim_in_store(
    directory: Location, file: Location, mine: Holder, check: Callable[[], object]
) -> None:
    """Claim a directory in an object store, after the holders there are found dead."""
    dead = _dead_holders(directory, mine)
    check()
    file.write_bytes(mine.content())
    end = time.monotonic() + _WITHDRAW_SECONDS
    known = {holder.id for holder in dead}
    while rivals := [h for h in _holders(directory) if h.id not in known | {mine.id}]:
        # The lowest id stays. One that listed before this one wrote stays as well.
        if min(rival.id for rival in rivals) < mine.id or time.monotonic() > end:
            file.remove()
            raise _taken(directory, rivals[0], mine)
        time.sleep(_PERIOD)
    for holder in dead:
        (directory / f"driver-{holder.id}.json").remove()


def _dead_holders(directory: Location, mine: Holder) -> list[Holder]:
    """Return the claims of processes that have died.

    Raises:
        ConfigError: If one is alive.
    """
    holders = _holders(directory)
    for holder in holders or _driver_without_claim(directory):
        if _lives(holder, directory):
            raise _taken(directory, holder, mine)
    return holders


def _holders(directory: Location) -> list[Holder]:
    files = [file for file in directory.children() if CLAIM_NAME.fullmatch(file.name)]
    return [holder for holder in map(_holder, files) if holder is not None]


def _holder(file: Location) -> Holder | None:
    """Read a claim; None if its process has just ended."""
    for attempts_left in reversed(range(_READINGS)):
        try:
            return read_versioned(file, _HOLDERS, 1, "the claim of a process")
        except StorageError as error:
            if not file.exists():
                break
            # Perhaps it went, and another process has made its own since.
            if not attempts_left:
                hint = "if no process runs or refits this search, remove the file"
                raise type(error)(f"{error}; {hint}") from None
            time.sleep(_PERIOD / 10)
    return None


def _driver_without_claim(directory: Location) -> Collection[Holder]:
    """Return the driver of a search that runs with an earlier version, which made no claims."""
    manifest = _manifest(directory)
    if manifest is None or manifest.state != "running":
        return []
    host, pid = manifest.driver.get("host", ""), manifest.driver.get("pid")
    return [] if pid is None else [Holder("", host, pid, manifest.updated, None)]


def _lives(holder: Holder, directory: Location) -> bool:
    if holder.id in _HELD:
        return True
    signs = _signs(holder, directory)
    if holder.is_on_this_machine:
        if holder.pid == os.getpid() or not process_runs(holder.pid):
            return False
        if holder.started is not None:
            return process_start(holder.pid) in (holder.started, None)
        # A process that has been silent for this long is another one with the same number.
        return time.time() - max(signs) < 6 * HEARTBEAT_SECONDS
    # The clocks of two machines may differ by minutes, but not by an hour.
    if abs(time.time() - max(signs)) > _SURELY_DEAD_SECONDS:
        return False
    end = time.monotonic() + 2.5 * HEARTBEAT_SECONDS
    while True:
        time.sleep(_WATCH_PERIOD)
        if _signs(holder, directory) != signs:
            return True
        if time.monotonic() >= end:
            return False


def _signs(holder: Holder, directory: Location) -> list[float]:
    """Return when the process has made its claim, and last written it and the manifest.

    These are moments of several clocks, so that the latest of them may stay the same for long.
    """
    manifest = _manifest(directory)
    signs = [holder.since, 0.0 if manifest is None else manifest.updated]
    for name in ("driver.json", f"driver-{holder.id}.json"):
        file = directory / name
        with suppress(StorageError):
            info = file.attempt("read", partial(file.filesystem.get_file_info, file.path))
            signs.append((info.mtime_ns or 0) / 1e9)
    return signs


def _manifest(directory: Location) -> SearchManifest | None:
    # A damaged one is reported where it is read for the search.
    with suppress(StorageError):
        if (directory / "search.json").exists():
            return SearchManifest.read(directory)
    return None


def _taken(directory: Location, holder: Holder | None, mine: Holder) -> ConfigError:
    by = "another process" if holder is None else str(holder)
    refits = holder is not None and holder.doing == "refit"
    held = f"is being {'refitted' if refits else 'run'} by {by}"
    if mine.doing == "refit":
        until = (
            "wait until it has ended, or stop it, and give the same command again"
            if refits
            else "refit it when it has ended"
        )
        return ConfigError(f"{directory}: the search {held}: {until}")
    first = "wait until it has ended, stop it," if refits else "stop it first,"
    return ConfigError(f"--name: the search in {directory} {held}: {first} or give another --name")
