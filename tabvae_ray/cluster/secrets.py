"""Keep storage credentials out of the files and command lines that Ray records.

Ray Tune pickles the filesystem that it is given, with its credentials, into files in the search's
directory, where everybody who may read the results can read them. While a search runs, filesystems
are therefore pickled as a name, and the head of the cluster keeps what the name stands for in
memory.

Ray also shows the command line of every driver to everybody who may see the cluster's jobs.
"""

import copyreg
import pickle
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pyarrow import fs

from tabvae_ray.cluster.ray_private import get_from_head, put_on_head, set_process_title
from tabvae_ray.uri import masked_within

__all__ = ["credentials_hidden", "mask_command_line"]

_PREFIX = b"tabvae_ray.filesystem:"


def mask_command_line() -> None:
    """Mask credentials of URIs in the command line of this process.

    Ray reads the command line from the system, which also shows it to other users of the machine.
    """
    shown = [masked_within(argument) for argument in sys.orig_argv]
    if shown != sys.orig_argv:
        set_process_title(" ".join(shown))


@contextmanager
def credentials_hidden(filesystem: fs.FileSystem) -> Iterator[None]:
    """Pickle filesystems of this kind by name inside the block; Ray must be connected."""
    kind = type(filesystem)
    if kind is fs.LocalFileSystem:
        yield
        return
    names: dict[bytes, bytes] = {}

    def reduce_to_name(found: fs.FileSystem) -> tuple[object, tuple[bytes]]:
        content = pickle.dumps(found.__reduce__())
        if content not in names:
            name = _PREFIX + uuid.uuid4().hex.encode()
            put_on_head(name, content)
            names[content] = name
        return _recall, (names[content],)

    copyreg.pickle(kind, reduce_to_name)  # type: ignore[arg-type]
    try:
        yield
    finally:
        del copyreg.dispatch_table[kind]


def _recall(name: bytes) -> fs.FileSystem:
    content = get_from_head(name)
    assert content is not None
    make, arguments = pickle.loads(content)
    return make(*arguments)
