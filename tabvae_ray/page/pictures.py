"""Pictures of a synthetic table beside the real one, drawn in light and in dark colours."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tabvae_ray.comparison.options import STATISTICS
from tabvae_ray.comparison.pictures.canvas import THEMES, cut, in_few_colours, pixels
from tabvae_ray.comparison.pictures.pair_plots import PairDifference, joint, worst_pairs
from tabvae_ray.comparison.pictures.projections import has_plane
from tabvae_ray.comparison.plan import (
    Comparison,
    ComparisonOptions,
    ComparisonPlan,
    PreparedComparison,
)
from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.comparison.scores.privacy import Privacy, privacy, share_text
from tabvae_ray.comparison.scores.usefulness import Usefulness

__all__ = ["Image", "PictureSection", "Pictures", "drawn_pictures", "picture_sections"]

# More columns would make the page larger than 3 MB.
_MOST_COLUMNS = 24
# Twice the dots of a plain screen: sharp on phones, on good screens and in print.
_DPI, _DENSITY = 200, 2
_PAIRS = 3
_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Panels of a picture and their number of rows. Cut apart, a phone shows them one by one.
_PANELS: dict[str, tuple[tuple[str, ...], int]] = {
    "pca": (("real", "synthetic", "both"), 1),
    "descriptive_statistics": (STATISTICS, 2),
}


@dataclass(frozen=True)
class Pictures:
    """Synthetic rows, compared with the real ones.

    Args:
        comparison: Scores, and pictures in light colours.
        dark: The same pictures in dark colours.
        columns: Columns that have pictures, the farthest from the real table first.
        n_columns: Columns of the table.
        n_numbers: Those of numbers, dates or times among them.
        n_rows: Synthetic rows.
        pairs: Pairs of columns that have pictures, the farthest from the real table first.
        privacy: How near they come to real rows.
        usefulness: How well a model learns from them, if the spec names a target.
    """

    comparison: Comparison
    dark: Comparison
    columns: tuple[str, ...]
    n_columns: int
    n_numbers: int
    n_rows: int
    pairs: tuple[PairDifference, ...]
    privacy: Privacy
    usefulness: Usefulness | None


@dataclass(frozen=True)
class Image:
    """A PNG in light colours and in dark ones, both in base64.

    Args:
        light: The image in light colours.
        dark: The image in dark colours.
        alt: A text in its place.
        width: Pixels across.
        height: Pixels down.
    """

    light: str
    dark: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class PictureSection:
    """A section of the page with pictures.

    Args:
        anchor: Name of the section in links.
        title: Heading.
        text: Explanation of the pictures.
        points: What the explanation lists.
        images: The pictures.
        has_legend: Whether the colours of real and synthetic rows need a legend.
    """

    anchor: str
    title: str
    text: str
    images: tuple[Image, ...]
    has_legend: bool = False
    points: tuple[str, ...] = ()


def drawn_pictures(
    prepared: PreparedComparison,
    columns: TableColumns,
    comparison: Comparison,
    levels: ReferenceLevels,
) -> Pictures:
    """Draw a synthetic table beside the real one.

    Args:
        prepared: The comparison, prepared with the real table.
        columns: The synthetic table.
        comparison: Its scores, and the JS distance of each column.
        levels: Reference levels that titles of pictures name.
    """
    near = comparison.privacy or privacy(
        columns, prepared.training or prepared.real, prepared.held_out
    )
    distances = comparison.score_collections["js_distance"]
    ordered = sorted(distances, key=lambda name: -distances[name])
    shown = tuple(ordered[:_MOST_COLUMNS])
    notes = {name: levels.title(name, value) for name, value in distances.items()}
    light, dark = (_draw(prepared, columns, theme, shown, notes) for theme in _THEMES)
    pairs = worst_pairs(prepared.real, columns, ordered, _PAIRS)
    for theme, side in zip(_THEMES, (light, dark), strict=True):
        side.plot_collections["joint"] = {
            _title(pair): in_few_colours(
                pixels(
                    joint(prepared.real, columns, pair.first, pair.second, theme=THEMES[theme]),
                    _DPI,
                )
            )
            for pair in pairs
        }
    return Pictures(
        replace(comparison, plot_collections=light.plot_collections),
        dark,
        shown,
        len(distances),
        sum(name in prepared.real.numbers for name in distances),
        columns.n_rows,
        tuple(pairs),
        near,
        comparison.usefulness,
    )


def picture_sections(
    pictures: Pictures, correlation_distance: str, *, source: str
) -> tuple[list[PictureSection], list[PictureSection]]:
    """Return the sections with a picture per column, and those about the whole table.

    Args:
        pictures: The pictures.
        correlation_distance: This score beside its reference levels; empty if it is not known.
        source: Where the synthetic rows are from, such as ``the chosen model``.
    """
    return _column_sections(pictures, source), _table_sections(pictures, correlation_distance)


def _draw(
    prepared: PreparedComparison,
    columns: TableColumns,
    theme: str,
    shown: tuple[str, ...],
    notes: Mapping[str, str],
) -> Comparison:
    options: ComparisonOptions = prepared.plan.options
    plan = ComparisonPlan(
        scores=(),
        plots=("descriptive_statistics", "pca")
        if has_plane(prepared.real)
        else ("descriptive_statistics",),
        plot_collections=("correlation_heatmaps",) if len(prepared.real.names) > 1 else (),
        options=options.model_copy(update={"theme": theme, "dpi": _DPI}),
    )
    drawing = PreparedComparison(plan, prepared.spec, prepared.reader)
    comparison = drawing.compute_columns(columns)
    kinds: tuple[Literal["pdf"], Literal["cdf"]] = ("pdf", "cdf")
    for kind in kinds:
        names = [name for name in shown if kind == "pdf" or name in prepared.real.numbers]
        comparison.plot_collections[kind] = drawing.draw_columns(columns, kind, names, notes)
    heatmaps = comparison.plot_collections.get("correlation_heatmaps", {})
    for title, picture in heatmaps.items():
        heatmaps[title] = in_few_colours(picture)
    for name, (panels, n_rows) in _PANELS.items():
        if name in comparison.plots:
            images = cut(comparison.plots.pop(name), len(panels) // n_rows, n_rows, _DPI)
            comparison.plot_collections[name] = dict(zip(panels, images, strict=True))
    return comparison


def _column_sections(pictures: Pictures, source: str) -> list[PictureSection]:
    light, dark = pictures.comparison.plot_collections, pictures.dark.plot_collections
    sections = []
    for kind, title, what, n in (
        ("pdf", "Columns", "The distribution of values", pictures.n_columns),
        ("cdf", "Columns, cumulated", "The share of rows up to each value", pictures.n_numbers),
    ):
        images = tuple(
            _image(
                light[kind][name], dark[kind][name], f"{what} in column {name}, real and synthetic"
            )
            for name in light[kind]
        )
        text = (
            f"{what}, in the real table and in {pictures.n_rows:,} rows of {source}; "
            "the columns that differ most come first. JS: the column's Jensen-Shannon distance, "
            f"beside that of a fresh sample of the real table.{_left_out(n - len(images))}"
        )
        if images:
            sections.append(PictureSection(kind, title, text, images, has_legend=True))
    images = tuple(
        _image(light["joint"][name], dark["joint"][name], f"Rows by {name}, real and synthetic")
        for name in light["joint"]
    )
    if images:
        text = (
            "The pairs whose joint distributions differ most: the share of the rows in each cell, "
            "in the real table and in the synthetic one; the stronger the colour, the more rows. "
            "Beside each pair stands the share of the rows that would have to change to make both "
            "sides equal."
        )
        points = tuple(
            f"{_title(pair)}: {share_text(pair.share, places=0)}" for pair in pictures.pairs
        )
        section = PictureSection("joint", "Pairs of columns", text, images, points=points)
        sections.insert(1, section)
    return sections


def _left_out(n: int) -> str:
    if n == 0:
        return ""
    if n == 1:
        return " The column that differs least is left out."
    return f" The {n} columns that differ least are left out."


def _title(pair: PairDifference) -> str:
    return f"{pair.first} and {pair.second}"


def _table_sections(pictures: Pictures, correlation_distance: str) -> list[PictureSection]:
    light, dark = pictures.comparison.plot_collections, pictures.dark.plot_collections
    sections = []
    measured = (
        f" The correlation_distance measures the whole difference: {correlation_distance}."
        if correlation_distance
        else ""
    )
    for name, title, text in (
        (
            "correlation_heatmaps",
            "Associations",
            "How strongly each pair of columns is associated: in the real table, in the synthetic "
            f"one, and the difference, synthetic minus real.{measured}",
        ),
        (
            "pca",
            "Rows in the plane",
            "Each point is a row, real ones blue and synthetic ones orange, on the first two "
            "principal components of the real rows; at most 2,000 rows of each table.",
        ),
        (
            "descriptive_statistics",
            "Statistics",
            "Each point is a continuous column, in units of its real range: the real value is on "
            "the horizontal axis, the synthetic one on the vertical. On the diagonal both agree.",
        ),
    ):
        images = tuple(
            _image(one, dark[name][part], f"{title}: {part}")
            for part, one in light.get(name, {}).items()
        )
        if images:
            sections.append(PictureSection(name, title, text, images))
    return sections


def _image(light: bytes, dark: bytes, alt: str) -> Image:
    # A PNG begins with its width and height, at these bytes.
    width, height = (int.from_bytes(light[at : at + 4], "big") // _DENSITY for at in (16, 20))
    one, other = (base64.b64encode(side).decode() for side in (light, dark))
    return Image(one, other, alt, width, height)
