"""What there is to show of a search: records, levels, importances, and the chosen model's rows."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.comparison.options import ScoreName
from tabvae_ray.comparison.pictures.projections import has_plane
from tabvae_ray.comparison.plan import (
    Comparison,
    ComparisonOptions,
    ComparisonPlan,
    PreparedComparison,
)
from tabvae_ray.comparison.reference_levels import ReferenceLevels, reference_levels
from tabvae_ray.comparison.scores.privacy import Privacy, privacy
from tabvae_ray.comparison.scores.statistics import STATISTICS
from tabvae_ray.comparison.scores.usefulness import Usefulness
from tabvae_ray.config import ValidationConfig
from tabvae_ray.errors import TabVAEError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer, load_synthesizer
from tabvae_ray.report.importances import Importances, importances
from tabvae_ray.results.pareto import as_losses, front, hypervolume
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.storage import Location
from tabvae_ray.table.io import fingerprint, read_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import split_rows

__all__ = ["Pictures", "ReportContents", "gather", "last_values"]

# Columns whose pictures a page of less than 3 MB has room for.
MOST_COLUMNS = 24
_MOST_ROWS = 50_000
_DPI = 100
_SCORES: tuple[ScoreName, ...] = (
    "mean_js_distance",
    "correlation_distance",
    "column_shapes",
    "pair_trends",
    "detection",
)
_THEMES = ("light", "dark")
# What is on a table's picture, and in how many rows: apart, a phone shows them one by one.
_PANELS: dict[str, tuple[tuple[str, ...], int]] = {
    "pca": (("real", "synthetic", "both"), 1),
    "descriptive_statistics": (STATISTICS, 2),
}


@dataclass
class Pictures:
    """The chosen model's rows beside the real ones.

    Args:
        comparison: Scores, and pictures in light colours.
        dark: The same pictures in dark colours.
        columns: Columns that have pictures, the farthest from the real table first.
        n_columns: Columns of the table.
        n_rows: Rows generated.
        privacy: How near they come to real rows.
        usefulness: What can be learnt from them, if the spec names a target.
    """

    comparison: Comparison
    dark: Comparison
    columns: tuple[str, ...]
    n_columns: int
    n_rows: int
    privacy: Privacy
    usefulness: Usefulness | None


@dataclass
class ReportContents:
    """All that the page shows.

    Args:
        directory: The search's directory.
        manifest: ``search.json``.
        records: Finished trials by number.
        scores: ``best/scores.json``; empty without an export.
        levels: Reference levels; empty without the table.
        importances: Of the parameters; None with too few trials.
        pictures: Of the chosen model; None without an export or the table.
        config: The chosen model's configuration.
        notes: What could not be shown, and why.
    """

    directory: Location
    manifest: SearchManifest
    records: list[TrialRecord]
    scores: dict[str, Any] = field(default_factory=dict)
    levels: ReferenceLevels = field(default_factory=ReferenceLevels)
    importances: Importances | None = None
    pictures: Pictures | None = None
    config: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def objectives(self) -> dict[str, str]:
        """Direction by objective."""
        return dict(self.manifest.space["objectives"])

    @property
    def options(self) -> ComparisonOptions:
        """How the search computes its scores."""
        return ComparisonOptions.model_validate(self.manifest.space["comparison"])

    @property
    def constraints(self) -> dict[str, dict[str, float | None]]:
        """Bounds, ``min`` and ``max``, by score."""
        return dict(self.manifest.space["constraints"])

    @property
    def complete(self) -> list[TrialRecord]:
        """Trials that reached the full budget."""
        return [record for record in self.records if record.state == "COMPLETE"]

    @property
    def front(self) -> list[TrialRecord]:
        """Complete trials that no other dominates; the manifest's, or else found anew."""
        if self.manifest.front:
            return [record for record in self.complete if record.number in self.manifest.front]
        names = list(self.objectives)
        complete = [record for record in self.complete if set(names) <= record.objectives.keys()]
        if not complete:
            return []
        losses = as_losses([r.values(names) for r in complete], list(self.objectives.values()))
        return [complete[i] for i in front(losses)]

    @property
    def chosen(self) -> int | None:
        """Number of the exported trial."""
        return None if self.manifest.chosen is None else int(self.manifest.chosen["trial"])

    @property
    def chosen_record(self) -> TrialRecord | None:
        """Its record."""
        return next((r for r in self.records if r.number == self.chosen), None)

    def rescored(self, number: int) -> dict[str, float] | None:
        """The means over fresh samples of a trial that stood for election."""
        candidates = (self.manifest.chosen or {}).get("candidates", [])
        found = next((c for c in candidates if c["trial"] == number), None)
        if found is None:
            return None
        return {k: float(v) for k, v in found.items() if isinstance(v, int | float)}

    def values(self, record: TrialRecord, names: Sequence[str]) -> list[float] | None:
        """Where a trial is drawn: at its scores on fresh samples, or else at those reported."""
        again = self.rescored(record.number) or {}
        if all(name in again for name in names):
            return [again[name] for name in names]
        return last_values(record, names)

    def hypervolumes(self) -> list[tuple[int, float]]:
        """Finished trials so far, and the volume that the complete ones among them dominate.

        The corner lies at the worst value of any trial that reported, a tenth beyond.
        """
        names, directions = list(self.objectives), list(self.objectives.values())
        seen = [last_values(record, names) for record in self.records]
        known = [values for values in seen if values is not None]
        if not known or not self.complete:
            return []
        losses = as_losses(known, directions)
        span = np.ptp(losses, axis=0)
        corner = losses.max(axis=0) + 0.1 * np.where(span > 0, span, 1.0)
        ended = sorted(self.records, key=lambda r: (r.rungs[-1].order if r.rungs else 0, r.number))
        volumes, points = [], []
        for count, record in enumerate(ended, start=1):
            if record.state == "COMPLETE" and set(names) <= record.objectives.keys():
                points.append(record.values(names))
            volume = hypervolume(as_losses(points, directions), corner.tolist()) if points else 0.0
            volumes.append((count, volume))
        return volumes


def gather(directory: Location) -> ReportContents:
    """Read a search and compute what the page needs.

    Raises:
        StorageError: If there is no search.
    """
    manifest = SearchManifest.read(directory)
    records = RecordStore(directory, manifest.space["objectives"]).finished()
    evidence = ReportContents(directory, manifest, records)
    evidence.importances = importances(evidence.records, manifest.space, manifest.rungs)
    synthesizer = _synthesizer(evidence)
    table = _table(evidence)
    evidence.levels = ReferenceLevels.from_mapping(manifest.levels)
    if table is None:
        return evidence
    n_rows = _n_generated(evidence, synthesizer, len(table))
    prepared = _prepared(evidence, synthesizer, table)
    if prepared is None:
        return evidence
    evidence.levels = _levels(evidence.levels, prepared, n_rows)
    if synthesizer is not None:
        evidence.pictures = _pictures(evidence, synthesizer, prepared, n_rows)
    return evidence


def last_values(record: TrialRecord, names: Sequence[str]) -> list[float] | None:
    """The objectives as last reported; None if one of them is not there."""
    if record.state == "COMPLETE" and set(names) <= record.objectives.keys():
        return record.values(names)
    if not record.rungs:
        return None
    known = {**record.rungs[-1].losses, **record.rungs[-1].objectives}
    values = [known.get(name) for name in names]
    found = [value for value in values if value is not None and math.isfinite(value)]
    return found if len(found) == len(names) else None


def _synthesizer(evidence: ReportContents) -> TabularVAESynthesizer | None:
    best = evidence.directory / "best"
    if not best.exists():
        evidence.notes.append("The search has exported no model yet.")
        return None
    try:
        evidence.scores = dict(json.loads((best / "scores.json").read_bytes()))
        synthesizer = load_synthesizer(best)
    except (TabVAEError, ValueError) as error:
        evidence.notes.append(f"The exported model could not be read: {error}")
        return None
    evidence.config = synthesizer.config.model_dump(mode="json")
    return synthesizer


def _table(evidence: ReportContents) -> pd.DataFrame | None:
    manifest = evidence.manifest
    try:
        table = read_table(manifest.data)
    except (TabVAEError, OSError) as error:
        evidence.notes.append(f"Without the table there are neither levels nor pictures: {error}")
        return None
    if fingerprint(table) != manifest.table.get("fingerprint"):
        evidence.notes.append(
            f"{manifest.data} has changed since the search: levels and pictures are left out, "
            "because they would be of another table."
        )
        return None
    return table


def _n_generated(
    evidence: ReportContents, synthesizer: TabularVAESynthesizer | None, n_rows: int
) -> int:
    """As many rows as the trials were scored on."""
    wanted = _validation(evidence, synthesizer).generation_n_records
    return min(int(wanted or n_rows), _MOST_ROWS)


def _prepared(
    evidence: ReportContents, synthesizer: TabularVAESynthesizer | None, table: pd.DataFrame
) -> PreparedComparison | None:
    """All scores that the page shows, with the rows that the search held out."""
    spec = TableSpec.from_mapping(evidence.manifest.spec)
    fraction = _validation(evidence, synthesizer).holdout_fraction
    seed = int(evidence.manifest.space["search"]["seed"])
    held_out = split_rows(len(table), fraction, seed)[1]
    scores: list[ScoreName] = [*_SCORES]
    scores += ["dcr_share"] if len(held_out) else []
    scores += ["tstr"] if evidence.options.target is not None or spec.target is not None else []
    plan = ComparisonPlan(
        scores=tuple(scores), score_collections=("js_distance",), options=evidence.options
    )
    try:
        return plan.prepare(table, spec, held_out=held_out if len(held_out) else None)
    except TabVAEError as error:
        evidence.notes.append(f"The table could not be compared: {error}")
        return None


def _validation(
    evidence: ReportContents, synthesizer: TabularVAESynthesizer | None
) -> ValidationConfig:
    """The chosen model's, or before there is one the search's."""
    if synthesizer is not None:
        return synthesizer.config.validation
    base = evidence.manifest.space["base"]
    return ValidationConfig.model_validate(base.get("validation", {}))


def _levels(kept: ReferenceLevels, prepared: PreparedComparison, n_rows: int) -> ReferenceLevels:
    """Those that the search has kept, and those of the other scores that the page shows."""
    known = kept.resample.keys() | kept.fresh.keys()
    plan = prepared.plan
    left = plan.model_copy(update={"scores": tuple(n for n in plan.scores if n not in known)})
    if "mean_js_distance" in known:
        left = left.model_copy(update={"score_collections": ()})
    more = reference_levels(replace(prepared, plan=left), n_synthetic=n_rows)
    return ReferenceLevels(
        {**more.resample, **kept.resample},
        {**more.fresh, **kept.fresh},
        {**more.independent, **kept.independent},
        more.n_rows,
        more.n_synthetic,
        tuple(name for name in plan.scores if plan.options.higher_is_better(name)),
    )


def _pictures(
    evidence: ReportContents,
    synthesizer: TabularVAESynthesizer,
    prepared: PreparedComparison,
    n_rows: int,
) -> Pictures | None:
    try:
        rows = synthesizer.generate(
            n_rows,
            seed=int(evidence.manifest.space["search"]["seed"]),
            temperature=synthesizer.config.validation.generation_temperature,
            compact=True,
        )
        columns = prepared.reader.read(rows)
        light = prepared.compute_columns(columns)
        near = light.privacy or privacy(columns, prepared.real)
    except TabVAEError as error:
        evidence.notes.append(f"The chosen model's rows could not be compared: {error}")
        return None
    from tabvae_ray.comparison.pictures.canvas import cut

    distances = light.score_collections["js_distance"]
    shown = tuple(sorted(distances, key=lambda name: -distances[name])[:MOST_COLUMNS])
    notes = {name: evidence.levels.title(name, value) for name, value in distances.items()}
    drawn, is_plane = [], has_plane(prepared.real)
    for theme in _THEMES:
        drawing = ComparisonPlan(
            scores=(),
            plots=("descriptive_statistics", "pca") if is_plane else ("descriptive_statistics",),
            plot_collections=("correlation_heatmaps",) if len(distances) > 1 else (),
            options=evidence.options.model_copy(update={"theme": theme, "dpi": _DPI}),
        )
        again = PreparedComparison(drawing, prepared.spec, prepared.reader)
        comparison = again.compute_columns(columns)
        for kind in ("pdf", "cdf"):
            comparison.plot_collections[kind] = again.draw_columns(columns, kind, shown, notes)
        for name, (names, n_rows_of_panels) in _PANELS.items():
            if name in comparison.plots:
                n_columns = len(names) // n_rows_of_panels
                panels = cut(comparison.plots.pop(name), n_columns, n_rows_of_panels)
                comparison.plot_collections[name] = dict(zip(names, panels, strict=True))
        drawn.append(comparison)
    light.plot_collections = drawn[0].plot_collections
    return Pictures(light, drawn[1], shown, len(distances), n_rows, near, light.usefulness)
