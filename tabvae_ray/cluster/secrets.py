"""Keeps the keys of a storage out of what Ray writes and shows.

Ray Tune pickles the filesystem that it is given, keys included, into files of its own in the
search's directory, which are read by whoever may read the results. While a search runs, a
filesystem is pickled as a name, and what it stands for lies in the memory of the cluster's head.

Ray also shows the command line of every driver to whoever may look at the cluster's jobs.
"""

import copyreg
import pickle
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from pyarrow import fs
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

from tabvae_ray.errors import StorageError
from tabvae_ray.uri import masked

__all__ = ["credentials_hidden", "mask_command_line"]

_PREFIX = b"tabvae_ray.filesystem:"
_URI = re.compile(r"\b[a-z][a-z0-9+]*://\S*", re.IGNORECASE)


def mask_command_line() -> None:
    """Have this process show its command line with the credentials of URIs masked, if it has any.

    Ray takes it from the system, which also shows it to the machine's other users.
    """
    shown = [_URI.sub(_masked, argument) for argument in sys.orig_argv]
    if shown != sys.orig_argv:
        ray._raylet.setproctitle(" ".join(shown))  # type: ignore[attr-defined]


@contextmanager
def credentials_hidden(filesystem: fs.FileSystem) -> Iterator[None]:
    """Have this process pickle filesystems of this kind by name; Ray must be connected."""
    kind = type(filesystem)
    if kind is fs.LocalFileSystem:
        yield
        return
    names: dict[bytes, bytes] = {}

    def by_name(found: fs.FileSystem) -> tuple[object, tuple[bytes]]:
        content = pickle.dumps(found.__reduce__())
        if content not in names:
            name = _PREFIX + uuid.uuid4().hex.encode()
            _internal_kv_put(name, content)
            names[content] = name
        return _recall, (names[content],)

    copyreg.pickle(kind, by_name)  # type: ignore[arg-type]
    try:
        yield
    finally:
        del copyreg.dispatch_table[kind]


def _recall(name: bytes) -> fs.FileSystem:
    make, arguments = pickle.loads(_internal_kv_get(name))
    return make(*arguments)


def _masked(found: re.Match[str]) -> str:
    try:
        return masked(found.group()) if "@" in found.group() else found.group()
    except StorageError:
        return "***"
