"""Name and directory of a search. This module imports nothing that takes long."""

import os
import re
from glob import has_magic
from pathlib import Path

from tabvae_ray.errors import ConfigError, brief
from tabvae_ray.results.claims.claim_file import CLAIM_NAME
from tabvae_ray.storage import Location

__all__ = ["HEART", "check_new", "check_search_name", "name_of_data", "name_of_space"]

# The table that comes with the package.
HEART = Path(__file__).parents[1] / "assets" / "heart.csv"
_MAX_NAME_BYTES = 255
# What messages call spaces that are mappings.
_SOURCES_OF_NO_FILE = ("space", "search space")
# What a driver that was killed while it began may leave: claims and files of writes and probes.
_LEFT_BY_KILLED_DRIVER = re.compile(
    CLAIM_NAME.pattern + r"|\.(search|driver)\.json\.[0-9a-f]+\.tmp"
    r"|\.{1,2}(tabvae_ray-|preflight-)[0-9a-f]+(-[0-9a-f]+)?(\.[0-9a-f]+\.tmp)?"
)


def name_of_space(path: str) -> str:
    """Return the name that a search gets from the path of its space."""
    is_file = path not in _SOURCES_OF_NO_FILE
    return Location(path).name.partition(".")[0] if is_file else "search"


def name_of_data(source: Location) -> str:
    """Return the name that a search gets from its table."""
    path = source.on_this_machine()
    if path is not None and path.is_file():
        # It may lie in a directory whose name looks like a pattern.
        return source.name.partition(".")[0]
    named = place = source
    while place != place.parent:
        if has_magic(place.name):
            named = place.parent
        place = place.parent
    return named.name.partition(".")[0]


def check_search_name(name: str) -> None:
    """Check that a name of a search is one of a directory.

    Raises:
        ConfigError: If it is not.
    """
    n_bytes = len(os.fsencode(name))
    if "/" in name or "\0" in name or name in ("", ".", "..") or n_bytes > _MAX_NAME_BYTES:
        raise ConfigError(f"--name: must be the name of a directory, but got {brief(name)}")


def check_new(directory: Location) -> None:
    """Check that a search may begin in a directory: it holds nothing, or is not there.

    Raises:
        ConfigError: If it holds a search, or anything else.
        StorageError: If it cannot be read.
    """
    path = directory.on_this_machine()
    if path is not None and os.path.exists(path) and not path.is_dir():
        raise ConfigError(f"{directory} is a file: give another --name or --out")
    found = [child.name for child in directory.children()]
    if "search.json" in found:
        raise ConfigError(
            f"{directory} holds a search already: go on with it by --resume, or give another --name"
        )
    if others := [name for name in found if not _LEFT_BY_KILLED_DRIVER.fullmatch(name)]:
        raise ConfigError(
            f"{directory} is not empty, and holds no search (it has {brief(others[0])}): give "
            "another --name or --out"
        )
