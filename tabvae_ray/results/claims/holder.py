"""The process that has claimed a search, and what its machine says of it."""

import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from tabvae_ray.results.trial_record import Moment

__all__ = ["Doing", "Holder", "process_runs", "process_start"]

Doing = Literal["run", "refit"]


@dataclass(frozen=True)
class Holder:
    """A process that has claimed a search.

    Args:
        id: Distinguishes claims of the same process.
        host: The machine.
        pid: The process.
        since: When it made the claim, in seconds since 1970.
        started: When the process started, in the clock of its machine, or None if unknown.
        doing: Whether it runs the search or refits its model.
        pids: The namespace in which its number is known, or None if unknown. Containers may share
            the name of their machine, and number their processes anew.
    """

    id: str
    host: str
    pid: Annotated[int, Field(ge=1, lt=2**31, strict=True)]
    since: Moment
    started: str | None
    doing: Doing = "run"
    pids: str | None = None

    @classmethod
    def here(cls, doing: Doing = "run") -> Self:
        """Return a new claim of this process."""
        pid, host = os.getpid(), socket.gethostname()
        started = process_start(pid)
        return cls(uuid.uuid4().hex, host, pid, time.time(), started, doing, _pids())

    @property
    def is_on_this_machine(self) -> bool:
        """True if the number of its process means the same here."""
        return self.host == socket.gethostname() and self.pids in (None, _pids())

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since))
        return f"process {self.pid} on {self.host}, since {since}"

    def content(self) -> bytes:
        """Return the content of the claim's file."""
        return (json.dumps(asdict(self)) + "\n").encode()


def process_runs(pid: int) -> bool:
    """Return whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    fields = _process_fields(pid)
    return fields is None or fields[0] != "Z"


def process_start(pid: int) -> str | None:
    """Return when a process started, in clock ticks since the machine did."""
    fields = _process_fields(pid)
    return None if fields is None else fields[19]


def _pids() -> str | None:
    """Return the namespace of process numbers on Linux; None elsewhere."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def _process_fields(pid: int) -> list[str] | None:
    """Return what Linux says about a process, from its state on; None elsewhere."""
    try:
        # What precedes is the name of the program, cut after 15 bytes, perhaps within a letter.
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode().split()
    except OSError:
        return None
