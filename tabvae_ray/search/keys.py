"""Keeps the keys of a storage out of the files that Ray writes.

Ray Tune pickles the filesystem that it is given, keys included, into files of its own in the
search's directory, which are read by whoever may read the results. While a search runs, a
filesystem is pickled as a name, and what it stands for lies in the memory of the cluster's head.
"""

import copyreg
import pickle
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pyarrow import fs
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

__all__ = ["keys_kept"]

_PREFIX = b"tabvae_ray.filesystem:"


@contextmanager
def keys_kept(filesystem: fs.FileSystem) -> Iterator[None]:
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
