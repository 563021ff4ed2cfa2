"""What a comparison consists of: every artifact by its name, and what several of them share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from tabvae_ray.comparison.options import (
    ComparisonOptions,
    PlotCollectionName,
    PlotName,
    ScoreCollectionName,
    ScoreName,
)
from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.association import (
    associations,
    correlation_distance,
)
from tabvae_ray.comparison.scores.detection import detection
from tabvae_ray.comparison.scores.jensen_shannon import js_distances, mean_js_distance
from tabvae_ray.comparison.scores.privacy import Privacy, privacy
from tabvae_ray.comparison.scores.shapes_and_trends import column_shapes, mean_score, pair_trends
from tabvae_ray.comparison.scores.statistics import Statistic, statistics
from tabvae_ray.comparison.scores.usefulness import Usefulness, usefulness

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tabvae_ray.comparison.pictures.canvas import Pixels, Theme

__all__ = ["TablePair"]


@dataclass
class TablePair:
    """Both tables, and what several artifacts share; nothing is computed twice.

    Attributes:
        real: The real table.
        synthetic: The synthetic one.
        options: How to compute.
        training: The real rows that a model was trained on, where that is known.
        held_out: The real rows that none was trained on.
        target: The column that tstr predicts.
        tested: The real rows that tstr trains its rival on, and those it tests on.
        notes: A line per column for its plots.
    """

    real: TableColumns
    synthetic: TableColumns
    options: ComparisonOptions
    training: TableColumns | None = None
    held_out: TableColumns | None = None
    target: str | None = None
    tested: tuple[TableColumns, TableColumns] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    _panels: "dict[tuple[str, str], Pixels]" = field(default_factory=dict, repr=False)

    def score(self, name: ScoreName) -> float:
        """A score by its name."""
        return _SCORE[name](self)

    def score_collection(self, name: ScoreCollectionName) -> dict[str, float]:
        """A score per column."""
        return dict(self.js_distances if name == "js_distance" else self.column_shapes)

    def array_collection(self, name: Statistic) -> dict[str, tuple[float, float]]:
        """A statistic per continuous column, real beside synthetic."""
        ours, theirs = statistics(self.real, name), statistics(self.synthetic, name)
        return {column: (ours[column], theirs[column]) for column in ours}

    def plot(self, name: PlotName) -> bytes:
        """A picture as PNG."""
        from tabvae_ray.comparison.pictures import canvas

        if name in ("pdf", "cdf"):
            panels = [self._panel(name, column) for column in self.real.names]
            return canvas.png(canvas.tiled(panels, self.options.dpi))
        if name == "correlation_heatmaps":
            return canvas.png(canvas.in_a_row(list(self._heatmaps.values())))
        return canvas.png(canvas.pixels(_PLOT[name](self), self.options.dpi))

    def plot_collection(
        self, name: PlotCollectionName, columns: Sequence[str] | None = None
    ) -> dict[str, bytes]:
        """A picture per column, or per table and their difference; all PNG."""
        from tabvae_ray.comparison.pictures import canvas

        if name == "correlation_heatmaps":
            return {title: canvas.png(image) for title, image in self._heatmaps.items()}
        columns = self.real.names if columns is None else columns
        return {column: canvas.png(self._panel(name, column)) for column in columns}

    @property
    def theme(self) -> "Theme":
        """The colours of plots."""
        from tabvae_ray.comparison.pictures.canvas import THEMES

        return THEMES[self.options.theme]

    @cached_property
    def js_distances(self) -> dict[str, float]:
        """The JS distance of every column."""
        return js_distances(
            self.real,
            self.synthetic,
            n_bins=self.options.n_bins,
            categorical_only=self.options.categorical_only,
        )

    @cached_property
    def column_shapes(self) -> dict[str, float]:
        """The shape of every column."""
        return column_shapes(self.real, self.synthetic)

    @property
    def association_matrices(self) -> dict[str, Floats]:
        """``real``, ``synthetic`` and their ``difference``, each (C, C)."""
        matrices = {
            "real": table_associations(self.real, self.options),
            "synthetic": table_associations(self.synthetic, self.options),
        }
        return {**matrices, "difference": np.subtract(matrices["synthetic"], matrices["real"])}

    @cached_property
    def privacy(self) -> Privacy:
        """How near synthetic rows come to real ones."""
        return privacy(
            self.synthetic,
            self.real if self.training is None else self.training,
            self.held_out,
            most_rows=self.options.privacy_max_rows,
        )

    @cached_property
    def usefulness(self) -> Usefulness:
        """How good a model is that learnt from synthetic rows."""
        assert self.target is not None and self.tested is not None
        return usefulness(
            *self.tested,
            self.synthetic,
            self.target,
            most_rows=self.options.usefulness_max_rows,
        )

    def _panel(self, kind: Literal["pdf", "cdf"], column: str) -> "Pixels":
        """The picture of a column, drawn once for the table's plot and for the collection."""
        from tabvae_ray.comparison.pictures import canvas, column_plots

        if (kind, column) not in self._panels:
            draw = column_plots.pdf if kind == "pdf" else column_plots.cdf
            note = self.notes.get(column, "")
            figure = draw(self.real, self.synthetic, column, note=note, theme=self.theme)
            self._panels[kind, column] = canvas.pixels(figure, self.options.dpi)
        return self._panels[kind, column]

    @cached_property
    def _heatmaps(self) -> "dict[str, Pixels]":
        """The pictures of the association matrices, likewise."""
        from tabvae_ray.comparison.pictures import canvas, table_plots

        matrices = self.association_matrices
        # One scale for all, so that equal colours are equal numbers; a difference has signs.
        signed = min(float(matrices[side].min(initial=0.0)) for side in ("real", "synthetic")) < 0
        return {
            title: canvas.pixels(
                table_plots.heatmap(
                    title,
                    matrix,
                    self.real.names,
                    signed=signed or title == "difference",
                    theme=self.theme,
                ),
                self.options.dpi,
            )
            for title, matrix in matrices.items()
        }


def table_associations(table: TableColumns, options: ComparisonOptions) -> Floats:
    """A table's association matrix (C, C), kept with the table."""
    kinds = options.categorical_association, options.continuous_association
    return table.keep(
        ("associations", *kinds),
        lambda: associations(table, categorical=kinds[0], continuous=kinds[1]),
    )


def _correlation_distance(sides: TablePair) -> float:
    return correlation_distance(
        table_associations(sides.real, sides.options),
        table_associations(sides.synthetic, sides.options),
        sides.options.distance_metric,
    )


def _draw_statistics(sides: TablePair) -> "Figure":
    from tabvae_ray.comparison.pictures.table_plots import descriptive_statistics

    return descriptive_statistics(sides.real, sides.synthetic, theme=sides.theme)


def _draw_projection(sides: TablePair, kind: Literal["pca", "truncated_svd", "tsne"]) -> "Figure":
    from tabvae_ray.comparison.pictures.projections import project
    from tabvae_ray.comparison.pictures.table_plots import scatter

    word = {"pca": "principal component", "truncated_svd": "component", "tsne": "t-SNE"}[kind]
    points = project(sides.real, sides.synthetic, kind)
    return scatter(points, (f"{word} 1", f"{word} 2"), theme=sides.theme)


_SCORE: dict[ScoreName, Callable[[TablePair], float]] = {
    "mean_js_distance": lambda sides: mean_js_distance(sides.js_distances),
    "correlation_distance": _correlation_distance,
    "column_shapes": lambda sides: mean_score(sides.column_shapes),
    "pair_trends": lambda sides: mean_score(pair_trends(sides.real, sides.synthetic)),
    "detection": lambda sides: detection(
        sides.real, sides.synthetic, detector=sides.options.detector
    ),
    "dcr_share": lambda sides: sides.privacy.share_or_fail,
    "tstr": lambda sides: sides.usefulness.tstr,
}
_PLOT: dict[PlotName, Callable[[TablePair], "Figure"]] = {
    "descriptive_statistics": _draw_statistics,
    "pca": lambda sides: _draw_projection(sides, "pca"),
    "truncated_svd": lambda sides: _draw_projection(sides, "truncated_svd"),
    "tsne": lambda sides: _draw_projection(sides, "tsne"),
}
