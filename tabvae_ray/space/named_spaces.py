"""Search spaces that come with the package, known by their names.

The name ``auto`` is no file: it is chosen for a table, see :mod:`tabvae_ray.space.auto`.
"""

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from tabvae_ray.command_line.input_document import InputDocument
from tabvae_ray.errors import ConfigError, closest

__all__ = ["AUTO", "SpaceType", "find_space", "is_auto", "named_space", "space_names"]

AUTO = "auto"

_FOLDER = Path(__file__).parents[1] / "search_spaces"


class SpaceType(InputDocument):
    """The type of options that take the name of a space, or a path or URI."""

    def __init__(self) -> None:
        super().__init__(may_be_name=True)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin like this; files, if there are none."""
        names = [name for name in (AUTO, *space_names()) if name.startswith(incomplete)]
        found = [CompletionItem(name) for name in names]
        return found or super().shell_complete(ctx, param, incomplete)


def space_names() -> list[str]:
    """Return the names of the search spaces that come with the package."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


def named_space(name: str) -> Path:
    """Return the file of a search space that comes with the package.

    Raises:
        ConfigError: If there is none of this name.
    """
    if name not in space_names():
        known = [AUTO, *space_names()]
        raise ConfigError(
            f"{name[:100]!r} is no search space of this package (these are "
            f"{', '.join(known)}) and no file{closest(name, known)}"
        )
    return _FOLDER / f"{name}.yaml"


def is_auto(given: str | None) -> bool:
    """Return True if a space is to be chosen for the table: by name, or because none is given."""
    return given is None or (given == AUTO and not os.path.exists(given))


def find_space(given: str) -> str:
    """Return the path or URI of a search space that is given by path, URI or name.

    Raises:
        ConfigError: If it is a name, but neither a file here nor a space of the package.
    """
    is_path = "/" in given or Path(given).suffix or os.path.exists(given)
    return given if is_path else str(named_space(given))
