"""Checks of the options of a search, before Ray, torch and pandas are imported."""

import os

import click
from click.core import ParameterSource

from tabvae_ray.command_line.input_document import local_document
from tabvae_ray.space.named_spaces import find_space, is_auto, named_space
from tabvae_ray.space.select_rule import check_select

__all__ = ["check_early", "check_place", "check_replay"]

_OF_REPLAY = ("replay", "data", "spec", "as_json", "quiet", "log_format")


def check_early(space: str | None, spec: str | None, select: str | None) -> None:
    """Check what the space, the spec and ``--select`` say.

    Raises:
        ConfigError: If the space or the rule is wrong.
        DataError: If the spec is wrong.
        StorageError: If a file cannot be read.
    """
    path = None if is_auto(space) else find_space(space or "")
    if select is not None:
        files = [named_space("small"), named_space("full")] if path is None else [path]
        documents = [local_document(str(file)) for file in files]
        if path is not None or not select.startswith("weights"):
            # The space that is chosen for a table has the objectives of one of these.
            check_select(select, *documents)
    if path is not None:
        from tabvae_ray.space.private import refuse_private
        from tabvae_ray.space.space_file import load_space

        refuse_private(load_space(path))
    if spec is not None:
        from tabvae_ray.table.declaration import SpecDeclaration

        SpecDeclaration.load(spec)


def check_place(space: str | None, data: str | None, out: str, name: str | None) -> None:
    """Check that a new search has a directory of its own on this machine.

    Directories elsewhere are checked when the search begins.

    Raises:
        ConfigError: If the name is wrong, or something else is in the directory.
        StorageError: If it cannot be read.
    """
    from tabvae_ray.search.directory import (
        HEART,
        check_new,
        check_search_name,
        name_of_data,
        name_of_space,
    )
    from tabvae_ray.storage import Location

    if name is None:
        is_chosen = space is None or is_auto(space)
        name = name_of_data(Location(data or HEART)) if is_chosen else name_of_space(space or "")
    check_search_name(name)
    directory = Location(out) / name
    path = directory.on_this_machine()
    # A directory that is not there needs no library to be listed.
    if path is not None and os.path.exists(path):
        check_new(directory)


def check_replay(context: click.Context) -> None:
    """Check that no option is given with ``--replay`` that would not change anything.

    Raises:
        UsageError: Naming all that are.
    """
    typed = ParameterSource.COMMANDLINE
    others = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in _OF_REPLAY
        and context.get_parameter_source(str(parameter.name)) is typed
    ]
    if others:
        raise click.UsageError(
            "--replay: trains a trial as its search did, and takes only --data, --spec and options "
            f"of the output beside it, but got {', '.join(others)}"
        )
