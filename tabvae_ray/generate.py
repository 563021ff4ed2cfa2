"""``python -m tabvae_ray.generate``: rows from an exported model, and the function behind it."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from tabvae_ray.cli import run_command
from tabvae_ray.errors import ConfigError
from tabvae_ray.storage import Location
from tabvae_ray.table.io import TableWriter

__all__ = ["GenerateOptions", "generate_to_file", "main"]


@dataclass(frozen=True)
class GenerateOptions:
    """How rows are drawn; what is None is taken from the export.

    Args:
        seed: The same seed gives the same rows, on the same kind of device.
        temperature: Above 1 flattens the columns' distributions, below 1 sharpens them.
        use_mean: Decode the prior's mean in place of draws from it.
        sample: Draw codes from the heads; otherwise take the likeliest ones.
        device: ``auto``, ``cpu`` or ``cuda``.
        where: Conditions that every row keeps, as :func:`parse_where` reads them.
        max_draws: With conditions, most draws for each block of rows; the synthesizer's if None.
    """

    seed: int = 0
    temperature: float | None = None
    use_mean: bool | None = None
    sample: bool | None = None
    device: str = "auto"
    where: tuple[str, ...] = ()
    max_draws: int | None = None


def generate_to_file(
    model: Location | str, rows: int, out: Location | str, options: GenerateOptions | None = None
) -> int:
    """Make rows and write them to one file, block by block, in bounded memory.

    Args:
        model: The export, a path or URI.
        rows: How many, >= 0.
        out: The file to write, CSV or Parquet by its suffix; complete or not there at all.
        options: How rows are drawn.

    Returns:
        The number of rows written.

    Raises:
        ConfigError: If ``rows`` or an option breaks its rule.
        DataError: If the conditions are too rare.
        ExportError: If ``model`` is not an export.
        StorageError: If the file cannot be written.
    """
    from tabvae_ray.generation.rejection import MAX_DRAWS
    from tabvae_ray.generation.synthesizer import load_synthesizer
    from tabvae_ray.table.where_option import parse_where

    options = options or GenerateOptions()
    if rows < 0:
        raise ConfigError(f"--rows must be >= 0, but got {rows}")
    target = Location(out)
    synthesizer = load_synthesizer(model, options.device)
    where = parse_where(options.where, synthesizer.spec) if options.where else None
    with _draws_shown(rows if where else 0) as on_draws:
        blocks = synthesizer.generate_blocks(
            rows,
            seed=options.seed,
            temperature=options.temperature,
            use_mean=options.use_mean,
            sample=options.sample,
            where=where,
            max_draws=MAX_DRAWS if options.max_draws is None else options.max_draws,
            on_draws=on_draws,
        )
        with TableWriter(target, synthesizer.encoder.example()) as writer:
            for block in blocks:
                # What is said of a block would be kept in a Parquet file.
                block.attrs.clear()
                writer.write(block)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see DESIGN's contract for its exit codes."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    drawn = GenerateOptions(
        seed=options.seed,
        temperature=options.temperature,
        use_mean=options.use_mean,
        sample=None if options.likeliest is None else not options.likeliest,
        device=options.device,
        where=tuple(options.where),
        max_draws=options.max_draws,
    )
    started = time.perf_counter()
    if options.address is None:
        _check_device(options.device)
    if options.address is None and options.shard_rows is None and options.workers is None:
        rows = generate_to_file(options.model, options.rows, options.out, drawn)
        shards = ""
    else:
        rows = options.rows
        shards = f" in {_generate_shards(options, drawn):,} shards"
    seconds = time.perf_counter() - started
    print(  # noqa: T201
        f"{rows:,} rows written to {Location(options.out)}{shards} in {seconds:.1f} s",
        file=sys.stderr,
    )
    return 0


def _generate_shards(options: argparse.Namespace, drawn: GenerateOptions) -> int:
    from tabvae_ray.generation.shards.run import SHARD_ROWS, generate_shards

    if drawn.where:
        raise ConfigError("--where: rows with conditions are written to one file, not to shards")
    known = asdict(drawn)
    del known["where"], known["max_draws"]
    out = Location(options.out)
    if out.suffix in (".csv", ".csv.gz", ".parquet"):
        raise ConfigError(
            f"--out {out}: shards are written to a directory, but this names a file; without "
            "--shard-rows and --address, one file is written"
        )
    manifest = generate_shards(
        options.model,
        options.rows,
        out,
        **known,
        shard_rows=SHARD_ROWS if options.shard_rows is None else options.shard_rows,
        address=options.address,
        workers=options.workers,
    )
    return len(manifest.shards)


@contextmanager
def _draws_shown(rows: int) -> Iterator[Callable[[int, int], None]]:
    """Show on stderr how many draws rows with conditions take; nothing for 0 rows."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    counted = [0, 0]
    bar = Progress(
        TextColumn("rows"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[draws]:,} draws"),
        console=console,
        transient=True,
        disable=not rows or not console.is_terminal,
    )
    task = bar.add_task("rows", total=rows, draws=0)

    def show(kept: int, draws: int) -> None:
        counted[:] = kept, draws
        bar.update(task, completed=kept, draws=draws)

    with bar:
        yield show
    if rows:
        kept, draws = counted
        console.print(f"{kept:,} rows that keep the conditions, of {draws:,} draws")


def _check_device(name: str) -> None:
    if name == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ConfigError("--device cuda: torch finds no CUDA device here; use cpu or auto")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tabvae_ray.generate", description="Make rows with an exported model."
    )
    parser.add_argument(
        "--model", required=True, metavar="DIR|URI", help="the export, such as runs/beta/best"
    )
    parser.add_argument("--rows", required=True, type=int, metavar="N", help="how many rows")
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE|DIR|URI",
        help="where to write: a file, .csv, .csv.gz or .parquet; for shards a directory",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed gives the same rows (0)"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="above 1 flattens the columns' distributions, below 1 sharpens them (the export's)",
    )
    parser.add_argument(
        "--use-mean",
        action="store_true",
        default=None,
        help="decode the prior's mean in place of draws from it",
    )
    parser.add_argument(
        "--likeliest",
        action="store_true",
        default=None,
        help="take the likeliest code of each column in place of a draw",
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="make only such rows: Sex=F, Age=60:70, Age=60:, Day=2024-01-01..2024-06-30, City= "
        "for missing values; several conditions are all kept, of a categorical column any of them",
    )
    parser.add_argument(
        "--max-draws",
        type=int,
        metavar="N",
        help="with --where, most draws for each 65536 rows (10000000)",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to generate (auto)"
    )
    shards = parser.add_argument_group(
        "many rows", "written as Parquet shards with a manifest; what is there is not made again"
    )
    shards.add_argument(
        "--shard-rows", type=int, metavar="N", help="rows of each shard (1048576 with --address)"
    )
    shards.add_argument(
        "--address",
        metavar="ADDR",
        help="make them on a Ray cluster: auto, host:port, ray://host:port, or local for one that "
        "is started here",
    )
    shards.add_argument(
        "--workers", type=int, metavar="N", help="workers on the cluster (as many as its CPUs)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
