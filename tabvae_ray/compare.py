"""``python -m tabvae_ray.compare`` and ``tabvae compare``: scores of a synthetic table."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tabvae_ray.cli import PATH_OR_URI, Command, option, run
from tabvae_ray.errors import ConfigError, brief

# What the command needs takes seconds to import; help and usage errors need none of it.
if TYPE_CHECKING:
    from tabvae_ray.comparison.options import PlotName
    from tabvae_ray.comparison.plan import ComparisonPlan

__all__ = ["command", "main"]

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
        "--real real.csv --synthetic rows.csv --target outcome --out comparison",
    ),
)
@option(
    "--real",
    required=True,
    type=PATH_OR_URI,
    metavar="FILE|URI",
    section=_TABLES,
    help="Real table, CSV or Parquet.",
)
@option(
    "--synthetic",
    required=True,
    type=PATH_OR_URI,
    metavar="FILE|URI",
    section=_TABLES,
    help="Synthetic table, of any origin.",
)
@option(
    "--held-out",
    type=PATH_OR_URI,
    metavar="FILE|URI",
    section=_TABLES,
    help="Real rows that the synthetic table was not made from. Adds the score dcr_share; tstr is "
    "tested on these rows.",
)
@option(
    "--spec",
    type=PATH_OR_URI,
    metavar="FILE|URI",
    section=_TABLES,
    show_default="inferred from the real table",
    help="Types of the columns, YAML or JSON.",
)
@option(
    "--target",
    metavar="COLUMN",
    section=_TABLES,
    show_default="the spec's",
    help="Column to predict. Adds the score tstr.",
)
@option(
    "--plan",
    type=PATH_OR_URI,
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
    type=PATH_OR_URI,
    metavar="DIR|URI",
    section=_OUTPUT,
    help="Directory for scores.json, arrays and plots.",
)
@option(
    "--json",
    "as_json",
    is_flag=True,
    section=_OUTPUT,
    help="Print one JSON object as the last line of stdout.",
)
def command(
    *,
    real: str,
    synthetic: str,
    held_out: str | None,
    spec: str | None,
    target: str | None,
    plan: str | None,
    plots: str | None,
    no_levels: bool,
    out: str | None,
    as_json: bool,
) -> int:
    """Score any synthetic table against the real one, beside reference levels."""
    from tabvae_ray.comparison.assessment import Assessment
    from tabvae_ray.storage import Location
    from tabvae_ray.table.declaration import SpecDeclaration
    from tabvae_ray.table.io import read_table
    from tabvae_ray.table.spec import TableSpec

    wanted = _wanted_plots(plots, has_out=bool(out), has_plan=bool(plan))
    declared = SpecDeclaration.load(spec) if spec else None
    directory = Location(out) if out else None
    if directory is not None:
        directory.check_writable()
    real_rows = read_table(real, declared)
    columns = TableSpec.infer(real_rows, declared=declared, source=real)
    # Other tables are read like the real one, whose spec says what their cells are.
    alike = SpecDeclaration.from_mapping(columns.to_mapping())
    if target:
        columns = columns.model_copy(update={"target": target})
    held_out_rows = read_table(held_out, alike) if held_out else None
    if plan:
        chosen = _plan(plan)
        if plots is not None:
            cleared = {"plot_collections": ()} if plots == "none" else {}
            chosen = chosen.model_copy(update={"plots": wanted, **cleared})
    else:
        chosen = _default_plan(
            wanted,
            has_arrays=directory is not None,
            has_held_out=held_out_rows is not None,
            has_target=columns.target is not None,
            has_rules=bool(columns.rules),
        )
    if directory is None and (chosen.plots or chosen.plot_collections):
        raise ConfigError("--plan: has pictures, which go to --out; give it, or --plots none")
    prepared = chosen.prepare(real_rows, columns, held_out=held_out_rows)
    prepared.check_rules(real_rows)
    synthetic_rows = read_table(synthetic, alike)
    assessment = Assessment(prepared, synthetic_rows, has_levels=not no_levels)
    for warning in assessment.comparison.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201
    if directory is not None:
        assessment.write(directory)
        print(f"written to {directory}", file=sys.stderr)  # noqa: T201
    if as_json:
        print(json.dumps(assessment.document(), ensure_ascii=False, allow_nan=False))  # noqa: T201
    else:
        print(assessment.text())  # noqa: T201
    return 0


def _plan(path: str) -> "ComparisonPlan":
    """Read the plan of a file."""
    from tabvae_ray.comparison.plan import ComparisonPlan
    from tabvae_ray.documents import read_document
    from tabvae_ray.storage import Location

    source = Location(path)
    return ComparisonPlan.from_mapping(read_document(source) or {}, str(source))


def _default_plan(
    plots: "Sequence[PlotName]",
    *,
    has_arrays: bool,
    has_held_out: bool,
    has_target: bool,
    has_rules: bool,
) -> "ComparisonPlan":
    """Return the plan of every score that the tables allow."""
    from tabvae_ray.comparison.plan import ComparisonPlan

    scores = ["mean_js_distance", "correlation_distance", "column_shapes", "pair_trends"]
    scores.append("detection")
    if has_held_out:
        scores.append("dcr_share")
    if has_target:
        scores.append("tstr")
    if has_rules:
        scores.append("rules_kept")
    return ComparisonPlan.from_mapping(
        {
            "scores": scores,
            "score_collections": ["js_distance"],
            "plots": plots,
            "array_collections": ComparisonPlan.complete().array_collections if has_arrays else (),
        }
    )


def _wanted_plots(given: str | None, *, has_out: bool, has_plan: bool) -> "tuple[PlotName, ...]":
    """Return the plots that ``--plots`` names, or the usual ones if there is only ``--out``."""
    from tabvae_ray.comparison.options import PLOTS
    from tabvae_ray.comparison.plan import PICTURES

    if given is None:
        return PICTURES if has_out and not has_plan else ()
    if given == "none":
        return ()
    if not has_out:
        raise ConfigError("--plots: must come with --out, where the pictures go")
    if given == "all":
        return PLOTS
    wanted = [name.strip() for name in given.split(",")]
    for name in wanted:
        if name not in PLOTS:
            raise ConfigError(
                f"--plots: must be all, none, or some of {', '.join(PLOTS)}, but got {brief(name)}"
            )
    return tuple(name for name in PLOTS if name in wanted)


if __name__ == "__main__":
    sys.exit(main())
