"""The canvas that all pictures share: colours, panels, ticks, and image files."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.markers import TICKDOWN, TICKLEFT
from matplotlib.text import Text
from PIL import Image

from tabvae_ray.comparison.pictures.letters import any_letters, families, short
from tabvae_ray.comparison.pictures.round_numbers import round_numbers

__all__ = [
    "LEGEND",
    "THEMES",
    "Picture",
    "Pixels",
    "Theme",
    "cut",
    "dress",
    "framed",
    "grid",
    "in_a_row",
    "in_few_colours",
    "name_axes",
    "number_ticks",
    "pixels",
    "png",
    "ticks",
    "tiled",
]

Pixels = npt.NDArray[np.uint8]

_MOST_PANELS = 100
# Of a picture whose size matters.
_COLOURS = 64
# Height of the legend above a column's panel, in inches.
LEGEND = 0.34
# Empty margin right of the last panel and above the first, in inches.
_RIGHT, _TOP = 0.1, 0.05


class Picture(Figure):
    """A figure that a notebook shows although ``pyplot`` was never imported."""

    def _repr_png_(self) -> bytes:
        return png(pixels(self))


@dataclass(frozen=True)
class Theme:
    """Colours of a picture; colour-blind readers can tell real from synthetic (Okabe and Ito)."""

    paper: str
    ink: str
    faint: str
    real: str
    synthetic: str

    def colours(self, *, diverging: bool) -> LinearSegmentedColormap:
        """Return a colour map from 0 to strong, or from negative through 0 to positive."""
        ends = [self.synthetic, self.paper, self.real] if diverging else [self.paper, self.real]
        return LinearSegmentedColormap.from_list("strength", ends)


THEMES: Mapping[Literal["light", "dark"], Theme] = {
    "light": Theme("#ffffff", "#1c2430", "#c9d0d9", "#0072b2", "#d55e00"),
    "dark": Theme("#14181f", "#e4e8ee", "#3b4452", "#56b4e9", "#f0a030"),
}


def pixels(figure: Figure, dpi: int = 100) -> Pixels:
    """Draw the figure as an image (H, W, 3)."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if not text.get_text().isascii():
            text.set_fontfamily(families())
    with any_letters():
        canvas.draw()  # type: ignore[no-untyped-call]
    image: Pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return image[:, :, :3].copy()


def png(image: Pixels) -> bytes:
    """Encode the image as a PNG file; the same image gives the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png", compress_level=4)
    return buffer.getvalue()


def in_few_colours(picture: bytes | Pixels) -> bytes:
    """Encode an image, or a PNG file again, with 64 colours, a third as large.

    Drawings need no more. The colour of the first pixel, which is that of the paper, stays as it
    is.
    """
    buffer = io.BytesIO()
    if isinstance(picture, bytes):
        image = Image.open(io.BytesIO(picture)).convert("RGB")
    else:
        image = Image.fromarray(picture)
    # Octrees are fast, and the same image gives the same colours.
    found = image.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE)
    # Cut out before it is an array, because copies of whole images take time.
    code, colour = (np.asarray(side.crop((0, 0, 1, 1)))[0, 0] for side in (found, image))
    palette, paper = found.getpalette() or [], int(code)
    palette[3 * paper : 3 * paper + 3] = colour.tolist()
    found.putpalette(palette)
    found.save(buffer, "png", compress_level=6)
    return buffer.getvalue()


def framed(picture: bytes, dpi: int) -> Figure:
    """Return a figure that shows a PNG file, pixel by pixel."""
    image = np.asarray(Image.open(io.BytesIO(picture)))
    figure = Picture(figsize=(image.shape[1] / dpi, image.shape[0] / dpi), dpi=dpi)
    # Axes, because notebooks take a figure without any for an empty one, and show nothing.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(image, interpolation="nearest", aspect="auto")
    return figure


def cut(picture: bytes, n_columns: int, n_rows: int, dpi: int) -> list[bytes]:
    """Cut a picture of :func:`grid` into panels, row by row, so that a narrow screen stacks them.

    The panels are PNG files with few colours.

    Args:
        picture: A PNG file.
        n_columns: Panels side by side.
        n_rows: Panels below each other.
        dpi: Dots per inch that it was drawn at.
    """
    image = np.asarray(Image.open(io.BytesIO(picture)))
    top = round(_TOP * dpi)
    height = (image.shape[0] - top) // n_rows
    width = (image.shape[1] - round(_RIGHT * dpi)) // n_columns
    # A title left of a panel begins this far from the panel before it, whose last tick may need
    # the space.
    shift = round(_RIGHT * dpi / 5)
    return [
        in_few_colours(
            image[
                top + i * height : top + (i + 1) * height,
                shift + j * width : shift + (j + 1) * width,
            ]
        )
        for i in range(n_rows)
        for j in range(n_columns)
    ]


def in_a_row(panels: Sequence[Pixels]) -> Pixels:
    """Join pictures of the same height side by side."""
    return np.concatenate(list(panels), axis=1)


def tiled(panels: Sequence[Pixels], dpi: int, *, per_row: int = 4) -> Pixels:
    """Join the pictures of columns, the first 100 at most, under the legend of the first.

    Args:
        panels: Pictures of :func:`pdf` or :func:`cdf`, all of the same size (H, W, 3).
        dpi: Dots per inch that they were drawn at.
        per_row: Number of pictures side by side.
    """
    shown = panels[:_MOST_PANELS]
    legend = round(LEGEND * dpi)
    height, width = shown[0].shape[0] - legend, shown[0].shape[1]
    n_columns = min(per_row, len(shown))
    n_rows = -(-len(shown) // n_columns)
    whole = np.empty((legend + n_rows * height, n_columns * width, 3), dtype=np.uint8)
    whole[:] = shown[0][0, 0]
    whole[:legend, :width] = shown[0][:legend]
    for i, panel in enumerate(shown):
        row, column = divmod(i, n_columns)
        top, left = legend + row * height, column * width
        whole[top : top + height, left : left + width] = panel[legend:]
    return whole


def grid(
    names: Sequence[str],
    theme: Theme,
    *,
    cell: tuple[float, float] = (2.75, 2.3),
    per_row: int = 4,
    top: float = _TOP,
    note: str = "",
    among: Iterable[str] = (),
) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel per name.

    Panels are placed by hand: a layout engine of matplotlib doubles the drawing time.

    Args:
        names: The names.
        theme: Colours.
        cell: Width and height of a panel with what is around it, in inches.
        per_row: Number of panels side by side.
        top: Empty margin above the first row, in inches.
        note: A second line of all titles.
        among: Names from which those that are cut must differ.
    """
    n_columns = min(per_row, len(names))
    n_rows = -(-len(names) // n_columns)
    size = n_columns * cell[0] + _RIGHT, n_rows * cell[1] + top
    figure = Picture(figsize=size, facecolor=theme.paper)
    inner = cell[0] - 0.55, cell[1] - 0.9
    panels = {}
    for i, name in enumerate(names):
        row, column = divmod(i, n_columns)
        left, bottom = column * cell[0] + 0.5, size[1] - top - (row + 1) * cell[1] + 0.5
        axes = figure.add_axes(
            (left / size[0], bottom / size[1], inner[0] / size[0], inner[1] / size[1])
        )
        dress(axes, theme)
        axes.set_title(
            short(name, 30, among) + (f"\n{note}" if note else ""),
            fontsize=8.5,
            color=theme.ink,
            loc="left",
            # A fixed position saves matplotlib's search for one, a sixth of the drawing time.
            y=1.0,
            pad=5,
            linespacing=1.2,
            parse_math=False,
        )
        panels[name] = axes
    return figure, panels


def dress(axes: Axes, theme: Theme) -> None:
    """Give a panel its colours, and remove matplotlib's own ticks."""
    axes.set_facecolor(theme.paper)
    for spine in axes.spines.values():
        spine.set_color(theme.faint)
        spine.set_linewidth(0.8)
    # Each tick of matplotlib's own is five artists; together they take half the drawing time.
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)


def ticks(
    axes: Axes,
    which: str,
    theme: Theme,
    places: Sequence[float],
    texts: Sequence[str],
    *,
    size: float = 7.5,
    rotation: float = 0.0,
) -> None:
    """Draw small marks on an axis, each with a text beside it."""
    box, figure = axes.get_position(), axes.figure
    assert isinstance(figure, Figure)
    width, height = (72 * inches for inches in figure.get_size_inches())
    zeros = [0.0] * len(places)
    if which == "x":
        transform, mark, gap = axes.get_xaxis_transform(), TICKDOWN, 4 / (box.height * height)
        axes.plot(places, zeros, transform=transform, scalex=False, **_mark(theme, mark))
    else:
        transform, mark, gap = axes.get_yaxis_transform(), TICKLEFT, 4 / (box.width * width)
        axes.plot(zeros, places, transform=transform, scaley=False, **_mark(theme, mark))
    for place, text in zip(places, texts, strict=True):
        axes.text(
            place if which == "x" else -gap,
            -gap if which == "x" else place,
            text,
            transform=transform,
            fontsize=size,
            rotation=rotation,
            color=theme.ink,
            ha="center" if which == "x" else "right",
            va="top" if which == "x" else "center",
            parse_math=False,
        )


def _mark(theme: Theme, mark: int) -> dict[str, Any]:
    return {
        "linestyle": "",
        "marker": mark,
        "markersize": 2,
        "markeredgewidth": 0.6,
        "color": theme.ink,
        "clip_on": False,
    }


def number_ticks(axes: Axes, which: str, theme: Theme, n: int = 4) -> None:
    """Put about ``n`` round numbers on the axis ``x`` or ``y``."""
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    places, texts = zip(*round_numbers(low, high, n), strict=True)
    ticks(axes, which, theme, places, texts)


def name_axes(axes: Axes, x: str, y: str, theme: Theme, gap: float) -> None:
    """Write titles beside the axes, ``gap`` heights and widths of the panel away from them."""
    where: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 8, "color": theme.ink}
    axes.text(0.5, gap, x, ha="center", va="top", **where)
    axes.text(gap, 0.5, y, ha="right", va="center", rotation=90, **where)
