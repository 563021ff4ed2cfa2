"""``tabvae space`` and ``python -m tabvae_ray.space``: print a search space to start from."""

import sys
from collections.abc import Sequence

import click

from tabvae_ray.cli import Command, FiniteRange, option, run, spec_option, table_option
from tabvae_ray.command_line.standard_output import print_document
from tabvae_ray.errors import ConfigError
from tabvae_ray.space.named_spaces import AUTO, SpaceType, named_space, space_names

__all__ = ["command", "main"]

_FOR_AUTO = "With NAME auto"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 if done, 2 if there is no such space."""
    return run(command, "python -m tabvae_ray.space", arguments)


@click.command(
    "space",
    cls=Command,
    short_help="Print a search space to start from.",
    examples=(
        "beta > my_space.yaml",
        "auto --data table.csv --time-budget 600 > my_space.yaml",
    ),
)
@click.argument("name", required=False, shell_complete=SpaceType().shell_complete)
@table_option(_FOR_AUTO, help="Table to choose the space for, CSV or Parquet.")
@spec_option(_FOR_AUTO)
@option(
    "--time-budget",
    type=FiniteRange(min=0, min_open=True),
    metavar="SECONDS",
    section=_FOR_AUTO,
    show_default="no limit",
    help="Time that the search may take.",
)
@option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=2,
    metavar="N",
    section=_FOR_AUTO,
    help="Trials that will run at once.",
)
def command(
    *,
    name: str | None,
    data: str | None,
    spec: str | None,
    time_budget: float | None,
    concurrency: int,
) -> int:
    """Print a search space that comes with the package, or the names of all.

    NAME auto prints the space that 'tabvae search' would choose for a table.
    """
    if name == AUTO:
        text = _chosen(data, spec, time_budget, concurrency)
    elif data is not None or spec is not None or time_budget is not None:
        raise ConfigError("--data, --spec and --time-budget: are for the space auto only")
    elif name is None:
        text = "\n".join(space_names())
        print(f"{AUTO}: see 'tabvae space {AUTO} --data TABLE'", file=sys.stderr)  # noqa: T201
    else:
        text = named_space(name).read_text("utf-8")
    print_document(f"{text.rstrip()}\n")
    return 0


def _chosen(data: str | None, spec: str | None, time_budget: float | None, slots: int) -> str:
    """Return the space that is chosen for a table."""
    from tabvae_ray.space.auto import auto_space
    from tabvae_ray.space.table_shape import TableShape
    from tabvae_ray.table.declaration import SpecDeclaration
    from tabvae_ray.table.io import read_table
    from tabvae_ray.table.spec import TableSpec

    if data is None:
        raise ConfigError(f"--data: must be given, because the space {AUTO} depends on the table")
    declared = None if spec is None else SpecDeclaration.load(spec)
    table = read_table(data, declared)
    found = TableSpec.infer(table, declared=declared, source=data)
    return auto_space(TableShape.of(table, found), time_budget=time_budget, slots=slots).text


if __name__ == "__main__":
    sys.exit(main())
