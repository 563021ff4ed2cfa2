"""The contents of the page: records, levels, importances and the chosen model's rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from tabvae_ray.comparison.options import ScoreName
from tabvae_ray.comparison.plan import (
    SCORES,
    ComparisonOptions,
    ComparisonPlan,
    PreparedComparison,
)
from tabvae_ray.comparison.reference_levels import ReferenceLevels, reference_levels
from tabvae_ray.config import ValidationConfig
from tabvae_ray.errors import TabVAEError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer, load_synthesizer
from tabvae_ray.page.pictures import Pictures, drawn_pictures
from tabvae_ray.report.attacks import read_scores
from tabvae_ray.report.importances import Importances, importances
from tabvae_ray.results.hypervolumes import hypervolume_of
from tabvae_ray.results.pareto import as_losses, front
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.refits import SEARCHED, RefitRecord
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import fingerprint, read_sample
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import split_rows

__all__ = ["ReportContents", "gather", "last_values"]

_MOST_ROWS = 50_000
_SCORES: tuple[ScoreName, ...] = (
    "mean_js_distance",
    "correlation_distance",
    "column_shapes",
    "pair_trends",
    "detection",
)


@dataclass
class ReportContents:
    """Everything that the page shows.

    Args:
        directory: The search's directory.
        manifest: ``search.json``.
        space: The search space.
        records: Finished trials by number.
        unfinished: Trials that may still be resumed.
        scores: ``scores.json`` of the searched model; empty without an export.
        levels: Reference levels; empty without the table.
        importances: Importances of the parameters; None with too few trials.
        pictures: The chosen model's rows beside the real ones; None without an export or the table.
        config: The chosen model's configuration.
        notes: Parts that could not be shown, with the reason.
    """

    directory: Location
    manifest: SearchManifest
    space: SearchSpace
    records: list[TrialRecord]
    unfinished: list[TrialRecord] = field(default_factory=list)
    scores: dict[str, Any] = field(default_factory=dict)
    levels: ReferenceLevels = field(default_factory=ReferenceLevels)
    importances: Importances | None = None
    pictures: Pictures | None = None
    config: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def objectives(self) -> Mapping[str, str]:
        """The direction of each objective."""
        return self.space.objectives

    @property
    def options(self) -> ComparisonOptions:
        """The options that the search computes its scores with."""
        return self.space.comparison

    @property
    def target(self) -> str | None:
        """The column to predict, if one is named."""
        return self.options.target or self.manifest.spec.get("target")

    @property
    def complete(self) -> list[TrialRecord]:
        """Trials that reached the full budget."""
        return [record for record in self.records if record.state == "COMPLETE"]

    @cached_property
    def front(self) -> list[TrialRecord]:
        """The complete trials that no other dominates, from the manifest or else computed."""
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
        """The number of the exported trial."""
        return None if self.manifest.chosen is None else int(self.manifest.chosen["trial"])

    @property
    def chosen_record(self) -> TrialRecord | None:
        """The record of the exported trial, which may not have reached the full budget."""
        known = [*self.records, *self.unfinished]
        return next((r for r in known if r.number == self.chosen), None)

    @property
    def fresh_scores(self) -> dict[str, float]:
        """The chosen model's scores on fresh samples, objectives and constraints first."""
        asked = (*self.objectives, *self.space.constraints)
        known = {k: float(v) for k, v in self.scores.items() if isinstance(v, int | float)}
        return {name: known[name] for name in (*asked, *SCORES, "membership") if name in known}

    def rescored(self, number: int) -> dict[str, float] | None:
        """Return the mean scores of a re-scored candidate; None for other trials."""
        candidates = (self.manifest.chosen or {}).get("candidates", [])
        found = next((c for c in candidates if c["trial"] == number), None)
        if found is None:
            return None
        return {k: float(v) for k, v in found.items() if isinstance(v, int | float)}

    def values(self, record: TrialRecord, names: Sequence[str]) -> list[float] | None:
        """Return the scores that charts show: those on fresh samples, or else those reported."""
        again = self.rescored(record.number) or {}
        if all(name in again for name in names):
            return [again[name] for name in names]
        return last_values(record, names)

    def hypervolumes(self) -> list[tuple[int, float]]:
        """Return the hypervolume of complete trials after each finished trial, with their count.

        Empty if an objective is a loss, which has no worst value to measure from.
        """
        ended = sorted(self.records, key=lambda r: (r.rungs[-1].order if r.rungs else 0, r.number))
        names, volumes, complete = set(self.objectives), [], []
        for count, record in enumerate(ended, start=1):
            if record.state == "COMPLETE" and names <= record.objectives.keys():
                complete.append(record)
            volume = hypervolume_of(complete, self.space)
            if volume is None:
                return []
            volumes.append((count, volume))
        return volumes if complete else []

    def late_gain(self) -> float:
        """Return what the last quarter of the trials has improved, as a share.

        It is the share of the hypervolume that they added. Where an objective is a loss, it is the
        largest improvement of an objective's best value, as a share of the range of its values.
        """
        volumes = [volume for _, volume in self.hypervolumes()]
        if volumes:
            before = volumes[-1 - len(volumes) // 4]
            return (volumes[-1] - before) / volumes[-1] if volumes[-1] else 0.0
        ended = sorted(self.complete, key=lambda record: record.rungs[-1].order)
        values = [record.values(list(self.objectives)) for record in ended]
        losses = as_losses(values, self.space.directions)
        n_early = len(losses) - len(losses) // 4
        before, after = losses[:n_early].min(axis=0), losses.min(axis=0)
        ranges = losses.max(axis=0) - after
        gains = (before - after)[ranges > 0] / ranges[ranges > 0]
        return float(gains.max(initial=0.0))


def gather(directory: Location, progress: Callable[[str], None] | None = None) -> ReportContents:
    """Read a search and compute what the page needs.

    Args:
        directory: The search's directory.
        progress: Function that is told each step before it begins.

    Raises:
        StorageError: If there is no search.
    """
    say = progress or (lambda _: None)
    manifest = SearchManifest.read(directory)
    space = manifest.search_space()
    store = RecordStore(directory, list(space.objectives))
    contents = ReportContents(directory, manifest, space, store.finished(), store.running())
    contents.importances = importances(contents.records, space, manifest.rungs)
    synthesizer = _synthesizer(contents)
    table = _table(contents)
    contents.levels = ReferenceLevels.from_mapping(manifest.levels)
    if table is None:
        return contents
    n_rows = _n_generated(contents, synthesizer, len(table))
    prepared = _prepared(contents, synthesizer, table)
    if prepared is None:
        return contents
    say(f"computing the reference levels of {len(prepared.real.names):,} columns (1 of 2)")
    contents.levels = _levels(contents.levels, prepared, n_rows)
    if synthesizer is not None:
        say(f"generating, comparing and drawing {n_rows:,} rows (2 of 2)")
        contents.pictures = _pictures(contents, synthesizer, prepared, n_rows)
    return contents


def last_values(record: TrialRecord, names: Sequence[str]) -> list[float] | None:
    """Return the last reported objectives of a trial; None if one of them is missing."""
    if record.state == "COMPLETE" and set(names) <= record.objectives.keys():
        return record.values(names)
    if not record.rungs:
        return None
    known = record.rungs[-1].values
    values = [known.get(name) for name in names]
    found = [value for value in values if value is not None and math.isfinite(value)]
    return found if len(found) == len(names) else None


def _synthesizer(contents: ReportContents) -> TabularVAESynthesizer | None:
    refitted = RefitRecord.of(contents.manifest.chosen) is not None
    # The page measures the model on held-out rows, which a refit has trained on.
    best = contents.directory / (SEARCHED if refitted else "best")
    if not best.exists():
        contents.notes.append("The search has not exported a model yet.")
        return None
    try:
        contents.scores = read_scores(best)
        synthesizer = load_synthesizer(best)
    except TabVAEError as error:
        contents.notes.append(f"The exported model could not be read: {error}")
        return None
    contents.config = synthesizer.config.model_dump(mode="json")
    return synthesizer


def _table(contents: ReportContents) -> pd.DataFrame | None:
    manifest = contents.manifest
    try:
        source = manifest.table_location(contents.directory)
        declared, settings = SpecDeclaration.from_mapping(manifest.spec), contents.space.settings
        table = read_sample(source, declared, rows=settings.rows, seed=settings.seed).rows
    except (TabVAEError, OSError) as error:
        contents.notes.append(
            f"Without the table, reference levels and pictures are left out: {error}"
        )
        return None
    if fingerprint(table) != manifest.table["fingerprint"]:
        contents.notes.append(
            f"{manifest.data} has changed since the search: reference levels and pictures are left "
            "out, because they would describe another table."
        )
        return None
    return table


def _n_generated(
    contents: ReportContents, synthesizer: TabularVAESynthesizer | None, n_rows: int
) -> int:
    """Return the number of rows that the trials were scored on."""
    wanted = _validation(contents, synthesizer).generation_n_records
    return min(int(wanted or n_rows), _MOST_ROWS)


def _prepared(
    contents: ReportContents, synthesizer: TabularVAESynthesizer | None, table: pd.DataFrame
) -> PreparedComparison | None:
    """Prepare the scores that the page shows, with the rows that the search held out."""
    spec = TableSpec.from_mapping(contents.manifest.spec)
    fraction = _validation(contents, synthesizer).holdout_fraction
    seed = contents.space.settings.seed
    held_out = split_rows(len(table), fraction, seed)[1]
    scores: list[ScoreName] = [*_SCORES]
    scores += ["dcr_share"] if len(held_out) else []
    scores += ["tstr"] if contents.target is not None else []
    scores += ["rules_kept"] if spec.rules else []
    plan = ComparisonPlan(
        scores=tuple(scores), score_collections=("js_distance",), options=contents.options
    )
    try:
        return plan.prepare(table, spec, held_out=held_out if len(held_out) else None)
    except TabVAEError as error:
        contents.notes.append(f"The table could not be compared: {error}")
        return None


def _validation(
    contents: ReportContents, synthesizer: TabularVAESynthesizer | None
) -> ValidationConfig:
    """Return the settings of the chosen model, or of the search if there is none yet."""
    if synthesizer is not None:
        return synthesizer.config.validation
    return contents.space.base.validation


def _levels(kept: ReferenceLevels, prepared: PreparedComparison, n_rows: int) -> ReferenceLevels:
    """Return the levels that the search has kept, and compute those of the other scores."""
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
    contents: ReportContents,
    synthesizer: TabularVAESynthesizer,
    prepared: PreparedComparison,
    n_rows: int,
) -> Pictures | None:
    seed = contents.space.settings.seed
    try:
        rows = synthesizer.generate(
            n_rows,
            seed=seed,
            temperature=synthesizer.config.validation.generation_temperature,
            compact=True,
        )
        columns = prepared.reader.read(rows)
        comparison = prepared.compute_columns(columns)
        return drawn_pictures(prepared, columns, comparison, contents.levels)
    except TabVAEError as error:
        contents.notes.append(f"The chosen model's rows could not be compared: {error}")
        return None
