"""``python -m tabvae_ray.compare`` and ``tabvae compare``: scores of a synthetic table.

The module can be called: ``tabvae_ray.compare(real, synthetic)`` is
:func:`tabvae_ray.comparison.compare_tables.compare`.
"""

import json
import sys
from collections.abc import Sequence

import click

from tabvae_ray.callable_module import make_callable
from tabvae_ray.cli import (
    DOCUMENT,
    TABLE,
    Command,
    json_option,
    log_format_option,
    option,
    run,
    spec_option,
)
from tabvae_ray.command_line.json_log import JsonLog, logged, speaker
from tabvae_ray.command_line.lines import line_width, wrapped
from tabvae_ray.command_line.output_path import PAGE, OutputPath
from tabvae_ray.comparison.plot_names import wanted_plots

__all__ = ["command", "main"]

make_callable(__name__, "tabvae_ray.comparison.compare_tables.compare")

_TABLES = "Tables"
_CONTENT = "What to compute"
_OUTPUT = "Output"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 if done, 2 if the input is wrong."""
    return run(command, "python -m tabvae_ray.compare", arguments)


@click.command(
    "compare",
    cls=Command,
    short_help="Score a synthetic table against a real one.",
    examples=(
        "--real real.csv --synthetic rows.csv",
        "--real real.csv --synthetic rows.csv --target outcome --html comparison.html",
    ),
)
@option(
    "--real",
    required=True,
    type=TABLE,
    metavar="FILE|URI",
    section=_TABLES,
    help="Real table, CSV or Parquet.",
)
@option(
    "--synthetic",
    required=True,
    type=TABLE,
    metavar="FILE|URI",
    section=_TABLES,
    help="Synthetic table, of any origin.",
)
@option(
    "--held-out",
    type=TABLE,
    metavar="FILE|URI",
    section=_TABLES,
    help="Real rows that the synthetic table was not made from. Adds the scores "
    "dcr_share and membership_black_box; tstr is tested on these rows.",
)
@spec_option(_TABLES, show_default="inferred from the real table")
@option(
    "--target",
    metavar="COLUMN",
    section=_TABLES,
    show_default="the spec's",
    help="Column to predict. Adds the score tstr.",
)
@option(
    "--plan",
    type=DOCUMENT,
    metavar="FILE|URI",
    section=_CONTENT,
    help="Scores, arrays and plots to compute, YAML or JSON.",
)
@option(
    "--plots",
    metavar="NAMES",
    section=_CONTENT,
    # The names are known to modules that take long to import; a test compares them.
    show_default="with --out all but truncated_svd and tsne; with --plan the plan's",
    help="Plots to draw: all, none, or some of pdf, cdf, descriptive_statistics, pca, "
    "correlation_heatmaps, truncated_svd and tsne, with commas between them.",
)
@option("--no-levels", is_flag=True, section=_CONTENT, help="Leave out the reference levels.")
@option(
    "--out",
    type=OutputPath(),
    metavar="DIR|URI",
    section=_OUTPUT,
    help="Directory for scores.json, arrays and plots.",
)
@option(
    "--html",
    type=PAGE,
    metavar="FILE|URI",
    section=_OUTPUT,
    help="Page to write, with scores, verdicts and pictures, that needs no network.",
)
@json_option(_OUTPUT)
@log_format_option(_OUTPUT)
@logged
def command(
    *,
    log: JsonLog | None,
    real: str,
    synthetic: str,
    held_out: str | None,
    spec: str | None,
    target: str | None,
    plan: str | None,
    plots: str | None,
    no_levels: bool,
    out: str | None,
    html: str | None,
    as_json: bool,
) -> int:
    """Score any synthetic table against the real one, beside reference levels."""
    # Refuses a wrong name before anything is imported.
    wanted_plots(plots, has_out=bool(out), has_plan=bool(plan))
    if spec is not None:
        # A wrong file is refused before pandas is imported.
        from tabvae_ray.table.declaration import SpecDeclaration

        SpecDeclaration.load(spec)
    if plan is not None:
        from tabvae_ray.comparison.plan_document import PlanDocument

        PlanDocument.load(plan)
    if html:
        _check_page(html)
    from tabvae_ray.comparison.compare_tables import compare

    assessment = compare(
        real,
        synthetic,
        held_out=held_out or None,
        spec=spec or None,
        target=target,
        plan=plan or None,
        plots=plots,
        levels=not no_levels,
        out=out or None,
    )
    say = speaker(log)
    for warning in assessment.comparison.warnings:
        if log is None:
            say(f"warning: {warning}")
        else:
            log.message(warning, "warning")
    if out:
        from tabvae_ray.storage import Location

        say(f"written to {Location(out)}")
    if html:
        from tabvae_ray.page.comparison_page import comparison_page
        from tabvae_ray.storage import Location

        names = str(Location(real)), str(Location(synthetic))
        page = Location(html)
        page.write_text(comparison_page(assessment, real=names[0], synthetic=names[1]))
        say(f"written to {page}")
    if log is not None:
        log.event("comparison_ended", **assessment.document())
    if as_json:
        print(json.dumps(assessment.document(), allow_nan=False))  # noqa: T201
    elif log is None:
        print(wrapped(assessment.text(), line_width(sys.stdout)))  # noqa: T201
    return 0


def _check_page(html: str) -> None:
    """Check that the page can be written, before minutes are spent on its content.

    Raises:
        StorageError: If it cannot.
    """
    from tabvae_ray.errors import StorageError
    from tabvae_ray.storage import Location, check_writable
    from tabvae_ray.uri import obstacle

    page = Location(html)
    path = page.on_this_machine()
    if path is not None and (found := obstacle(path)) is not None:
        raise StorageError(f"{page}: cannot be written: {found}")
    check_writable(page.parent)


if __name__ == "__main__":
    sys.exit(main())
