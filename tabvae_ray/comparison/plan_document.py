"""File that lists the computations of a comparison. This module imports nothing that takes long."""

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tabvae_ray.comparison.options import (
    ComparisonOptions,
    PlotCollectionName,
    ScoreCollectionName,
    ScoreName,
    Statistic,
)
from tabvae_ray.comparison.plot_names import PlotName
from tabvae_ray.documents import read_document, validation_messages
from tabvae_ray.errors import ConfigError
from tabvae_ray.storage import Location

__all__ = ["PlanDocument"]


class PlanDocument(BaseModel):
    """Names of the scores, statistics and plots that a comparison computes.

    Args:
        scores: Numbers for the table.
        score_collections: A number per column.
        array_collections: A statistic per continuous column, of the real and the synthetic table.
        plots: Pictures of the table.
        plot_collections: A picture per column, or per table.
        options: Options of the scores and plots.
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
        try:
            return cls.model_validate(mapping)
        except ValidationError as error:
            lines = [f"{source}: {line}" for line in validation_messages(error, cls)]
            raise ConfigError("\n".join(lines)) from None

    @classmethod
    def load(cls, location: Location | str) -> Self:
        """Read a file, YAML or JSON.

        Raises:
            ConfigError: If it breaks a rule.
            StorageError: If it cannot be read.
        """
        source = Location(location)
        return cls.from_mapping(read_document(source) or {}, str(source))
