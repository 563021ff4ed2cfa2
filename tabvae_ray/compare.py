"""``python -m tabvae_ray.compare``: scores any synthetic table against the real one."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, get_args

import pandas as pd

from tabvae_ray.cli import run_command
from tabvae_ray.comparison.options import SCORES, PlotName
from tabvae_ray.comparison.plan import PICTURES, ComparisonPlan, PreparedComparison
from tabvae_ray.comparison.reference_levels import ReferenceLevels, reference_levels
from tabvae_ray.comparison.scores.privacy import Privacy, privacy
from tabvae_ray.documents import read_document
from tabvae_ray.errors import ConfigError
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if done, 2 if a table is not there or does not fit."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    plots = _plots(options)
    declared = SpecDeclaration.load(options.spec) if options.spec else None
    out = Location(options.out) if options.out else None
    if out is not None:
        out.check_writable()
    real = read_table(options.real)
    spec = TableSpec.infer(real, declared=declared, source=options.real)
    if options.target:
        spec = spec.model_copy(update={"target": options.target})
    held_out = read_table(options.held_out) if options.held_out else None
    plan = _plan(options, spec, plots, has_held_out=held_out is not None)
    if out is None and (plan.plots or plan.plot_collections):
        raise ConfigError("--plan: has pictures, which go to --out; give it, or --plots none")
    prepared = plan.prepare(real, spec, held_out=held_out)
    synthetic = read_table(options.synthetic)
    result = _Result(prepared, synthetic, has_levels=not options.no_levels)
    for warning in result.comparison.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201
    if out is not None:
        _write(result, out)
        print(f"written to {out}", file=sys.stderr)  # noqa: T201
    if options.json:
        text = json.dumps(result.document(), ensure_ascii=False, allow_nan=False)
    else:
        text = result.text()
    print(text)  # noqa: T201
    return 0


class _Result:
    """A comparison with all that it is read against."""

    def __init__(
        self, prepared: PreparedComparison, synthetic: pd.DataFrame, *, has_levels: bool
    ) -> None:
        self.prepared = prepared
        columns = prepared.reader.read(synthetic)
        self.levels = ReferenceLevels()
        if has_levels:
            self.levels = reference_levels(prepared, n_synthetic=columns.n_rows)
        self.comparison = prepared.compute_columns(columns, title=self.levels.title)
        self.privacy: Privacy = self.comparison.privacy or privacy(
            columns,
            prepared.training or prepared.real,
            prepared.held_out,
            most_rows=prepared.plan.options.privacy_max_rows,
        )

    def document(self) -> dict[str, Any]:
        """Scores and ``js_distance`` under their own names at the top, the rest under theirs."""
        comparison = self.comparison
        document: dict[str, Any] = dict(comparison.scores)
        for name, members in comparison.score_collections.items():
            # A score has the same name, and the top level.
            document[f"{name}_per_column" if name in SCORES else name] = members
        if self.levels.n_rows:
            document["levels"] = self.levels.to_mapping()
        document["privacy"] = self.privacy.to_mapping()
        if comparison.usefulness is not None:
            document["usefulness"] = comparison.usefulness.to_mapping()
        if comparison.array_collections:
            document["arrays"] = comparison.arrays()
        document["warnings"] = list(comparison.warnings)
        return document

    def text(self) -> str:
        """The same for people."""
        comparison, levels = self.comparison, self.levels
        lines = []
        for name, value in comparison.scores.items():
            lines.append(f"{name:<24}{value:>12.6f}   {levels.beside(name)}".rstrip())
        for collection, members in comparison.score_collections.items():
            width = min(max(map(len, members), default=0), 60) + 2
            lines += ["", f"{collection} per column"]
            for name, value in members.items():
                beside = levels.beside(f"{collection}/{name}")
                lines.append(f"  {name:<{width}}{value:>12.6f}   {beside}".rstrip())
        said = [*levels.verdicts(comparison.scores), self.privacy.verdict]
        if comparison.usefulness is not None:
            said.append(comparison.usefulness.verdict)
        return "\n".join([*lines, "", *said])


def _write(result: _Result, out: Location) -> None:
    text = json.dumps(result.document(), indent=1, ensure_ascii=False, allow_nan=False)
    files = {**result.comparison.files(), "scores.json": (text + "\n").encode()}
    for name, content in files.items():
        (out / name).write_bytes(content)


def _plan(
    options: argparse.Namespace, spec: TableSpec, plots: Sequence[PlotName], *, has_held_out: bool
) -> ComparisonPlan:
    if options.plan:
        source = Location(options.plan)
        plan = ComparisonPlan.from_mapping(read_document(source) or {}, str(source))
        if options.plots == "none":
            return plan.model_copy(update={"plots": (), "plot_collections": ()})
        return plan.model_copy(update={"plots": plots}) if plots else plan
    scores = ["mean_js_distance", "correlation_distance", "column_shapes", "pair_trends"]
    scores.append("detection")
    if has_held_out:
        scores.append("dcr_share")
    if spec.target is not None:
        scores.append("tstr")
    return ComparisonPlan.from_mapping(
        {
            "scores": scores,
            "score_collections": ["js_distance"],
            "plots": plots,
            "array_collections": ComparisonPlan.complete().array_collections if options.out else (),
        }
    )


def _plots(options: argparse.Namespace) -> tuple[PlotName, ...]:
    """The plots to draw: those asked for, or with ``--out`` the usual ones."""
    known: tuple[PlotName, ...] = get_args(PlotName)
    if options.plots is None:
        return PICTURES if options.out and not options.plan else ()
    if options.plots == "none":
        return ()
    if not options.out:
        raise ConfigError("--plots: must come with --out, where the pictures go")
    if options.plots == "all":
        return known
    wanted = [name.strip() for name in options.plots.split(",")]
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"--plots: must be all, none, or some of {', '.join(known)}, but got {name!r}"
            )
    return tuple(name for name in known if name in wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tabvae_ray.compare", description=__doc__)
    add = parser.add_argument
    add("--real", required=True, metavar="FILE", help="real table: CSV or Parquet, path or URI")
    add("--synthetic", required=True, metavar="FILE", help="synthetic table, whoever made it")
    add("--spec", metavar="FILE", help="what the columns are (YAML or JSON); inferred if left out")
    add("--target", metavar="COLUMN", help="column to predict: adds the score tstr")
    add(
        "--held-out",
        metavar="FILE",
        help="real rows that the synthetic table was not made from: adds the score dcr_share, and "
        "tstr is tested on them",
    )
    add("--plan", metavar="FILE", help="which scores, arrays and plots to compute (YAML or JSON)")
    add("--out", metavar="DIR", help="where scores.json, arrays and pictures go; path or URI")
    add(
        "--plots",
        metavar="NAMES",
        help=f"pictures to draw: all, none, or names with commas between ({', '.join(PICTURES)} "
        "or the plan's if left out; truncated_svd and tsne are there too)",
    )
    add("--no-levels", action="store_true", help="leave the reference levels out")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
