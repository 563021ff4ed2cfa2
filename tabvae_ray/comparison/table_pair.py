"""Pair of tables, with every score and picture by its name."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from tabvae_ray.comparison.options import (
    ComparisonOptions,
    PlotCollectionName,
    ScoreCollectionName,
    ScoreName,
    Statistic,
)
from tabvae_ray.comparison.plot_names import PlotName
from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.association import (
    associated_pairs,
    associations,
    correlation_distance,
    entry_weights,
)
from tabvae_ray.comparison.scores.detection import detection
from tabvae_ray.comparison.scores.jensen_shannon import js_distances, mean_js_distance
from tabvae_ray.comparison.scores.membership.black_box import black_box_attacks
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.comparison.scores.privacy import Privacy, privacy
from tabvae_ray.comparison.scores.shapes_and_trends import (
    column_shapes,
    mean_pair_trend,
    mean_score,
    table_pairs,
)
from tabvae_ray.comparison.scores.statistics import statistics
from tabvae_ray.comparison.scores.usefulness import Usefulness, usefulness
from tabvae_ray.errors import ConfigError, brief, closest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tabvae_ray.comparison.pictures.canvas import Pixels, Theme

__all__ = ["TablePair"]

_MATRICES = ("real", "synthetic", "difference")
# Parts of a picture that a message names.
_MOST_PARTS = 20


@dataclass
class TablePair:
    """Real and synthetic table, with the scores and pictures that compare them.

    Intermediate results that several of them share are computed once.

    Attributes:
        real: The real table.
        synthetic: The synthetic table.
        options: Options of the comparison.
        training: Real rows that the model was trained on, if known.
        held_out: Real rows that the model was not trained on.
        target: Column that tstr predicts.
        tested: Real rows that tstr trains on for comparison, and real rows that it tests on.
        further: The synthetic table with more rows, which tstr draws several samples from.
        notes: A line per column for its plots.
    """

    real: TableColumns
    synthetic: TableColumns
    options: ComparisonOptions
    training: TableColumns | None = None
    held_out: TableColumns | None = None
    target: str | None = None
    tested: tuple[TableColumns, TableColumns] | None = None
    further: TableColumns | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    _panels: "dict[tuple[str, str], Pixels]" = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.held_out is not None:
            self.held_out = self.held_out.beside(self.synthetic)
        if self.tested is not None:
            self.tested = self.tested[0], self.tested[1].beside(self.synthetic)

    def score(self, name: ScoreName) -> float:
        """Compute a score by its name."""
        return _SCORE[name](self)

    def score_collection(self, name: ScoreCollectionName) -> dict[str, float]:
        """Compute a score per column."""
        return dict(self.js_distances if name == "js_distance" else self.column_shapes)

    def array_collection(self, name: Statistic) -> dict[str, tuple[float, float]]:
        """Compute a statistic per continuous column, of the real and the synthetic table."""
        real, synthetic = statistics(self.real, name), statistics(self.synthetic, name)
        return {column: (real[column], synthetic[column]) for column in real}

    def plot(self, name: PlotName) -> bytes:
        """Draw a picture as PNG."""
        from tabvae_ray.comparison.pictures import canvas

        if name in ("pdf", "cdf"):
            panels = [self._panel(name, column) for column in self.real.names]
            return canvas.png(canvas.tiled(panels, self.options.dpi))
        if name == "correlation_heatmaps":
            return canvas.png(canvas.in_a_row(list(self._heatmaps.values())))
        return canvas.png(canvas.pixels(_PLOT[name](self), self.options.dpi))

    def plot_collection(
        self,
        name: PlotCollectionName,
        columns: Sequence[str] | None = None,
        *,
        for_page: bool = False,
    ) -> dict[str, bytes]:
        """Draw a picture per column, or per table and of their difference, as PNG.

        Pictures of columns for a page have no legends, which it shows once, and few colours.
        """
        from tabvae_ray.comparison.pictures import canvas

        if name == "correlation_heatmaps":
            return {title: canvas.png(image) for title, image in self._heatmaps.items()}
        columns = self.real.names if columns is None else columns
        if not for_page:
            return {column: canvas.png(self._panel(name, column)) for column in columns}
        top = round(canvas.LEGEND * self.options.dpi)
        return {c: canvas.in_few_colours(self._panel(name, c)[top:]) for c in columns}

    def figure(self, name: PlotName, part: str | None = None) -> "Figure":
        """Draw a picture as a figure.

        Args:
            name: The picture.
            part: A column of ``pdf`` or ``cdf``, a matrix of ``correlation_heatmaps``; all if None.

        Raises:
            ConfigError: If there is no such part.
        """
        from tabvae_ray.comparison.pictures import canvas, column_plots

        if name in ("pdf", "cdf"):
            parts = list(self.real.names)
        else:
            parts = list(_MATRICES) if name == "correlation_heatmaps" else []
        if part is not None and part not in parts:
            known = ", ".join(parts[:_MOST_PARTS]) or "none"
            raise ConfigError(
                f"column: {name} has no part {brief(part)}; it has {known}{closest(part, parts)}"
            )
        if part is None:
            draw = _PLOT.get(name)
            return canvas.framed(self.plot(name), self.options.dpi) if draw is None else draw(self)
        if name == "correlation_heatmaps":
            return self._heatmap(part)
        panel = column_plots.pdf if name == "pdf" else column_plots.cdf
        note = self.notes.get(part, "")
        return panel(self.real, self.synthetic, part, note=note, theme=self.theme)

    def sampling_notes(self, scores: Sequence[ScoreName]) -> list[str]:
        """Return a sentence for each of some scores that looks at a sample of the column pairs."""
        continuous = self.options.continuous_association
        samples = {
            "correlation_distance": associated_pairs(self.real, continuous),
            "pair_trends": table_pairs(self.real),
        }
        return [
            f"{name}: computed from {len(pairs.first):,} of {pairs.n_pairs:,} pairs of columns "
            "that need a contingency table or a rank correlation, drawn at random"
            for name, pairs in samples.items()
            if name in scores and pairs.is_partial
        ]

    @property
    def theme(self) -> "Theme":
        """Colours of plots."""
        from tabvae_ray.comparison.pictures.canvas import THEMES

        return THEMES[self.options.theme]

    @cached_property
    def js_distances(self) -> dict[str, float]:
        """JS distance of every column."""
        return js_distances(
            self.real,
            self.synthetic,
            n_bins=self.options.n_bins,
            categorical_only=self.options.categorical_only,
        )

    @cached_property
    def column_shapes(self) -> dict[str, float]:
        """Similarity of the distributions of every column."""
        return column_shapes(self.real, self.synthetic)

    @property
    def association_matrices(self) -> dict[str, Floats]:
        """Matrices (C, C) of ``real``, ``synthetic`` and their ``difference``."""
        matrices = {
            "real": table_associations(self.real, self.options),
            "synthetic": table_associations(self.synthetic, self.options),
        }
        return {**matrices, "difference": np.subtract(matrices["synthetic"], matrices["real"])}

    @cached_property
    def privacy(self) -> Privacy:
        """Distances from synthetic rows to real rows."""
        return privacy(
            self.synthetic,
            self.real if self.training is None else self.training,
            self.held_out,
            most_rows=self.options.privacy_max_rows,
        )

    @cached_property
    def membership(self) -> MembershipAttacks:
        """Attacks on the training rows with the synthetic rows, which need held-out rows."""
        assert self.training is not None and self.held_out is not None
        return black_box_attacks(
            self.synthetic,
            self.training,
            self.held_out,
            most_rows=self.options.privacy_max_rows,
        )

    @cached_property
    def usefulness(self) -> Usefulness:
        """Quality of a model trained on synthetic rows, beside that of one trained on real rows."""
        assert self.target is not None and self.tested is not None
        training, tested = self.tested
        found = usefulness(
            training,
            tested,
            self.synthetic if self.further is None else self.further,
            self.target,
            **self.options.usefulness_models,
            rows_per_draw=self.synthetic.n_rows,
        )
        return replace(found, held_out=self.held_out is not None)

    def _panel(self, kind: Literal["pdf", "cdf"], column: str) -> "Pixels":
        """Draw the picture of a column, once for the plot of the table and for the collection."""
        from tabvae_ray.comparison.pictures import canvas, column_plots

        if (kind, column) not in self._panels:
            draw = column_plots.pdf if kind == "pdf" else column_plots.cdf
            note = self.notes.get(column, "")
            figure = draw(self.real, self.synthetic, column, note=note, theme=self.theme)
            self._panels[kind, column] = canvas.pixels(figure, self.options.dpi)
        return self._panels[kind, column]

    @cached_property
    def _heatmaps(self) -> "dict[str, Pixels]":
        """Pictures of the association matrices, by title."""
        from tabvae_ray.comparison.pictures import canvas

        return {name: canvas.pixels(self._heatmap(name), self.options.dpi) for name in _MATRICES}

    def _heatmap(self, title: str) -> "Figure":
        from tabvae_ray.comparison.pictures import table_plots

        matrices = self.association_matrices
        # Both tables share a scale, so that equal colours are equal numbers.
        signed = (
            min(float(np.nanmin(matrices[side], initial=0.0)) for side in ("real", "synthetic")) < 0
        )
        return table_plots.heatmap(
            title,
            matrices[title],
            self.real.names,
            signed=signed or title == "difference",
            # A good table's differences would all be white on the scale of the others.
            limit=_limit(matrices[title]) if title == "difference" else 1.0,
            theme=self.theme,
        )


def _limit(matrix: Floats) -> float:
    """Return the end of a scale for the matrix: its largest entry, rounded up to a tenth."""
    largest = float(np.nanmax(np.abs(matrix), initial=0.0))
    return max(math.ceil(10 * largest) / 10, 0.1)


def table_associations(table: TableColumns, options: ComparisonOptions) -> Floats:
    """Return the association matrix (C, C) of a table, computed once per table."""
    kinds = options.categorical_association, options.continuous_association
    return table.keep(
        ("associations", *kinds),
        lambda: associations(table, categorical=kinds[0], continuous=kinds[1]),
    )


def _correlation_distance(pair: TablePair) -> float:
    return correlation_distance(
        table_associations(pair.real, pair.options),
        table_associations(pair.synthetic, pair.options),
        pair.options.distance_metric,
        entry_weights(pair.real, pair.options.continuous_association),
    )


def _rules_kept(pair: TablePair) -> float:
    assert pair.synthetic.rules is not None
    return pair.synthetic.rules.score


def _draw_statistics(pair: TablePair) -> "Figure":
    from tabvae_ray.comparison.pictures.table_plots import descriptive_statistics

    return descriptive_statistics(pair.real, pair.synthetic, theme=pair.theme)


def _draw_projection(pair: TablePair, kind: Literal["pca", "truncated_svd", "tsne"]) -> "Figure":
    from tabvae_ray.comparison.pictures.projections import project
    from tabvae_ray.comparison.pictures.table_plots import scatter

    word = {"pca": "principal component", "truncated_svd": "component", "tsne": "t-SNE"}[kind]
    points = project(pair.real, pair.synthetic, kind)
    return scatter(points, (f"{word} 1", f"{word} 2"), theme=pair.theme)


_SCORE: dict[ScoreName, Callable[[TablePair], float]] = {
    "mean_js_distance": lambda pair: mean_js_distance(pair.js_distances),
    "correlation_distance": _correlation_distance,
    "column_shapes": lambda pair: mean_score(pair.column_shapes),
    "pair_trends": lambda pair: mean_pair_trend(pair.real, pair.synthetic),
    "detection": lambda pair: detection(pair.real, pair.synthetic, detector=pair.options.detector),
    "dcr_share": lambda pair: pair.privacy.share_or_fail,
    "membership_black_box": lambda pair: pair.membership.auc,
    "tstr": lambda pair: pair.usefulness.tstr,
    "rules_kept": _rules_kept,
}
_PLOT: dict[PlotName, Callable[[TablePair], "Figure"]] = {
    "descriptive_statistics": _draw_statistics,
    "pca": lambda pair: _draw_projection(pair, "pca"),
    "truncated_svd": lambda pair: _draw_projection(pair, "truncated_svd"),
    "tsne": lambda pair: _draw_projection(pair, "tsne"),
}
