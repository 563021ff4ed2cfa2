"""Why a directory is not that of a search, and which one may be meant."""

from itertools import islice

from tabvae_ray.command_line.lines import listed_name
from tabvae_ray.command_line.similar_paths import similar_beside
from tabvae_ray.storage import Location

__all__ = ["why_no_search"]

_MANIFEST = "search.json"
# In a bucket, each takes a request.
_MOST_CHILDREN = 50
_MOST_NAMES = 5


def why_no_search(directory: Location) -> str:
    """Return what is wrong with a directory that has no ``search.json``.

    Raises:
        StorageError: If the storage does not answer.
    """
    if not directory.exists():
        local = directory.on_this_machine()
        near = "" if local is None else similar_beside(local)
        return f"cannot be read: there is no such file or directory{near}"
    if not directory.is_dir():
        return "is a file, but must be the directory of a search"
    if (directory.parent / _MANIFEST).exists():
        return f"is not the directory of a search, but a part of it; that is {directory.parent}"
    children = islice(directory.children(), _MOST_CHILDREN)
    names = [child.name for child in children if (child / _MANIFEST).exists()]
    if not names:
        return f"is not the directory of a search: it has no {_MANIFEST}"
    listed = ", ".join(map(listed_name, names[:_MOST_NAMES]))
    more = ", ..." if len(names) > _MOST_NAMES else ""
    return f"is not the directory of a search; it holds those of {listed}{more}"
