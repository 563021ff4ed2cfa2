"""``tabvae show``: a search as it stands, from any machine that sees its storage."""

import json

import click

from tabvae_ray.cli import PATH_OR_URI, Command, json_option

__all__ = ["command"]


@click.command(
    "show",
    cls=Command,
    short_help="Show a search as it stands, also while it runs.",
    examples=("runs/beta", "s3://bucket/runs/beta --json"),
)
@click.argument("run", type=PATH_OR_URI)
@json_option("Options")
def command(*, run: str, as_json: bool) -> int:
    """Show states of the trials, what runs now, and the best trials of the search in RUN.

    RUN is the directory of the search, a path or URI. Nothing is written there.
    """
    from tabvae_ray.commands.search_state import SearchState
    from tabvae_ray.commands.search_state_text import print_state
    from tabvae_ray.storage import Location

    state = SearchState.read(Location(run))
    if as_json:
        print(json.dumps(state.document()))  # noqa: T201
    else:
        print_state(state)
    return 0
