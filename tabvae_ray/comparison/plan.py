"""Which comparisons of two tables to make, and making them without doing any work twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from tabvae_ray.comparison.association import (
    CategoricalAssociation,
    ContinuousAssociation,
    DistanceMetric,
    associations,
    correlation_distance,
)
from tabvae_ray.comparison.columns import Floats, TableColumns
from tabvae_ray.comparison.detection import Detector, detection
from tabvae_ray.comparison.js import js_distances, mean_js_distance
from tabvae_ray.comparison.reader import ColumnReader
from tabvae_ray.comparison.shapes import column_shapes, mean_score, pair_trends
from tabvae_ray.table.spec import TableSpec

__all__ = [
    "HIGHER_IS_BETTER",
    "SCORES",
    "Comparison",
    "ComparisonOptions",
    "ComparisonPlan",
    "PreparedComparison",
]

ScoreName = Literal[
    "mean_js_distance", "correlation_distance", "column_shapes", "pair_trends", "detection"
]
SCORES: tuple[ScoreName, ...] = get_args(ScoreName)
HIGHER_IS_BETTER: frozenset[ScoreName] = frozenset({"column_shapes", "pair_trends", "detection"})
ScoreCollectionName = Literal["js_distance", "column_shapes"]


class ComparisonOptions(BaseModel):
    """How the artifacts of a plan are computed; the defaults are the reference's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_bins: int = Field(100, ge=2, le=100_000, description="Histogram bins of a JS distance.")
    categorical_only: bool = Field(False, description="JS distances of categorical columns only.")
    categorical_association: CategoricalAssociation = "CRAMERS_V"
    continuous_association: ContinuousAssociation = "PEARSON"
    distance_metric: DistanceMetric = "RMSE"
    detector: Detector = "boosted_trees"


class ComparisonPlan(BaseModel):
    """Artifacts of a comparison, by name.

    ``plan.prepare(real, spec).compute(synthetic)`` makes them; the prepared half can be kept,
    pickled, and used for any number of synthetic tables.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: tuple[ScoreName, ...] = ("mean_js_distance", "correlation_distance")
    score_collections: tuple[ScoreCollectionName, ...] = ()
    options: ComparisonOptions = ComparisonOptions()

    def prepare(self, real: pd.DataFrame, spec: TableSpec) -> "PreparedComparison":
        """Read the real table and compute its side of everything in the plan.

        Raises:
            DataError: If the table does not have the spec's columns, or holds infinite values.
        """
        return PreparedComparison(self, spec, ColumnReader(spec, real)).warm()


@dataclass
class Comparison:
    """What a plan found out about one synthetic table.

    Attributes:
        scores: A number per score.
        score_collections: A number per column, per collection.
        warnings: What the scores cannot show, one sentence each.
    """

    scores: dict[str, float] = field(default_factory=dict)
    score_collections: dict[str, dict[str, float]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def flat_scores(self) -> dict[str, float]:
        """Every number under one name: ``mean_js_distance``, ``js_distance/Age``."""
        flat = dict(self.scores)
        for collection, members in self.score_collections.items():
            flat |= {f"{collection}/{name}": value for name, value in members.items()}
        return flat

    def files(self) -> dict[str, bytes]:
        """Everything that is not a score, as files: ``plots/pdf.png``."""
        return {}


@dataclass
class PreparedComparison:
    """A plan with the real table's side computed; see :meth:`ComparisonPlan.prepare`."""

    plan: ComparisonPlan
    spec: TableSpec
    reader: ColumnReader
    _real_associations: Floats | None = None

    @property
    def real(self) -> TableColumns:
        """The real table, read."""
        return self.reader.real

    def warm(self) -> Self:
        """Compute what every comparison will need of the real table."""
        for name in self.real.numbers:
            self.real.sorted_numbers(name)
        for name in self.real.codes:
            self.real.counts(name)
        if "correlation_distance" in self.plan.scores:
            self.real_associations()
        return self

    def real_associations(self) -> Floats:
        """The real table's association matrix (C, C)."""
        if self._real_associations is None:
            self._real_associations = self._associations(self.real)
        return self._real_associations

    def compute(self, synthetic: pd.DataFrame) -> Comparison:
        """Compare a synthetic table with the real one.

        Raises:
            DataError: If the table is empty, lacks a column, or holds infinite values.
        """
        sides = _Sides(self, self.reader.read(synthetic))
        return Comparison(
            scores={name: _SCORES[name](sides) for name in self.plan.scores},
            score_collections={
                name: _SCORE_COLLECTIONS[name](sides) for name in self.plan.score_collections
            },
            warnings=sides.synthetic.warnings,
        )

    def _associations(self, table: TableColumns) -> Floats:
        options = self.plan.options
        return associations(
            table,
            categorical=options.categorical_association,
            continuous=options.continuous_association,
        )


class _Sides:
    """Both tables, and what several artifacts share."""

    def __init__(self, prepared: PreparedComparison, synthetic: TableColumns) -> None:
        self.prepared, self.real, self.synthetic = prepared, prepared.real, synthetic
        self.options = prepared.plan.options

    @cached_property
    def js_distances(self) -> dict[str, float]:
        return js_distances(
            self.real,
            self.synthetic,
            n_bins=self.options.n_bins,
            categorical_only=self.options.categorical_only,
        )

    @cached_property
    def synthetic_associations(self) -> Floats:
        return self.prepared._associations(self.synthetic)

    @cached_property
    def column_shapes(self) -> dict[str, float]:
        return column_shapes(self.real, self.synthetic)

    @property
    def correlation_distance(self) -> float:
        return correlation_distance(
            self.prepared.real_associations(),
            self.synthetic_associations,
            self.options.distance_metric,
        )


_SCORES: dict[str, Callable[[_Sides], float]] = {
    "mean_js_distance": lambda sides: mean_js_distance(sides.js_distances),
    "correlation_distance": lambda sides: sides.correlation_distance,
    "column_shapes": lambda sides: mean_score(sides.column_shapes),
    "pair_trends": lambda sides: mean_score(pair_trends(sides.real, sides.synthetic)),
    "detection": lambda sides: detection(
        sides.real, sides.synthetic, detector=sides.options.detector
    ),
}
_SCORE_COLLECTIONS: dict[str, Callable[[_Sides], dict[str, float]]] = {
    "js_distance": lambda sides: sides.js_distances,
    "column_shapes": lambda sides: sides.column_shapes,
}
