"""Read and write files on this machine and in object stores.

A path that a user gives may lie on this machine or on any filesystem that pyarrow knows
(``s3://``, ``gs://``, ``file://``). Only this module tells them apart.
"""

import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, TypeVar

from tabvae_ray.command_line.similar_paths import similar_beside
from tabvae_ray.errors import StorageError, StorageUnavailableError
from tabvae_ray.retries import attempt, is_transient, reason, storage_errors
from tabvae_ray.uri import URI, no_empty_directories, obstacle, open_filesystem, special_kind

if TYPE_CHECKING:
    from pyarrow import fs

__all__ = ["Location", "check_writable"]

T = TypeVar("T")


class Location:
    """A file or directory on this machine or in an object store.

    ``location / "name"`` is a child. ``str(location)`` is for people: credentials are masked in it.

    Args:
        value: A path, a URI, or another location.

    Raises:
        StorageError: If it is neither, empty, or a URI without a bucket or with a fragment.
    """

    def __init__(self, value: "str | PurePath | Location") -> None:
        self._uri: URI = value._uri if isinstance(value, Location) else URI.parse(value)

    def __str__(self) -> str:
        return str(self._uri)

    def __repr__(self) -> str:
        return f"Location({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Location) and self._uri == other._uri

    def __hash__(self) -> int:
        return hash(self._uri)

    def __getstate__(self) -> dict[str, URI]:
        # An open filesystem may not be picklable.
        return {"_uri": self._uri}

    def __truediv__(self, name: str) -> "Location":
        return self._at(self._uri.child(name))

    @property
    def uri(self) -> str:
        """The path or URI as it must be to open it, credentials included."""
        return self._uri.full

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self._uri.path).name

    @property
    def suffix(self) -> str:
        """The name's suffix with its dot, in lower case; ``.csv.gz`` is one suffix."""
        suffixes = [suffix.lower() for suffix in PurePosixPath(self._uri.path).suffixes]
        return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])

    @property
    def parent(self) -> "Location":
        """The directory that holds it."""
        return self._at(self._uri.parent())

    @property
    def filesystem(self) -> "fs.FileSystem":
        """The pyarrow filesystem that :attr:`path` lies on."""
        return self._resolved[0]

    @property
    def path(self) -> str:
        """The path on :attr:`filesystem`."""
        return self._resolved[1]

    def on_this_machine(self) -> Path | None:
        """Return the path if it lies on this machine, otherwise None."""
        return Path(self._uri.path) if self._uri.is_local else None

    def exists(self) -> bool:
        """Return True if there is a file or directory."""
        return bool(self._info().type.name != "NotFound")

    def is_dir(self) -> bool:
        """Return True if there is a directory."""
        return bool(self._info().type.name == "Directory")

    def size(self) -> int:
        """Return the bytes of the file; 0 if there is none."""
        path = self.on_this_machine()
        if path is not None:
            return self.attempt("read", lambda: path.stat().st_size if path.is_file() else 0)
        return int(self._info().size or 0)

    def children(self) -> "list[Location]":
        """List the directory, sorted by name; an empty list if there is no directory."""
        from pyarrow import fs

        selector = fs.FileSelector(self.path, allow_not_found=True)
        infos = self.attempt("listed", lambda: _listed(self.filesystem, selector))
        return sorted((self / info.base_name for info in infos), key=lambda child: child.name)

    def read_bytes(self, max_bytes: int | None = None) -> bytes:
        """Read the whole file.

        Args:
            max_bytes: The largest size that is read; a larger file is not opened.

        Raises:
            StorageError: If it cannot be read, or is too large.
        """
        self.check_file()
        if max_bytes is not None and self.size() > max_bytes:
            raise StorageError(
                f"{self}: must be at most {max_bytes / 2**20:,.0f} MiB, but has "
                f"{self.size() / 2**20:,.1f} MiB"
            )

        def read() -> bytes:
            if self._uri.is_local:
                return Path(self._uri.path).read_bytes()
            with self.filesystem.open_input_file(self.path) as file:
                content: bytes = file.read()
                return content

        return self.attempt("read", read)

    def check_file(self) -> None:
        """Check that it is no directory, pipe, socket or device: opening those may never return.

        Raises:
            StorageError: If it is one of them.
        """
        path = self.on_this_machine()
        kind = None if path is None else special_kind(path)
        if kind is not None:
            raise StorageError(f"{self}: cannot be read: is a {kind}, but must be a file")

    def read_text(self) -> str:
        """Read the whole file as UTF-8.

        Raises:
            StorageError: If it cannot be read or is not UTF-8.
        """
        try:
            return self.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise StorageError(f"{self}: is not UTF-8 text: {error}") from None

    def write_bytes(self, content: bytes) -> None:
        """Write the file atomically; missing directories are made.

        Raises:
            StorageError: If it cannot be written.
        """
        self.attempt("written", lambda: _put(self, content))

    def write_text(self, content: str) -> None:
        """Write the file as UTF-8, atomically; missing directories are made.

        Raises:
            StorageError: If it cannot be written.
        """
        # A lone surrogate, such as in a broken file name, becomes its escape.
        self.write_bytes(content.encode(errors="backslashreplace"))

    @contextmanager
    def open_input(self) -> Iterator[Any]:
        """Open the file for reading bytes and for seeking.

        Raises:
            StorageError: If it cannot be opened.
        """
        self.check_file()
        with self.attempt("read", lambda: self.filesystem.open_input_file(self.path)) as file:
            yield file

    @contextmanager
    def open_output(self) -> Iterator[IO[bytes]]:
        """Open the file for writing bytes; it appears when the block ends without an exception.

        For an object store, the bytes stay in a temporary file on this machine until then.

        Raises:
            StorageError: If it cannot be written.
        """
        if self._uri.is_local:
            with (
                _failures(self, "written", lambda: (OSError,)),
                _staged(Path(self._uri.path)) as file,
            ):
                yield file
            return
        with tempfile.TemporaryFile() as spool:
            with _failures(self, "written", lambda: (OSError,)):
                yield spool
            self.attempt("written", lambda: _upload(self, spool))

    def remove(self) -> None:
        """Remove the file, if there is one."""
        if self._info().type.name == "File":
            self.attempt("removed", lambda: self.filesystem.delete_file(self.path))

    def remove_tree(self) -> None:
        """Remove the directory and all in it, if there is one."""
        if self.is_dir():
            self.attempt("removed", lambda: self.filesystem.delete_dir(self.path))

    def make_dir(self) -> None:
        """Make the directory and those above it.

        Raises:
            StorageError: If it cannot be made.
        """
        self.attempt("made", lambda: self.filesystem.create_dir(self.path, recursive=True))

    def attempt(self, verb: str, action: Callable[[], T]) -> T:
        """Run an action on the storage, and repeat it after a pause if its error is transient.

        Args:
            verb: Completes "cannot be ..." in the error's message, such as ``written``.
            action: What to run; it may run several times.

        Raises:
            StorageError: If the error is not transient, or does not pass.
        """
        with _failures(self, verb, storage_errors):
            return attempt(action, self._uri.path)

    @cached_property
    def _resolved(self) -> "tuple[fs.FileSystem, str]":
        with _failures(self, "opened", lambda: (*storage_errors(), ValueError)):
            return open_filesystem(self._uri)

    def _at(self, uri: URI) -> "Location":
        """Return another path of the same filesystem, which is not opened again."""
        other = Location(self)
        other._uri = uri
        if "_resolved" in self.__dict__:
            filesystem, own = self._resolved
            root = "" if uri.is_local else own.removesuffix(self._uri.path.rstrip("/"))
            other.__dict__["_resolved"] = (filesystem, (root + uri.path).rstrip("/") or "/")
        return other

    def _info(self) -> "fs.FileInfo":
        return self.attempt("read", lambda: self.filesystem.get_file_info(self.path))


def check_writable(directory: Location) -> None:
    """Write, read back and remove a small file in a directory, which may be missing, and stays so.

    Raises:
        StorageError: If any of it fails.
    """
    probe = directory / f".tabvae_ray-{uuid.uuid4().hex}"
    try:
        with no_empty_directories(directory.on_this_machine()):
            probe.write_bytes(b"tabvae_ray")
            came_back = probe.read_bytes() == b"tabvae_ray"
            probe.remove()
    except StorageError as error:
        # The probe's name means nothing to the user.
        raise type(error)(str(error).replace(str(probe), str(directory))) from error
    if not came_back:
        raise StorageError(f"{directory}: reading back a file just written gives other bytes")


def _listed(filesystem: "fs.FileSystem", selector: "fs.FileSelector") -> list[Any]:
    # pyarrow looks twice, and fails if another process makes the directory in between.
    with suppress(FileNotFoundError):
        return list(filesystem.get_file_info(selector))
    return list(filesystem.get_file_info(selector))


def _put(location: Location, content: bytes) -> None:
    path = location._uri.path
    if location._uri.is_local:
        with _staged(Path(path)) as file:
            file.write(content)
        return
    # Without compression=None, pyarrow compresses what goes to a name ending in .gz.
    with location.filesystem.open_output_stream(location.path, compression=None) as stream:
        stream.write(content)


def _upload(location: Location, spool: IO[bytes]) -> None:
    spool.seek(0)
    with location.filesystem.open_output_stream(location.path, compression=None) as stream:
        shutil.copyfileobj(spool, stream, 8 * 2**20)


@contextmanager
def _failures(
    location: Location, verb: str, kinds: Callable[[], tuple[type[Exception], ...]]
) -> Iterator[None]:
    """Turn errors of these kinds into a StorageError that names the path and the reason."""
    try:
        yield
    except StorageError:
        raise
    except kinds() as error:
        text = location._uri.mask(reason(error))
        if verb == "read" and isinstance(error, FileNotFoundError) and location._uri.is_local:
            text += similar_beside(Path(location._uri.path))
        kind = StorageUnavailableError if is_transient(error, location._uri.path) else StorageError
        raise kind(f"{location}: cannot be {verb}: {text}") from error


@contextmanager
def _staged(target: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside the target, and rename it to the target at the end.

    A symbolic link is followed: the file that it names is replaced, and the link stays.
    """
    target = Path(os.path.realpath(target))
    temporary = target.with_name(f".{target.name[:200]}.{uuid.uuid4().hex}.tmp")
    try:
        if (reason_against := obstacle(target)) is not None:
            raise OSError(errno.EINVAL, reason_against, str(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            # Without it, a crash of the machine can leave the final name on an empty file.
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
