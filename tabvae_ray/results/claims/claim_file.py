"""Create and replace a file on a disk such that only one of several processes succeeds."""

import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["CLAIM_NAME", "create", "locked", "read", "remove", "replace"]

# The name of a claim on a disk, and in an object store.
CLAIM_NAME = re.compile(r"driver(-[0-9a-f]{32})?\.json")


def create(file: Path, content: bytes) -> bool:
    """Create a file with its content, and return False if there is one already."""
    with _temporary(file, content) as temporary:
        try:
            # Unlike open(file, "x"), this never shows others a file that is still empty.
            os.link(temporary, file)
        except FileExistsError:
            return False
        except OSError:
            # Some file systems have no hard links.
            return _create_empty_first(file, content)
    return True


def replace(file: Path, before: bytes, content: bytes) -> bool:
    """Replace a file, and return False if its content is no longer what it was before.

    The lock on the file ends with the process that holds it, however that process ends.
    """
    with suppress(FileNotFoundError), file.open("r+b") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        # Another process may have replaced or removed the file while this one waited.
        if os.fstat(opened.fileno()).st_ino != file.stat().st_ino or opened.read() != before:
            return False
        with _temporary(file, content) as temporary:
            temporary.replace(file)
        return True
    return False


def read(file: Path) -> bytes:
    """Return the content of a file; nothing if there is none."""
    with suppress(FileNotFoundError):
        # Reading a pipe or a device that stands there might never end.
        if file.is_file():
            return file.read_bytes()
    return b""


def remove(file: Path, content: bytes) -> None:
    """Remove a file if it still has this content."""
    if read(file) == content:
        file.unlink(missing_ok=True)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes of this machine out of such a block for the same directory.

    Where a directory cannot be locked, as on some network file systems, the block runs unguarded.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            opened = os.open(directory, os.O_RDONLY)
            stack.callback(os.close, opened)
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield


@contextmanager
def _temporary(file: Path, content: bytes) -> Iterator[Path]:
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _create_empty_first(file: Path, content: bytes) -> bool:
    try:
        with file.open("xb") as opened:
            opened.write(content)
    except FileExistsError:
        return False
    return True
