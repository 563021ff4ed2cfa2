"""File that lists the computations of a comparison. This module imports nothing that takes long."""

from typing import Self

from pydantic import ConfigDict

from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.comparison.options import (
    ComparisonOptions,
    PlotCollectionName,
    ScoreCollectionName,
    ScoreName,
    Statistic,
)
from tabvae_ray.comparison.plot_names import PlotName
from tabvae_ray.documents import read_document, validated
from tabvae_ray.storage import Location

__all__ = ["PlanDocument"]


class PlanDocument(ShortRepr):
    """The content of a plan, which can be checked without the libraries that compute it.

    ``tabvae_ray.comparison.plan.ComparisonPlan`` says what its keys are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: tuple[ScoreName, ...] = ("mean_js_distance", "correlation_distance")
    score_collections: tuple[ScoreCollectionName, ...] = ()
    array_collections: tuple[Statistic, ...] = ()
    plots: tuple[PlotName, ...] = ()
    plot_collections: tuple[PlotCollectionName, ...] = ()
    options: ComparisonOptions = ComparisonOptions()

    @classmethod
    def from_mapping(cls, mapping: object, source: str = "plan") -> Self:
        """Validate a mapping, as a YAML file gives it.

        Raises:
            ConfigError: Naming every key that breaks a rule, the rule, and the value.
        """
        return validated(cls, mapping, source)

    @classmethod
    def load(cls, location: Location | str) -> Self:
        """Read a file, YAML or JSON.

        Raises:
            ConfigError: If it breaks a rule.
            StorageError: If it cannot be read.
        """
        source = Location(location)
        return cls.from_mapping(read_document(source) or {}, str(source))
