"""What there is to show of a search: records, levels, importances, and the chosen model's rows."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.comparison.levels import ReferenceLevels, reference_levels
from tabvae_ray.comparison.plan import Comparison, ComparisonPlan, PreparedComparison
from tabvae_ray.comparison.privacy import Privacy, privacy
from tabvae_ray.comparison.usefulness import Usefulness
from tabvae_ray.errors import TabVAEError
from tabvae_ray.search.manifest import Manifest
from tabvae_ray.search.pareto import as_losses, front, hypervolume
from tabvae_ray.search.records import Records, TrialRecord
from tabvae_ray.storage import Location
from tabvae_ray.synthesizer import TabularVAESynthesizer, load_synthesizer
from tabvae_ray.table.io import fingerprint, read_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import split_rows

__all__ = ["Evidence", "Importances", "Pictures", "gather"]

# Columns whose pictures a page of less than 3 MB has room for.
MOST_COLUMNS = 24
_MOST_ROWS = 50_000
_LEAST_TRIALS = 8
_N_SHUFFLES = 10
_SCORES = ("mean_js_distance", "correlation_distance", "column_shapes", "pair_trends", "detection")
_THEMES = ("light", "dark")


@dataclass
class Importances:
    """How much each parameter matters for an objective, between trials that got as far.

    Args:
        shares: By objective, then by parameter: a share of all, adding to 1.
        n_trials: Trials that they are measured on.
        epoch: After how many epochs these were measured.
    """

    shares: dict[str, dict[str, float]]
    n_trials: int
    epoch: int


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
class Evidence:
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
    manifest: Manifest
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


def gather(directory: Location) -> Evidence:
    """Read a search and compute what the page needs.

    Raises:
        StorageError: If there is no search.
    """
    manifest = Manifest.read(directory)
    evidence = Evidence(directory, manifest, Records(directory).finished())
    evidence.importances = _importances(evidence)
    synthesizer = _synthesizer(evidence)
    table = _table(evidence)
    if table is None:
        evidence.levels = ReferenceLevels.from_mapping(manifest.levels)
        return evidence
    spec = TableSpec.from_mapping(manifest.spec)
    plan = ComparisonPlan(scores=_SCORES)
    n_rows = _n_generated(evidence, synthesizer, len(table))
    # Those that the search has kept are of its own scores alone; the page shows some more.
    computed = reference_levels(plan.prepare(table, spec), n_synthetic=n_rows)
    kept = ReferenceLevels.from_mapping(manifest.levels)
    evidence.levels = ReferenceLevels(
        {**computed.resample, **kept.resample},
        {**computed.fresh, **kept.fresh},
        {**computed.independent, **kept.independent},
        computed.n_rows,
        computed.n_synthetic,
    )
    if synthesizer is not None:
        evidence.pictures = _pictures(evidence, synthesizer, table, spec, n_rows)
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


def _synthesizer(evidence: Evidence) -> TabularVAESynthesizer | None:
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


def _table(evidence: Evidence) -> pd.DataFrame | None:
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


def _n_generated(evidence: Evidence, synthesizer: TabularVAESynthesizer | None, n_rows: int) -> int:
    """As many rows as the trials were scored on."""
    wanted = evidence.manifest.space["base"].get("validation", {}).get("generation_n_records")
    if synthesizer is not None:
        wanted = synthesizer.config.validation.generation_n_records
    return min(int(wanted or n_rows), _MOST_ROWS)


def _pictures(
    evidence: Evidence,
    synthesizer: TabularVAESynthesizer,
    table: pd.DataFrame,
    spec: TableSpec,
    n_rows: int,
) -> Pictures | None:
    scores = _SCORES if spec.target is None else (*_SCORES, "tstr")
    held_out = _held_out(evidence, synthesizer, len(table))
    plan = ComparisonPlan.from_mapping({"scores": scores, "score_collections": ["js_distance"]})
    try:
        rows = synthesizer.generate(
            n_rows,
            seed=int(evidence.manifest.space["search"]["seed"]),
            temperature=synthesizer.config.validation.generation_temperature,
            compact=True,
        )
        prepared = plan.prepare(table, spec, held_out=held_out)
        columns = prepared.reader.read(rows)
        light = prepared.compute_columns(columns)
        near = privacy(columns, prepared.training or prepared.real, prepared.held_out)
    except TabVAEError as error:
        evidence.notes.append(f"The chosen model's rows could not be compared: {error}")
        return None
    distances = light.score_collections["js_distance"]
    shown = tuple(sorted(distances, key=lambda name: -distances[name])[:MOST_COLUMNS])
    notes = {name: evidence.levels.title(name, value) for name, value in distances.items()}
    drawn = []
    for theme in _THEMES:
        drawing = ComparisonPlan(
            scores=(),
            plots=("descriptive_statistics", "pca"),
            plot_collections=("correlation_heatmaps",),
            options=plan.options.model_copy(update={"theme": theme}),
        )
        again = PreparedComparison(drawing, spec, prepared.reader)
        comparison = again.compute_columns(columns)
        for kind in ("pdf", "cdf"):
            comparison.plot_collections[kind] = again.draw_columns(columns, kind, shown, notes)
        drawn.append(comparison)
    light.plots, light.plot_collections = drawn[0].plots, drawn[0].plot_collections
    return Pictures(light, drawn[1], shown, len(distances), n_rows, near, light.usefulness)


def _held_out(
    evidence: Evidence, synthesizer: TabularVAESynthesizer, n_rows: int
) -> np.ndarray[Any, np.dtype[np.intp]] | None:
    """Positions of the rows that the chosen model was not trained on."""
    seed = int(evidence.manifest.space["search"]["seed"])
    fraction = synthesizer.config.validation.holdout_fraction
    held_out = split_rows(n_rows, fraction, seed)[1]
    return held_out if len(held_out) else None


def _importances(evidence: Evidence) -> Importances | None:
    """By permuting a parameter's values and asking a forest that has learnt the objective's rank.

    Trials are compared at the last rung that enough of them reached: scores after different
    numbers of epochs say more of the epochs than of the parameters.
    """
    names = list(evidence.objectives)
    parameters = list(evidence.manifest.space["parameters"])
    for epoch in reversed(evidence.manifest.rungs):
        reached: list[tuple[TrialRecord, Mapping[str, float | None]]] = []
        for record in evidence.records:
            for rung in record.rungs:
                if rung.epoch == epoch:
                    reached.append((record, {**rung.losses, **rung.objectives}))
        reached = [(r, at) for r, at in reached if all(at.get(n) is not None for n in names)]
        if len(reached) >= max(_LEAST_TRIALS, 2 * len(parameters)) or (
            epoch == evidence.manifest.rungs[0] and len(reached) >= _LEAST_TRIALS
        ):
            features = _features(evidence, [record for record, _ in reached])
            shares = {}
            for name in names:
                values = np.array([at[name] for _, at in reached], dtype=np.float64)
                shares[name] = _permuted(features, values)
            return Importances(shares, len(reached), epoch)
    return None


def _features(
    evidence: Evidence, records: Sequence[TrialRecord]
) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Parameters as numbers: on their scale, choices by position, -1 where they do not apply."""
    features = {}
    for name, parameter in evidence.manifest.space["parameters"].items():
        column = np.full(len(records), -1.0)
        for i, record in enumerate(records):
            if name in record.parameters:
                column[i] = position_of(parameter, record.parameters[name])
        features[name] = column
    return features


def position_of(parameter: Mapping[str, Any], value: Any) -> float:
    """Where a value lies in its parameter's range, in [0, 1]; choices by their number."""
    if parameter["type"] == "categorical":
        choices = parameter["choices"]
        return float(choices.index(value)) if value in choices else 0.0
    low, high = float(parameter["low"]), float(parameter["high"])
    if parameter.get("log"):
        low, high, value = math.log(low), math.log(high), math.log(float(value))
    return (float(value) - low) / (high - low) if high > low else 0.0


def _permuted(
    features: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]],
    values: np.ndarray[Any, np.dtype[np.float64]],
) -> dict[str, float]:
    from scipy.stats import rankdata
    from sklearn.ensemble import RandomForestRegressor

    matrix = np.column_stack(list(features.values()))
    ranks = rankdata(values)
    forest = RandomForestRegressor(100, random_state=0).fit(matrix, ranks)
    # All shuffled copies (P, R, N, P) are asked at once: a question to a forest costs milliseconds.
    n_parameters, rng = matrix.shape[1], np.random.default_rng(0)
    copies = np.tile(matrix, (n_parameters, _N_SHUFFLES, 1, 1))
    for i in range(n_parameters):
        copies[i, :, :, i] = rng.permuted(copies[i, :, :, i], axis=1)
    predicted = forest.predict(copies.reshape(-1, n_parameters)).reshape(copies.shape[:3])
    errors = ((predicted - ranks) ** 2).mean(axis=(1, 2))
    means = np.maximum(errors - ((forest.predict(matrix) - ranks) ** 2).mean(), 0.0)
    total = float(means.sum()) or 1.0
    return {name: float(mean) / total for name, mean in zip(features, means, strict=True)}
