"""Compare two tables with everything that they allow: the function behind the command."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tabvae_ray.callable_module.arguments import flag
from tabvae_ray.comparison.assessment import Assessment
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.plot_names import PlotName, wanted_plots
from tabvae_ray.documents import read_json
from tabvae_ray.errors import ConfigError, StorageError, brief
from tabvae_ray.storage import Location, check_writable
from tabvae_ray.table.declaration import SpecDeclaration, SpecSource, declaration_of
from tabvae_ray.table.io import read_table
from tabvae_ray.table.reading.frames import Frame, Source, as_frame, is_location
from tabvae_ray.table.spec import TableSpec

__all__ = ["compare"]


def compare(
    real: Source | Frame,
    synthetic: Source | Frame,
    *,
    held_out: Source | Frame | None = None,
    spec: SpecSource | None = None,
    target: str | None = None,
    plan: Source | Mapping[str, Any] | ComparisonPlan | None = None,
    plots: Sequence[PlotName] | str | None = None,
    levels: bool = True,
    out: Source | None = None,
) -> Assessment:
    """Score any synthetic table against the real one, beside reference levels.

    Example:
        >>> comparison = tabvae_ray.compare(real, rows, target="outcome")
        >>> comparison.scores["detection"], comparison.figure("pdf", "Age")

    Args:
        real: The real table: a path or URI, a DataFrame of pandas or polars, or an Arrow table.
        synthetic: The synthetic table, of any origin, likewise.
        held_out: Real rows that the synthetic table was not made from, likewise. They add
            the scores ``dcr_share`` and ``membership_black_box``, and ``tstr`` is tested on them.
        spec: What the columns are: a path or URI, its content as a mapping, or a
            :class:`TableSpec`; inferred from the real table if None.
        target: Column to predict, which adds the score ``tstr``; by default the spec's.
        plan: What to compute: a :class:`ComparisonPlan`, its content, or its file; by default all
            scores that the tables allow.
        plots: Plots to draw into ``out``: names, ``all`` or ``none``; by default all fast ones.
            Figures can be drawn without, by :meth:`Assessment.figure`.
        levels: Whether to compute the reference levels, which takes most of the time.
        out: Directory for ``scores.json``, arrays and plots, a path or URI.

    Raises:
        ConfigError: If an argument or the plan breaks a rule.
        DataError: If the tables do not fit each other.
        StorageError: If something cannot be read or written.
    """
    if target is not None and not isinstance(target, str):
        raise ConfigError(f"--target must be text, but got {brief(target)}")
    wanted = wanted_plots(plots, has_out=out is not None, has_plan=plan is not None)
    levels = flag("levels", levels)
    declared = None if spec is None else declaration_of(spec)
    directory = None if out is None else Location(out)
    if directory is not None:
        _check_free(directory)
        check_writable(directory)
    real_rows = _rows(real, declared, "the real table")
    source = str(real) if is_location(real) else "the real table"
    columns = TableSpec.infer(real_rows, declared=declared, source=source)
    # Other tables are read like the real one, whose spec says what their cells are.
    alike = SpecDeclaration.from_mapping(columns.to_mapping())
    if target:
        columns = columns.model_copy(update={"target": target})
    held_out_rows = None if held_out is None else _rows(held_out, alike, "the held-out table")
    if plan is not None:
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
        if not isinstance(plan, ComparisonPlan):
            raise ConfigError("--plan: has pictures, which go to --out; give it, or --plots none")
        # A plan may be shared with other comparisons. Figures are drawn when they are asked for.
        chosen = chosen.model_copy(update={"plots": (), "plot_collections": ()})
    prepared = chosen.prepare(real_rows, columns, held_out=held_out_rows)
    prepared.check_rules(real_rows)
    synthetic_rows = _rows(synthetic, alike, "the synthetic table")
    assessment = Assessment(prepared, synthetic_rows, has_levels=levels)
    if directory is not None:
        assessment.write(directory)
    return assessment


def _check_free(directory: Location) -> None:
    """Check that a directory has no ``scores.json`` but that of an earlier comparison.

    Raises:
        ConfigError: If it has.
    """
    file = directory / "scores.json"
    if not file.exists():
        return
    try:
        document = read_json(file)
    except (ValueError, StorageError):
        document = None
    if not isinstance(document, dict) or not document.keys() >= {"privacy", "rules", "warnings"}:
        raise ConfigError(
            f"--out {directory}: holds scores.json, which is not of a comparison; give another "
            "directory"
        )


def _rows(given: Source | Frame, declared: SpecDeclaration | None, what: str) -> pd.DataFrame:
    """Return the rows of a table in a file or in memory."""
    if is_location(given):
        return read_table(Location(given), declared)
    return as_frame(given, what)


def _plan(given: Source | Mapping[str, Any] | ComparisonPlan) -> ComparisonPlan:
    """Return the plan of a file or a mapping."""
    if isinstance(given, ComparisonPlan):
        return given
    if is_location(given):
        return ComparisonPlan.load(Location(given))
    return ComparisonPlan.from_mapping(given)


def _default_plan(
    plots: Sequence[PlotName],
    *,
    has_arrays: bool,
    has_held_out: bool,
    has_target: bool,
    has_rules: bool,
) -> ComparisonPlan:
    """Return the plan of every score that the tables allow."""
    scores = ["mean_js_distance", "correlation_distance", "column_shapes", "pair_trends"]
    scores.append("detection")
    if has_held_out:
        scores += ["membership_black_box", "dcr_share"]
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
