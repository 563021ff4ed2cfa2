"""The name of a file that a user may have meant."""

import os
from itertools import islice
from pathlib import Path

from tabvae_ray.errors import closest

__all__ = ["similar_beside"]

# More names take too long to compare.
_MOST_NAMES = 1_000


def similar_beside(path: Path) -> str:
    """Return a question with the name most similar to the first part of a path that is not there.

    Args:
        path: A path on this machine, at which there is nothing.
    """
    try:
        while not path.parent.exists():
            path = path.parent
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, _MOST_NAMES)]
    except (OSError, ValueError):
        return ""
    return closest(path.name, names)
