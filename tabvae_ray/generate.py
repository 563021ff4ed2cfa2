"""``python -m tabvae_ray.generate`` and ``tabvae generate``: rows from an exported model."""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tabvae_ray.cli import (
    INPUT,
    Command,
    FiniteRange,
    log_format_option,
    option,
    run,
)
from tabvae_ray.command_line.json_log import JsonLog, logged, speaker
from tabvae_ray.command_line.output_path import OutputPath
from tabvae_ray.command_line.standard_output import STDOUT, table_for_stdout
from tabvae_ray.errors import ConfigError

# What the command needs takes seconds to import; help and usage errors need none of it.
if TYPE_CHECKING:
    from tabvae_ray.generation.single_file import GenerateOptions
    from tabvae_ray.storage import Location

__all__ = ["command", "main"]

# The defaults of the library, which a test holds equal; importing them would load torch.
_MAX_DRAWS = 10_000_000
_SHARD_ROWS = 1_048_576

_ROWS = "Rows"
_DRAWING = "Drawing"
_MANY = "Many rows"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 if done, 2 if the input is wrong."""
    return run(command, "python -m tabvae_ray.generate", arguments)


@click.command(
    "generate",
    cls=Command,
    short_help="Generate rows with an exported model.",
    examples=(
        "--model runs/beta/best --rows 1000 --out rows.csv",
        "--model runs/beta/best --rows 100 --out rows.csv --where Sex=F --where Age=60:",
    ),
)
@option(
    "--model",
    required=True,
    type=INPUT,
    metavar="DIR|URI",
    section=_ROWS,
    help="Exported model, such as runs/beta/best.",
)
@option(
    "--rows",
    required=True,
    type=click.IntRange(min=0, max=10**12),
    metavar="N",
    section=_ROWS,
    help="Number of rows.",
)
@option(
    "--out",
    required=True,
    type=OutputPath(may_be_stdout=True),
    metavar="FILE|DIR|URI",
    section=_ROWS,
    help="File to write, .csv, .csv.gz or .parquet; - for CSV on stdout; for shards, a directory.",
)
@option(
    "--na-rep",
    metavar="TEXT",
    default="",
    show_default="an empty cell",
    section=_ROWS,
    help="Text of missing values in CSV.",
)
@option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    section=_ROWS,
    help="Make only rows that satisfy the condition: Sex=F, Age=60:70, Age=60:, "
    "Day=2024-01-01..2024-06-30, or City= for missing values. Conditions on several columns must "
    "all hold; of several on one categorical column, any one.",
)
@option(
    "--max-draws",
    type=click.IntRange(min=1),
    default=_MAX_DRAWS,
    metavar="N",
    section=_ROWS,
    help="With --where, the limit of draws for each block of rows.",
)
@option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    section=_DRAWING,
    help="The same seed gives the same rows.",
)
@option(
    "--temperature",
    type=FiniteRange(min=0, min_open=True),
    metavar="T",
    section=_DRAWING,
    show_default="the model's",
    help="Above 1 flattens the columns' distributions, below 1 sharpens them.",
)
@option(
    "--use-mean",
    is_flag=True,
    section=_DRAWING,
    help="Decode the prior's mean instead of draws from it.",
)
@option(
    "--likeliest",
    is_flag=True,
    section=_DRAWING,
    help="Take the likeliest code of each column instead of a draw.",
)
@option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda")),
    default="auto",
    section=_DRAWING,
    help="Device to generate on.",
)
@option(
    "--shard-rows",
    type=click.IntRange(min=1),
    metavar="N",
    section=_MANY,
    show_default=f"{_SHARD_ROWS} with --address, or else one file",
    help="Write Parquet shards of so many rows and a manifest. Shards that are complete are not "
    "made again.",
)
@option(
    "--address",
    metavar="ADDR",
    section=_MANY,
    show_default="this process, without Ray",
    help="Make the shards on a Ray cluster: auto, host:port, ray://host:port, or local to start "
    "one on this machine.",
)
@option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    section=_MANY,
    show_default="as many as its CPUs",
    help="Workers on the cluster.",
)
@log_format_option("Output")
@logged
def command(
    *,
    log: JsonLog | None,
    model: str,
    rows: int,
    out: str,
    na_rep: str,
    where: tuple[str, ...],
    max_draws: int,
    seed: int,
    temperature: float | None,
    use_mean: bool,
    likeliest: bool,
    device: str,
    shard_rows: int | None,
    address: str | None,
    workers: int | None,
) -> int:
    """Generate rows with an exported model.

    Rows go to one file, or with --shard-rows or --address to a directory of Parquet shards.
    """
    from tabvae_ray.generation.single_file import GenerateOptions, generate_to_file
    from tabvae_ray.storage import Location

    options = GenerateOptions(
        seed=seed,
        temperature=temperature,
        # A flag that is absent leaves the choice to the model.
        use_mean=use_mean or None,
        sample=False if likeliest else None,
        device=device,
        where=where,
        max_draws=max_draws,
    )
    started = time.perf_counter()
    is_one_file = address is None and shard_rows is None and workers is None
    if out == STDOUT and not is_one_file:
        raise ConfigError("--out -: shards are written to a directory, not to stdout")
    if address is None:
        _check_device(device)
    if out == STDOUT:
        with table_for_stdout() as file:
            generate_to_file(model, rows, file, options, na_rep=na_rep, log=log)
        target, n_shards = "stdout", None
    elif is_one_file:
        generate_to_file(model, rows, Location(out), options, na_rep=na_rep, log=log)
        target, n_shards = str(Location(out)), None
    else:
        if na_rep:
            raise ConfigError("--na-rep: is for CSV, but shards are Parquet")
        where_to = Location(out)
        cluster = address, workers
        n_shards = _generate_shards(model, rows, where_to, options, shard_rows, *cluster, log)
        target = str(where_to)
    seconds = time.perf_counter() - started
    if log is not None:
        took = round(seconds, 3)
        log.event("generation_ended", rows=rows, out=target, shards=n_shards, seconds=took)
        return 0
    parts = "" if n_shards is None else f" in {n_shards:,} shards"
    speaker(None)(f"{rows:,} rows written to {target}{parts} in {seconds:.1f} s")
    return 0


def _generate_shards(
    model: str,
    rows: int,
    out: "Location",
    options: "GenerateOptions",
    shard_rows: int | None,
    address: str | None,
    workers: int | None,
    log: JsonLog | None,
) -> int:
    """Make the shards and return their number."""
    from tabvae_ray.generation.shards.run import generate_shards

    if options.where:
        raise ConfigError("--where: rows with conditions are written to one file, not to shards")
    if out.suffix in (".csv", ".csv.gz", ".parquet"):
        raise ConfigError(
            f"--out {out}: shards are written to a directory, but this names a file; without "
            "--shard-rows and --address, one file is written"
        )
    drawing = asdict(options)
    del drawing["where"], drawing["max_draws"]
    manifest = generate_shards(
        model,
        rows,
        out,
        **drawing,
        shard_rows=shard_rows or _SHARD_ROWS,
        address=address,
        workers=workers,
        log=log,
    )
    return len(manifest.shards)


def _check_device(name: str) -> None:
    if name == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ConfigError("--device cuda: torch finds no CUDA device here; use cpu or auto")


if __name__ == "__main__":
    sys.exit(main())
