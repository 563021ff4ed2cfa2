"""A search as one HTML page, and the command that writes it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from tabvae_ray.cli import INPUT, PATH_OR_URI, Command, log_format_option, option, run
from tabvae_ray.command_line.json_log import JsonLog, logged, speaker
from tabvae_ray.command_line.output_path import PAGE

# What the command needs takes seconds to import; help and usage errors need none of it.
if TYPE_CHECKING:
    from tabvae_ray.storage import Location

__all__ = ["command", "main", "write_report"]


def write_report(
    search: "Location | str",
    out: "Location | str | None" = None,
    *,
    progress: "Callable[[str], None] | None" = None,
) -> "Location":
    """Write the page of a search; the page names what the search does not have yet.

    Args:
        search: The search's directory, a path or URI.
        out: The page; ``report.html`` in the search's directory if None.
        progress: Function that is told each step before it begins.

    Returns:
        The location of the page.

    Raises:
        StorageError: If there is no search, or the page cannot be written.
    """
    from tabvae_ray.report.contents import gather
    from tabvae_ray.report.page import render
    from tabvae_ray.storage import Location, check_writable

    directory = Location(search)
    target = directory / "report.html" if out is None else Location(out)
    if out is not None or (directory / "search.json").exists():
        # Drawing takes long. Without a search, it is said that there is none.
        check_writable(target.parent)
    target.write_text(render(gather(directory, progress)))
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 if done, 2 if there is no search."""
    return run(command, "python -m tabvae_ray.report", arguments)


@click.command(
    "report",
    cls=Command,
    short_help="Show a search as one HTML page.",
    examples=("runs/beta", "s3://bucket/runs/beta --out report.html"),
)
@click.argument("run", required=False, type=PATH_OR_URI)
@option("--search", type=INPUT, metavar="DIR|URI", help="The same as RUN.")
@option(
    "--out",
    type=PAGE,
    metavar="FILE|URI",
    show_default="report.html in the search's directory",
    help="Page to write.",
)
@log_format_option("Options")
@logged
def command(*, log: JsonLog | None, run: str | None, search: str | None, out: str | None) -> int:
    """Show the search in RUN as one HTML page that needs no network.

    RUN is the directory of the search, a path or URI.
    """
    if (run is None) == (search is None):
        raise click.UsageError("RUN must be given, the directory of a search, and only once")
    directory = run or search or ""
    say = speaker(log)
    target = write_report(directory, out, progress=say)
    if log is None:
        say(f"written to {target}")
    else:
        log.event("report_ended", page=str(target))
    return 0
