"""Stdout: tables and documents in UTF-8, text in any encoding, and a reader that has gone."""

import errno
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tabvae_ray.errors import StorageError

__all__ = [
    "STDOUT",
    "full_disk",
    "print_anything",
    "print_document",
    "table_for_stdout",
    "without_reader",
]

STDOUT = "-"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What stands in the place of a stdout that was closed.
_nowhere: IO[str] | None = None


@contextmanager
def table_for_stdout() -> Iterator[str]:
    """Yield the path of a CSV file, and copy what the block has written to it to stdout.

    A block that fails prints nothing, so that no reader takes a part for the whole.
    """
    _check_open()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rows.csv"
        yield str(path)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def print_anything() -> None:
    """Let text that the encoding of stdout does not have be printed as escapes, as on stderr.

    Where stdout or stderr was closed (``>&-``), what is printed goes nowhere.
    """
    # The file mostly gets the number of the closed one, so that no other file does.
    global _nowhere
    if sys.stdout is None:
        sys.stdout = _nowhere = open(os.devnull, "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def print_document(text: str) -> None:
    """Print a document that may become a file, in the encoding in which files are read."""
    _check_open()
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
    sys.stdout.buffer.flush()


def _check_open() -> None:
    if sys.stdout is _nowhere:
        raise StorageError("stdout: is closed, so nothing can be written to it")


def full_disk(error: Exception) -> str | None:
    """Return the message about a stdout that can take no more, and close it; None for others.

    Errors of other files are a ``StorageError``, which names the file.
    """
    if not isinstance(error, OSError) or isinstance(error, StorageError):
        return None
    if error.errno not in _FULL or error.filename is not None:
        return None
    without_reader()
    return f"stdout: cannot be written: {os.strerror(error.errno)}"


def without_reader() -> int:
    """End a command whose reader has gone (``... | head``), and return its exit code."""
    # Python would complain again at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
