"""Paths and URIs: parse, join and open them, mask their credentials, and say what stands there."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tabvae_ray.errors import StorageError, brief

if TYPE_CHECKING:
    from pyarrow import fs

__all__ = [
    "URI",
    "check_slashes",
    "masked",
    "masked_within",
    "no_empty_directories",
    "obstacle",
    "open_filesystem",
    "special_kind",
]

# Without it, even one byte is a multipart upload of three requests.
_ONE_PUT = "allow_delayed_open=true"
# Without it, Google's client waits a quarter of an hour for a server that is not there.
_GS_RETRY_FOR = "retry_limit_seconds=10"
# Added by scheme to a URI's query, unless the query sets the same key.
_DEFAULTS = {"s3": _ONE_PUT, "gs": _GS_RETRY_FOR, "gcs": _GS_RETRY_FOR}
# Kinds of files that are neither read nor replaced.
_SPECIAL_KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
# Shorter credentials are masked as whole words, or they would blot out letters of every message.
_MIN_LENGTH_WITHIN_WORDS = 4
# Keys of a query whose values are no secrets.
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
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
# What is left of a URI that was taken for a path, as by pathlib.
_LOST_A_SIGN = re.compile(
    r"(s3|gs|gcs|abfss?|hdfs|file|https?)(:/(?!/)|//(?=[^/]*@))", re.IGNORECASE
)
_URI_IN_TEXT = re.compile(r"\b[a-z][a-z0-9+]*://\S*", re.IGNORECASE)


@dataclass(frozen=True)
class URI:
    """A path on this machine or a URI of an object store, split into its parts.

    ``str(uri)`` is for people: credentials are masked in it.

    Args:
        path: The absolute path, without percent-encoding.
        scheme: Such as ``s3``; empty for a path on this machine.
        authority: The bucket or host, with credentials before an ``@`` if there are any.
        query: What follows the ``?``, percent-encoded.
    """

    path: str
    scheme: str = ""
    authority: str = ""
    query: str = ""

    @classmethod
    def parse(cls, given: str | PurePath) -> "URI":
        """Parse a path or URI; a relative path is made absolute.

        Raises:
            StorageError: If it is neither, empty, or a URI without a bucket or with a fragment.
        """
        if not isinstance(given, str | os.PathLike):
            raise StorageError(f"a path or URI must be text, but got {type(given).__name__}")
        text = os.fspath(given)
        if not text or "\0" in text:
            rule = "must not be empty or hold a zero byte"
            raise StorageError(f"a path {rule}, but got {brief(text)}")
        check_slashes(text)
        scheme, separator, _ = text.partition("://")
        if not separator or not _SCHEME.fullmatch(scheme):
            return cls(_absolute(os.path.expanduser(text)))
        _check_authority(scheme, text)
        parts = urlsplit(text)
        if parts.scheme == "file":
            return cls(_absolute(unquote(parts.path, errors="surrogateescape") or "/"))
        path = "/" + unquote(parts.path).strip("/")
        uri = cls(path, parts.scheme, parts.netloc, parts.query)
        if not uri.authority:
            raise StorageError(f"{uri}: a URI must name a bucket or host, as in s3://bucket/path")
        if parts.fragment:
            raise StorageError(f"{uri}: a URI must not have a fragment; write %23 for the sign #")
        return uri

    def __str__(self) -> str:
        if self.is_local:
            return self.path
        user, at, host = self.authority.rpartition("@")
        safe = [(key, value) for key, value in parse_qsl(self.query) if key in _SAFE_QUERY]
        return self._assemble(f"***{at}{host}" if user else host, urlencode(safe, safe=":/"))

    @property
    def is_local(self) -> bool:
        """True for a path on this machine."""
        return not self.scheme

    @property
    def full(self) -> str:
        """The path or URI as it must be to open it, credentials included."""
        return self.path if self.is_local else self._assemble(self.authority, self.query)

    def child(self, name: str) -> "URI":
        """Return what ``name``, a relative path, names below this directory."""
        return replace(self, path=os.path.normpath(os.path.join(self.path, name)))

    def parent(self) -> "URI":
        """Return the directory that holds this."""
        return replace(self, path=str(PurePosixPath(self.path).parent))

    def mask(self, text: str) -> str:
        """Mask the credentials of this URI wherever ``text`` repeats them."""
        # A secret may hold a shorter one.
        for secret in sorted(self._secrets(), key=len, reverse=True):
            found = re.escape(secret)
            if len(secret) < _MIN_LENGTH_WITHIN_WORDS:
                found = rf"(?<!\w){found}(?!\w)"
            text = re.sub(found, "***", text)
        return text

    def _secrets(self) -> set[str]:
        user, _, _ = self.authority.rpartition("@")
        hidden = [value for key, value in parse_qsl(self.query) if key not in _SAFE_QUERY]
        # Also percent-encoded as this package and others do it.
        return {
            form
            for part in (*user.split(":"), *hidden)
            for form in (part, unquote(part), quote(unquote(part), safe=""))
            if form
        }

    def _assemble(self, authority: str, query: str) -> str:
        path = quote(self.path, safe="/")
        return f"{self.scheme}://{authority}{path}" + (f"?{query}" if query else "")


def _absolute(path: str) -> str:
    """Return the absolute path on this machine.

    Raises:
        StorageError: If it is not UTF-8, or below a working directory that is gone.
    """
    try:
        found = os.path.abspath(path)
        # As Arrow needs it to open the file.
        found.encode()
    except FileNotFoundError:
        raise StorageError(
            f"{path}: the working directory has been removed: change to another one, or give an "
            "absolute path"
        ) from None
    except UnicodeEncodeError:
        raise StorageError(
            f"{found!a}: a path must be UTF-8: rename what is not, or if it looks right in your "
            "terminal, set LC_ALL=C.UTF-8"
        ) from None
    return found


def check_slashes(text: str) -> None:
    """Refuse a URI that has lost a slash or the colon, before a message shows what it holds.

    Raises:
        StorageError: If it has.
    """
    if found := _LOST_A_SIGN.match(text):
        raise StorageError(f"{found.group()}***: a URI must begin with {found.group(1)}://")


def masked(path: str) -> str:
    """Return a path as it is, and a URI with its credentials masked.

    Raises:
        StorageError: If it is a URI that cannot be parsed.
    """
    return str(URI.parse(path)) if "://" in path else path


def masked_within(text: str) -> str:
    """Mask the credentials of every URI in a text, such as an argument of a command."""
    return _URI_IN_TEXT.sub(_masked_match, text)


def _masked_match(found: re.Match[str]) -> str:
    text = found.group()
    # The query of a web page is shown; that of a storage may hold keys.
    has_options = "?" in text and not text.lower().startswith("http")
    try:
        return masked(text) if "@" in text or has_options else text
    except StorageError:
        return "***"


def _check_authority(scheme: str, text: str) -> None:
    """Refuse credentials that end the authority too early, before any message shows them.

    A secret often holds a slash, and the text before it would be taken for the bucket.
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


def special_kind(path: Path) -> str | None:
    """Return what stands at a path in place of a file; None for a file or nothing."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            return "symbolic link that leads to itself"
        try:
            return f"symbolic link to {os.readlink(path)}, which is not there"
        except (OSError, ValueError):
            # Opening it says why.
            return None
    return _SPECIAL_KINDS.get(stat.S_IFMT(mode))


def obstacle(path: Path) -> str | None:
    """Return why no file can be written at a path; None if nothing stands in the way.

    Args:
        path: The path, in which symbolic links are followed.
    """
    target = Path(os.path.realpath(path))
    if os.path.islink(target):
        return "is a symbolic link to itself"
    if (kind := special_kind(target)) is not None:
        return f"is a {kind}"
    # Writing says what else is wrong, such as a permission that is missing.
    with suppress(OSError):
        for parent in target.parents:
            if parent.exists():
                return None if parent.is_dir() else f"{parent} is not a directory"
    return None


@contextmanager
def no_empty_directories(path: Path | None) -> Iterator[None]:
    """Remove the directories of a path that the block has made and left empty; none if None."""
    parts = [] if path is None else [path, *path.parents]
    absent = [part for part in parts if not os.path.lexists(part)]
    try:
        yield
    finally:
        for part in absent:
            with suppress(OSError):
                part.rmdir()


def open_filesystem(uri: URI) -> "tuple[fs.FileSystem, str]":
    """Open the filesystem of a URI, and return it with the path on it."""
    from pyarrow import ArrowException, fs

    if uri.is_local:
        return fs.LocalFileSystem(), uri.path
    default = _DEFAULTS.get(uri.scheme, "")
    opened: tuple[fs.FileSystem, str]
    if default and default.partition("=")[0] not in uri.query:
        query = "&".join(filter(None, (uri.query, default)))
        # An older pyarrow may not know the key.
        with suppress(ArrowException):
            opened = fs.FileSystem.from_uri(replace(uri, query=query).full)
            return opened
    opened = fs.FileSystem.from_uri(uri.full)
    return opened
