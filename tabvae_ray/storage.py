"""Paths and URIs: everything that is read or written goes through here.

A path that a user gives may lie on this machine or on anything that pyarrow's filesystems know
(``s3://``, ``gs://``, ``file://``). Nothing outside this module asks which.
"""

import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pyarrow import ArrowException, fs

from tabvae_ray.errors import StorageError

__all__ = ["Location", "masked"]

T = TypeVar("T")

# Seconds before each further attempt; object stores that restart are back within half a minute.
_RETRY_AFTER = (0.5, 1.0, 2.0, *[4.0] * 8)
# Seconds after which no further attempt begins: an attempt may take seconds of its own to fail.
_RETRY_FOR = 35.0
_TRANSIENT = (
    "network_connection",
    "connection refused",
    "could not connect",
    "couldn't connect",
    "connection reset",
    "timeout",
    "timed out",
    "slow_down",
    "slowdown",
    "internal_failure",
    "internal error",
    "service_unavailable",
    "service unavailable",
    *(
        f"http {word} {code}"
        for word in ("status", "response code:")
        for code in (500, 502, 503, 504)
    ),
    "stale file handle",
    # What Google's client calls a server that cannot be reached.
    "unavailable",
)
# Errors of these types do not pass by waiting, whatever the name of the file makes their text say.
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
# Shorter parts of an authority are no secrets, and would blot out letters of every message.
_SECRET_MIN_LENGTH = 4
# Otherwise even one byte is a multipart upload, of three requests.
_ONE_PUT = "allow_delayed_open=true"
# Otherwise Google's client waits a quarter of an hour for a server that is not there.
_GS_RETRY_FOR = "retry_limit_seconds=10"
# By scheme, what is put into a URI's query that says nothing of it.
_DEFAULTS = {"s3": _ONE_PUT, "gs": _GS_RETRY_FOR, "gcs": _GS_RETRY_FOR}
# Parts of a URI's query that are no secret.
_SAFE_QUERY = {
    "allow_bucket_creation",
    "allow_bucket_deletion",
    "allow_delayed_open",
    "background_writes",
    "check_directory_existence_before_creation",
    "endpoint_override",
    "force_virtual_addressing",
    "project_id",
    "region",
    "retry_limit_seconds",
    "scheme",
    "smart_defaults",
    "tls_ca_dir_path",
    "tls_ca_file_path",
    "tls_verify_certificates",
}


class Location:
    """A file or directory on this machine or in an object store.

    ``location / "name"`` is a child. ``str(location)`` is for people: credentials are masked in it.

    Args:
        value: A path, a URI, or another location.

    Raises:
        StorageError: If it is empty, or a URI that pyarrow has no filesystem for.
    """

    _scheme: str
    _authority: str
    _path: str
    _query: str

    def __init__(self, value: "str | PurePath | Location") -> None:
        if isinstance(value, Location):
            self._scheme, self._authority = value._scheme, value._authority
            self._path, self._query = value._path, value._query
            return
        text = os.fspath(value)
        if not text or "\0" in text:
            raise StorageError(f"a path must not be empty or hold a zero byte, but got {text!r}")
        scheme, separator, _ = text.partition("://")
        if not separator or not scheme.isalnum():
            self._scheme = self._authority = self._query = ""
            self._path = os.path.abspath(os.path.expanduser(text))
            return
        _check_authority(scheme, text)
        parts = urlsplit(text)
        if parts.scheme == "file":
            self._scheme = self._authority = self._query = ""
            self._path = os.path.abspath(unquote(parts.path) or "/")
            return
        self._scheme, self._authority, self._query = parts.scheme, parts.netloc, parts.query
        self._path = "/" + unquote(parts.path).strip("/")
        if not self._authority:
            raise StorageError(f"{text}: a URI must name a bucket or host, as in s3://bucket/path")
        if parts.fragment:
            raise StorageError(f"{self}: a URI must not have a fragment; write %23 for the sign #")

    def __str__(self) -> str:
        if not self._scheme:
            return self._path
        user, at, host = self._authority.rpartition("@")
        safe = [(k, v) for k, v in parse_qsl(self._query) if k in _SAFE_QUERY]
        return self._assemble(f"***{at}{host}" if user else host, urlencode(safe, safe=":/"))

    def __repr__(self) -> str:
        return f"Location({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Location) and self.uri == other.uri

    def __hash__(self) -> int:
        return hash(self.uri)

    def __getstate__(self) -> dict[str, str]:
        keys = ("_scheme", "_authority", "_path", "_query")
        return {key: getattr(self, key) for key in keys}

    def __truediv__(self, name: str) -> "Location":
        return self._at(os.path.normpath(os.path.join(self._path, name)))

    @property
    def uri(self) -> str:
        """The path or URI with all that is needed to open it, credentials included."""
        if not self._scheme:
            return self._path
        return self._assemble(self._authority, self._query)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self._path).name

    @property
    def suffix(self) -> str:
        """The name's ending with its dot, lower case; ``.csv.gz`` is one."""
        suffixes = [suffix.lower() for suffix in PurePosixPath(self._path).suffixes]
        return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])

    @property
    def parent(self) -> "Location":
        """The directory that holds it."""
        return self._at(str(PurePosixPath(self._path).parent))

    @property
    def filesystem(self) -> fs.FileSystem:
        """The pyarrow filesystem that :attr:`path` lies on."""
        return self._resolved[0]

    @property
    def path(self) -> str:
        """The path on :attr:`filesystem`."""
        return self._resolved[1]

    def on_this_machine(self) -> Path | None:
        """The path for a library that can write to this machine only; None in an object store."""
        return Path(self._path) if self._is_local else None

    def exists(self) -> bool:
        """Whether there is a file or directory."""
        return bool(self._info().type != fs.FileType.NotFound)

    def is_dir(self) -> bool:
        """Whether there is a directory."""
        return bool(self._info().type == fs.FileType.Directory)

    def size(self) -> int:
        """Bytes of the file; 0 if there is none."""
        return int(self._info().size or 0)

    def children(self) -> "list[Location]":
        """What lies in the directory, by name; nothing if there is no directory."""
        selector = fs.FileSelector(self.path, allow_not_found=True)
        found = self.attempt("listed", lambda: self.filesystem.get_file_info(selector))
        return sorted((self / info.base_name for info in found), key=lambda child: child.name)

    def read_bytes(self) -> bytes:
        """The whole file.

        Raises:
            StorageError: If it cannot be read.
        """

        def read() -> bytes:
            with self.filesystem.open_input_file(self.path) as file:
                content: bytes = file.read()
                return content

        return self.attempt("read", read)

    def read_text(self) -> str:
        """The whole file as UTF-8.

        Raises:
            StorageError: If it cannot be read or is not UTF-8.
        """
        try:
            return self.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise StorageError(f"{self}: is not UTF-8 text: {error}") from None

    def write_bytes(self, content: bytes) -> None:
        """Write the file, whole or not at all; directories are made.

        Raises:
            StorageError: If it cannot be written.
        """
        self.attempt("written", lambda: self._put(content))

    def write_text(self, content: str) -> None:
        """Write the file as UTF-8, whole or not at all; directories are made.

        Raises:
            StorageError: If it cannot be written.
        """
        self.write_bytes(content.encode())

    @contextmanager
    def open_input(self) -> Iterator[Any]:
        """The file, opened for reading bytes and for seeking.

        Raises:
            StorageError: If it cannot be opened.
        """
        with self.attempt("read", lambda: self.filesystem.open_input_file(self.path)) as file:
            yield file

    @contextmanager
    def open_output(self) -> Iterator[IO[bytes]]:
        """A file to write bytes to; it takes its name when the block ends without an exception.

        What goes to an object store is kept in a temporary file on this machine until then.

        Raises:
            StorageError: If it cannot be written.
        """
        if self._is_local:
            with self._staged() as file:
                yield file
            return
        with tempfile.TemporaryFile() as spool:
            try:
                yield spool
            except StorageError:
                raise
            except OSError as error:
                raise self._failure("written", error) from error
            self.attempt("written", lambda: self._upload(spool))

    def remove(self) -> None:
        """Remove the file; nothing happens if there is none."""
        if self._info().type == fs.FileType.File:
            self.attempt("removed", lambda: self.filesystem.delete_file(self.path))

    def remove_tree(self) -> None:
        """Remove the directory and all in it; nothing happens if there is none."""
        if self.is_dir():
            self.attempt("removed", lambda: self.filesystem.delete_dir(self.path))

    def make_dir(self) -> None:
        """Make the directory and those above it.

        Raises:
            StorageError: If it cannot be made.
        """
        self.attempt("made", lambda: self.filesystem.create_dir(self.path, recursive=True))

    def check_writable(self) -> None:
        """Write, read back and remove a small file in this directory, which is made.

        Raises:
            StorageError: If any of it fails.
        """
        probe = self / f".tabvae_ray-{uuid.uuid4().hex}"
        try:
            probe.write_bytes(b"tabvae_ray")
            came_back = probe.read_bytes() == b"tabvae_ray"
            probe.remove()
        except StorageError as error:
            # Nobody knows the probe's name.
            raise StorageError(str(error).replace(str(probe), str(self))) from error
        if not came_back:
            raise StorageError(f"{self}: what is written there does not come back")

    def attempt(self, verb: str, action: Callable[[], T]) -> T:
        """Do something with the storage, again after a while if the error is one that passes.

        Args:
            verb: What would be said not to be possible, such as ``written``.
            action: What to do; it may be done several times.

        Raises:
            StorageError: If the error does not pass.
        """
        end = time.monotonic() + _RETRY_FOR
        for pause in (*_RETRY_AFTER, None):
            try:
                return action()
            except StorageError:
                raise
            except (ArrowException, OSError) as error:
                late = pause is None or time.monotonic() + pause > end
                if late or not self._is_transient(error):
                    raise self._failure(verb, error) from error
            assert pause is not None
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    @property
    def _is_local(self) -> bool:
        return not self._scheme

    @cached_property
    def _resolved(self) -> tuple[fs.FileSystem, str]:
        if self._is_local:
            return fs.LocalFileSystem(), self._path
        try:
            default = _DEFAULTS.get(self._scheme, "")
            if default and default.partition("=")[0] not in self._query:
                with suppress(ArrowException):
                    return self._open("&".join(filter(None, (self._query, default))))
            return self._open(self._query)
        except (ArrowException, OSError, ValueError) as error:
            raise self._failure("opened", error) from error

    def _open(self, query: str) -> tuple[fs.FileSystem, str]:
        filesystem, path = fs.FileSystem.from_uri(self._assemble(self._authority, query))
        return filesystem, path

    def _at(self, path: str) -> "Location":
        other = Location(self)
        other._path = path
        if "_resolved" in self.__dict__:
            filesystem, own = self._resolved
            root = own.removesuffix(self._path.rstrip("/")) if not self._is_local else ""
            other.__dict__["_resolved"] = (filesystem, (root + path).rstrip("/") or "/")
        return other

    def _assemble(self, authority: str, query: str) -> str:
        path = quote(self._path, safe="/")
        return f"{self._scheme}://{authority}{path}" + (f"?{query}" if query else "")

    def _info(self) -> fs.FileInfo:
        return self.attempt("read", lambda: self.filesystem.get_file_info(self.path))

    def _put(self, content: bytes) -> None:
        if self._is_local:
            with self._staged() as file:
                file.write(content)
            return
        # Without compression=None, pyarrow would compress what goes to a name ending in .gz.
        with self.filesystem.open_output_stream(self.path, compression=None) as stream:
            stream.write(content)

    def _upload(self, spool: IO[bytes]) -> None:
        spool.seek(0)
        with self.filesystem.open_output_stream(self.path, compression=None) as stream:
            while chunk := spool.read(8 * 2**20):
                stream.write(chunk)

    @contextmanager
    def _staged(self) -> Iterator[IO[bytes]]:
        """A local file under a temporary name beside its own, renamed at the end."""
        target = Path(self._path)
        temporary = target.with_name(f".{target.name[:200]}.{uuid.uuid4().hex}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                raise IsADirectoryError(21, "is a directory", str(target))
            with temporary.open("wb") as file:
                yield file
                file.flush()
                # Otherwise a crash of the machine can leave a complete name on an empty file.
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except StorageError:
            raise
        except OSError as error:
            raise self._failure("written", error) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _failure(self, verb: str, error: BaseException) -> StorageError:
        return StorageError(f"{self}: cannot be {verb}: {self._reason(error)}")

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, FileNotFoundError):
            return "there is no such file or directory"
        text = (error.strerror if isinstance(error, OSError) else None) or str(error)
        text = " ".join(text.split())
        lowered = text.lower()
        if "access_denied" in lowered or "accessdenied" in lowered or "forbidden" in lowered:
            text = f"access denied, check the credentials and the bucket's policy ({text})"
        elif "invalid_access_key_id" in lowered or "invalidaccesskeyid" in lowered:
            text = f"the access key is not known there ({text})"
        elif "signature" in lowered:
            text = f"the secret key does not fit the access key ({text})"
        elif "no_such_bucket" in lowered or "nosuchbucket" in lowered:
            text = f"there is no such bucket ({text})"
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> list[str]:
        user, _, _ = self._authority.rpartition("@")
        hidden = [v for k, v in parse_qsl(self._query) if k not in _SAFE_QUERY]
        parts = [*user.split(":"), *hidden]
        return [
            form
            for part in parts
            for form in (part, unquote(part))
            if len(form) >= _SECRET_MIN_LENGTH
        ]

    def _is_transient(self, error: BaseException) -> bool:
        if isinstance(error, _LASTING):
            return False
        text = str(error).replace(self._path.strip("/"), "").lower()
        return any(mark in text for mark in _TRANSIENT)


def masked(path: str) -> str:
    """A path as it is, a URI as it may be shown and kept: with its credentials masked."""
    return str(Location(path)) if "://" in path else path


def _check_authority(scheme: str, text: str) -> None:
    """Refuse credentials that end the authority too early, before anything shows them.

    A secret often holds a slash, and what is before it would be taken for the bucket.
    """
    try:
        authority, port = urlsplit(text).netloc, urlsplit(text).port
    except ValueError:
        authority, port = ":", None
    after = text.partition("://")[2][len(authority) :]
    if "@" not in authority and ":" in authority and (port is None or "@" in after):
        raise StorageError(
            f"{scheme}://***: credentials in a URI must be percent-encoded (%2F for the sign /) "
            "and followed by @ and the bucket"
        )
