"""``tabvae spec``: what each column of a table is, as a file to edit."""

import sys

import click

from tabvae_ray.cli import TABLES, Command, option
from tabvae_ray.command_line.output_path import OutputPath
from tabvae_ray.command_line.sampling import DEFAULT_ROWS
from tabvae_ray.command_line.standard_output import STDOUT, print_document
from tabvae_ray.errors import ConfigError, printable

__all__ = ["command"]


@click.command(
    "spec",
    cls=Command,
    short_help="Guess what the columns of a table are, as a file to edit.",
    examples=("table.csv --out spec.yaml", "s3://bucket/table.parquet"),
)
@click.argument("data", type=TABLES)
@option(
    "--out",
    type=OutputPath("a spec", ".yaml", ".yml", may_be_stdout=True),
    metavar="FILE|URI",
    show_default="stdout",
    help="New file to write, YAML.",
)
@option(
    "--rows",
    type=click.IntRange(min=2),
    default=DEFAULT_ROWS,
    metavar="N",
    help="Most rows to read: of a larger table a sample is drawn.",
)
def command(*, data: str, rows: int, out: str | None) -> int:
    """Print what each column of DATA is taken for, with three of its values.

    DATA is a table: a CSV or Parquet file, or a directory or glob pattern of Parquet files. Edit
    what is wrong, and give the file as --spec to search, train or compare.
    """
    from tabvae_ray.commands.annotated_spec import annotated_spec
    from tabvae_ray.storage import Location
    from tabvae_ray.table.io import read_sample
    from tabvae_ray.table.spec import TableSpec

    target = None if out is None or out == STDOUT else Location(out)
    if target is not None and target.exists():
        raise ConfigError(f"--out {target}: is there already; give another name or remove it")
    source = Location(data)
    sample = read_sample(source, rows=rows, seed=0)
    found = TableSpec.infer(sample.rows, source=str(source))
    text = annotated_spec(sample.rows, found, source.name, size=sample.text)
    if target is None:
        print_document(text)
    else:
        target.write_text(text)
        print(printable(f"written to {target}"), file=sys.stderr)  # noqa: T201
    return 0
