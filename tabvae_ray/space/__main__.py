"""``tabvae space`` and ``python -m tabvae_ray.space``: print a search space to start from."""

import sys
from collections.abc import Sequence

import click

from tabvae_ray.cli import Command, run
from tabvae_ray.space.named_spaces import named_space, space_names

__all__ = ["command", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 if done, 2 if there is no such space."""
    return run(command, "python -m tabvae_ray.space", arguments)


@click.command(
    "space",
    cls=Command,
    short_help="Print a search space to start from.",
    examples=("beta > my_space.yaml", ""),
)
@click.argument("name", required=False)
def command(*, name: str | None) -> int:
    """Print a search space that comes with the package, or the names of all."""
    text = "\n".join(space_names()) if name is None else named_space(name).read_text("utf-8")
    print(text.rstrip())  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
