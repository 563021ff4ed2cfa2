"""``python -m tabvae_ray.report``: a search as one HTML page.

A package, because a page is three things that have little to do with each other: what there is to
show (``evidence``), drawings (``charts``), and the page (``page``).
"""

import argparse
import sys
from collections.abc import Sequence

from tabvae_ray.cli import run_command
from tabvae_ray.storage import Location

__all__ = ["main", "write_report"]


def write_report(search: Location | str, out: Location | str | None = None) -> Location:
    """Write the page of a search; what is missing for a part of it is said in the page.

    Args:
        search: The search's directory, a path or URI.
        out: The page; ``report.html`` in the search's directory if not given.

    Returns:
        Where the page is.

    Raises:
        StorageError: If there is no search, or the page cannot be written.
    """
    from tabvae_ray.report.contents import gather
    from tabvae_ray.report.page import render

    directory = Location(search)
    target = directory / "report.html" if out is None else Location(out)
    target.write_text(render(gather(directory)))
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if done, 2 if there is no search or the page cannot be written."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    target = write_report(options.search, options.out)
    print(f"written to {target}", file=sys.stderr)  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tabvae_ray.report", description="A search as one HTML page."
    )
    parser.add_argument(
        "--search", required=True, metavar="DIR", help="the search's directory, a path or URI"
    )
    parser.add_argument(
        "--out", metavar="FILE", help="the page; report.html in the search's directory if left out"
    )
    return parser
