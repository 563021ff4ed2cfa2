"""Rows of an exported model in one file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tabvae_ray.command_line.json_log import JsonLog
from tabvae_ray.command_line.terminal import Terminal
from tabvae_ray.errors import ConfigError
from tabvae_ray.generation.rejection import MAX_DRAWS
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.generation.written_values import as_written, in_object_types
from tabvae_ray.storage import Location
from tabvae_ray.table.io import TableWriter
from tabvae_ray.table.where_option import parse_where

__all__ = ["GenerateOptions", "generate_to_file"]


@dataclass(frozen=True)
class GenerateOptions:
    """Options of drawing rows; those that are None are taken from the export.

    Args:
        seed: The same seed gives the same rows, on the same kind of device.
        temperature: Above 1 flattens the columns' distributions, below 1 sharpens them.
        use_mean: Decode the prior's mean instead of draws from it.
        sample: Draw codes from the heads; otherwise take the likeliest codes.
        device: ``auto``, ``cpu`` or ``cuda``.
        where: Conditions that every row satisfies, as :func:`parse_where` reads them.
        max_draws: With conditions, the limit of draws for each block of rows.
    """

    seed: int = 0
    temperature: float | None = None
    use_mean: bool | None = None
    sample: bool | None = None
    device: str = "auto"
    where: tuple[str, ...] = ()
    max_draws: int = MAX_DRAWS


def generate_to_file(
    model: Location | str,
    rows: int,
    out: Location | str,
    options: GenerateOptions | None = None,
    *,
    na_rep: str = "",
    log: JsonLog | None = None,
) -> int:
    """Make rows and write them to one file, block by block, in bounded memory.

    Args:
        model: The export, a path or URI.
        rows: Number of rows, >= 0.
        out: The file to write, CSV or Parquet by its suffix. A failure leaves no partial file.
        options: Options of drawing rows.
        na_rep: Text of missing values in CSV.
        log: Where it is said how many draws rows with conditions took; on stderr if None.

    Returns:
        The number of rows written.

    Raises:
        ConfigError: If ``rows`` or an option breaks its rule.
        DataError: If rows that satisfy the conditions are too rare.
        ExportError: If ``model`` is not an export.
        StorageError: If the file cannot be written.
    """
    options = options or GenerateOptions()
    if rows < 0:
        raise ConfigError(f"--rows must be >= 0, but got {rows}")
    target = Location(out)
    if na_rep and target.suffix == ".parquet":
        raise ConfigError("--na-rep: is for CSV; Parquet has missing values of its own")
    synthesizer = load_synthesizer(model, options.device)
    where = parse_where(options.where, synthesizer.spec) if options.where else None
    with _draws_shown(rows if where else 0, log) as on_draws:
        blocks = synthesizer.generate_blocks(
            rows,
            seed=options.seed,
            temperature=options.temperature,
            use_mean=options.use_mean,
            sample=options.sample,
            where=where,
            max_draws=options.max_draws,
            on_draws=on_draws,
        )
        spec, as_text = synthesizer.spec, target.suffix != ".parquet"
        example = in_object_types(synthesizer.encoder.example(), spec)
        with TableWriter(target, example, spec.arrow_types, na_rep=na_rep) as writer:
            for block in blocks:
                writer.write(as_written(block, spec, as_text=as_text))
    return rows


@contextmanager
def _draws_shown(rows: int, log: JsonLog | None) -> Iterator[Callable[[int, int], None]]:
    """Show the number of draws that rows with conditions take; nothing for 0 rows."""
    console = Terminal(stderr=True)
    counted = [0, 0]
    bar = Progress(
        TextColumn("rows"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[draws]:,} draws"),
        console=console,
        transient=True,
        disable=not rows or log is not None or not console.is_terminal,
    )
    task = bar.add_task("rows", total=rows, draws=0)

    def show(kept: int, draws: int) -> None:
        counted[:] = kept, draws
        bar.update(task, completed=kept, draws=draws)

    with bar:
        yield show
    if rows:
        kept, draws = counted
        text = f"{kept:,} rows that satisfy the conditions, of {draws:,} draws"
        if log is None:
            console.print(text)
        else:
            log.message(text)
