"""The Parquet files of a directory or glob pattern, with the partition values of their paths."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import has_magic
from urllib.parse import unquote

from pyarrow import fs

from tabvae_ray.errors import DataError
from tabvae_ray.storage import Location

__all__ = ["MISSING", "TableFile", "is_dataset", "table_files"]

PARQUET = ".parquet"
# The value of a partition of rows whose value is missing.
MISSING = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class TableFile:
    """One Parquet file of a table.

    Args:
        location: The file.
        keys: The values of partition columns, from directories such as ``year=2024``.
    """

    location: Location
    keys: dict[str, str] = field(default_factory=dict)


def is_dataset(location: Location) -> bool:
    """Return True if a path names a directory, or is a glob pattern and no file."""
    if location.is_dir():
        return True
    return has_magic(location.path) and not location.exists()


def table_files(location: Location) -> list[TableFile]:
    """Return the Parquet files of a file, directory or glob pattern, sorted by their paths.

    Directories are searched with all directories below them. Files and directories whose names
    begin with ``.`` or ``_`` are left out, as other programs do.

    Raises:
        DataError: If there are none, or their directories name different partition columns.
        StorageError: If they cannot be listed, or one is a pipe, socket or device.
    """
    if not is_dataset(location):
        return [TableFile(location)]
    base, segments = _split(location)
    names = sorted(name for name in _found(base, segments) if not _repeats(base, name))
    files = [
        TableFile(base / name, _keys(name)) for name in names if name.lower().endswith(PARQUET)
    ]
    if not files:
        others = ""
        if names:
            rest = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
            others = f", but with {names[0]}{rest}"
        kind = "matches" if has_magic(location.path) else "is a directory with"
        raise DataError(f"{location}: {kind} no Parquet file ({PARQUET}){others}")
    first = files[0]
    for file in files:
        file.location.check_file()
        if list(file.keys) != list(first.keys):
            raise DataError(
                f"{file.location}: its directories name the partition columns "
                f"{list(file.keys)}, but those of {first.location} {list(first.keys)}"
            )
    return files


def _split(location: Location) -> tuple[Location, list[str]]:
    """Split a path into a directory and the segments of a pattern below it."""
    if location.is_dir():
        return location, []
    base, segments = location, list[str]()
    while has_magic(base.path):
        segments.insert(0, base.name)
        base = base.parent
    return base, segments


def _found(base: Location, segments: list[str]) -> Iterator[str]:
    """Yield the paths of files below a directory, relative to it, that match a pattern."""
    is_deep = len(segments) != 1
    for name, kind in _listed(base, recursive=is_deep):
        parts = name.split("/")
        if kind == fs.FileType.Directory:
            if not is_deep and _matches(parts, segments):
                below = _listed(base / name, recursive=True)
                yield from (f"{name}/{n}" for n, k in below if k != fs.FileType.Directory)
            continue
        # A pattern that a directory matches stands for all files below it.
        if any(_matches(parts[:end], segments) for end in range(1, len(parts) + 1)):
            yield name


def _repeats(base: Location, name: str) -> bool:
    """Return True for a file below a symbolic link to a directory above it, which has it, too."""
    root = base.on_this_machine()
    if root is None:
        return False
    directories = [root, *(root / name).parents[: name.count("/")]]
    return len({os.path.realpath(path) for path in directories}) < len(directories)


def _listed(directory: Location, *, recursive: bool) -> list[tuple[str, fs.FileType]]:
    selector = fs.FileSelector(directory.path, allow_not_found=True, recursive=recursive)
    found = directory.attempt("listed", lambda: directory.filesystem.get_file_info(selector))
    root = directory.path.rstrip("/") + "/"
    relative = [(info.path.removeprefix(root), info.type) for info in found]
    relative += [(name, fs.FileType.File) for name in _broken_links(directory, recursive)]
    return [(name, kind) for name, kind in relative if not _is_hidden(name)]


def _broken_links(directory: Location, recursive: bool) -> Iterator[str]:
    """Yield the paths of links to files that are gone, which Arrow leaves out without a word."""
    root = directory.on_this_machine()
    for folder, _, names in () if root is None else os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) and not os.path.exists(path):
                yield os.path.relpath(path, root)
        if not recursive:
            break


def _matches(parts: list[str], segments: list[str]) -> bool:
    """Return True if a path matches a pattern, whose segment ``**`` matches any directories."""
    if not segments:
        return True
    if segments[0] == "**":
        return any(_matches(parts[start:], segments[1:]) for start in range(len(parts) + 1))
    if not parts or not fnmatchcase(parts[0], segments[0]):
        return False
    return len(parts) == 1 if len(segments) == 1 else _matches(parts[1:], segments[1:])


def _is_hidden(name: str) -> bool:
    return any(
        part.startswith(".") or (part.startswith("_") and "=" not in part)
        for part in name.split("/")
    )


def _keys(name: str) -> dict[str, str]:
    found = (part.partition("=") for part in name.split("/")[:-1] if "=" in part)
    return {unquote(key): unquote(value) for key, _, value in found if key}
