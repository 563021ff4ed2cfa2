"""The option ``--resume-or-start``, by which a command may be repeated until it is done."""

from pathlib import PurePath

from tabvae_ray.errors import ConfigError
from tabvae_ray.storage import Location

__all__ = ["is_resumed"]


def is_resumed(
    out: str | PurePath | Location, name: str | None, *, resume: bool, or_start: bool
) -> bool:
    """Return True if a search is to be resumed, and not to be started.

    Args:
        out: The directory that holds the searches.
        name: Name of the search.
        resume: Whether it must have begun.
        or_start: Whether it is resumed if it has begun.

    Raises:
        ConfigError: If it may have begun, but has no name to find it by, or if it must have begun.
        StorageError: If the directory cannot be read.
    """
    if not or_start:
        return resume
    if resume:
        raise ConfigError("--resume and --resume-or-start: only one of them can be given")
    if not name:
        raise ConfigError("--resume-or-start: needs the --name of the search")
    return (Location(out) / name / "search.json").exists()
