"""Names of scores, statistics and collections, and the options of a comparison."""

from typing import Literal, Self, get_args

from pydantic import ConfigDict, Field

from tabvae_ray.command_line.short_repr import ShortRepr

__all__ = [
    "PLOT_COLLECTIONS",
    "SCORES",
    "SCORE_COLLECTIONS",
    "STATISTICS",
    "CategoricalAssociation",
    "ComparisonOptions",
    "ContinuousAssociation",
    "Detector",
    "DistanceMetric",
    "PlotCollectionName",
    "QuickUsefulness",
    "ScoreCollectionName",
    "ScoreName",
    "Statistic",
]

ScoreName = Literal[
    "mean_js_distance",
    "correlation_distance",
    "column_shapes",
    "pair_trends",
    "detection",
    "dcr_share",
    "membership_black_box",
    "tstr",
    "rules_kept",
]

CategoricalAssociation = Literal["CRAMERS_V", "THEILS_U"]
ContinuousAssociation = Literal["PEARSON", "SPEARMAN", "KENDALL"]
DistanceMetric = Literal["RMSE", "MAE", "L2", "COSINE_SIMILARITY"]
Detector = Literal["boosted_trees", "logistic"]

ScoreCollectionName = Literal["js_distance", "column_shapes"]

PlotCollectionName = Literal["pdf", "cdf", "correlation_heatmaps"]

Statistic = Literal[
    "means",
    "stds",
    "variances",
    "medians",
    "first_quartiles",
    "third_quartiles",
    "minima",
    "maxima",
]

SCORES: tuple[ScoreName, ...] = get_args(ScoreName)
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
# Lower is better for all other scores; for correlation_distance it depends on the metric.
_HIGHER_IS_BETTER = frozenset({"column_shapes", "pair_trends", "detection", "tstr", "rules_kept"})

SCORE_COLLECTIONS: tuple[ScoreCollectionName, ...] = get_args(ScoreCollectionName)


PLOT_COLLECTIONS: tuple[PlotCollectionName, ...] = get_args(PlotCollectionName)


class QuickUsefulness(ShortRepr):
    """Smaller models of ``tstr`` for the trials of a search, which are scored many times."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_rows: int = Field(4_000, ge=2, description="Rows that each model is trained on.")
    trees: int = Field(30, ge=1, description="Trees of each model, and for each category.")
    draws: int = Field(3, ge=1, description="Samples of synthetic rows, with a model each.")


class ComparisonOptions(ShortRepr):
    """Options of a comparison; the defaults are those of artifact-core."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_bins: int = Field(100, ge=2, le=100_000, description="Histogram bins of a JS distance.")
    categorical_only: bool = Field(False, description="JS distances of categorical columns only.")
    categorical_association: CategoricalAssociation = "CRAMERS_V"
    continuous_association: ContinuousAssociation = "PEARSON"
    distance_metric: DistanceMetric = "RMSE"
    detector: Detector = "boosted_trees"
    target: str | None = Field(
        None, description="Column that tstr predicts; the spec's target if not given."
    )
    privacy_max_rows: int = Field(
        10_000, ge=1, description="Synthetic rows that dcr_share and membership_black_box look at."
    )
    usefulness_max_rows: int = Field(
        20_000, ge=2, description="Rows of each table that tstr trains a model on."
    )
    usefulness_trees: int = Field(
        100, ge=1, description="Trees of that model; as many for each category of the target."
    )
    usefulness_draws: int = Field(
        1, ge=1, description="Samples of synthetic rows, with a model each, that tstr is a mean of."
    )
    usefulness_in_trials: QuickUsefulness = Field(
        QuickUsefulness(), description="Size of tstr in the trials of a search."
    )
    theme: Literal["light", "dark"] = Field("light", description="Colours of the plots.")
    dpi: int = Field(100, ge=20, le=600, description="Dots per inch of the plots.")

    @property
    def usefulness_models(self) -> dict[str, int]:
        """Size of the models of ``tstr``, as arguments of its functions."""
        return {
            "most_rows": self.usefulness_max_rows,
            "n_trees": self.usefulness_trees,
            "n_draws": self.usefulness_draws,
        }

    def for_trials(self) -> Self:
        """Return the options with the smaller models of ``tstr`` that trials are scored by."""
        quick = self.usefulness_in_trials
        return self.model_copy(
            update={
                "usefulness_max_rows": min(quick.max_rows, self.usefulness_max_rows),
                "usefulness_trees": quick.trees,
                "usefulness_draws": quick.draws,
            }
        )

    def higher_is_better(self, score: str) -> bool:
        """Return True if larger values of a score are better."""
        if score == "correlation_distance":
            return self.distance_metric == "COSINE_SIMILARITY"
        return score in _HIGHER_IS_BETTER
