"""What pictures are drawn on: colours, panels, ticks, and the way to an image file.

A room of its own because pictures are many and this they share.
"""

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.markers import TICKDOWN, TICKLEFT
from matplotlib.ticker import MaxNLocator
from PIL import Image

__all__ = [
    "LEGEND",
    "THEMES",
    "Pixels",
    "Theme",
    "cut",
    "dress",
    "grid",
    "in_a_row",
    "name_axes",
    "number_ticks",
    "pixels",
    "png",
    "short",
    "ticks",
    "tiled",
]

Pixels = npt.NDArray[np.uint8]

_MOST_PANELS = 100
# Inches above a column's panel.
LEGEND = 0.34


@dataclass(frozen=True)
class Theme:
    """Colours; real and synthetic stay apart for the colour-blind (Okabe and Ito)."""

    paper: str
    ink: str
    faint: str
    real: str
    synthetic: str

    def colours(self, *, diverging: bool) -> LinearSegmentedColormap:
        """From nothing to strong, or from negative over nothing to positive."""
        ends = [self.synthetic, self.paper, self.real] if diverging else [self.paper, self.real]
        return LinearSegmentedColormap.from_list("strength", ends)


THEMES: Mapping[Literal["light", "dark"], Theme] = {
    "light": Theme("#ffffff", "#1c2430", "#c9d0d9", "#0072b2", "#d55e00"),
    "dark": Theme("#14181f", "#e4e8ee", "#3b4452", "#56b4e9", "#f0a030"),
}


def pixels(figure: Figure, dpi: int = 100) -> Pixels:
    """The figure as an image (H, W, 3)."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; nothing to stop for.
        warnings.filterwarnings("ignore", message=".*Glyph.*missing from font")
        canvas.draw()  # type: ignore[no-untyped-call]
    image: Pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return image[:, :, :3].copy()


def png(image: Pixels) -> bytes:
    """The image as a PNG file; the same bytes for the same image."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png", compress_level=4)
    return buffer.getvalue()


def cut(picture: bytes, n_columns: int, n_rows: int) -> list[bytes]:
    """The panels of a picture as pictures of their own, row by row: a narrow screen stacks them."""
    image = np.asarray(Image.open(io.BytesIO(picture)))
    height, width = image.shape[0] // n_rows, image.shape[1] // n_columns
    return [
        png(image[i * height : (i + 1) * height, j * width : (j + 1) * width])
        for i in range(n_rows)
        for j in range(n_columns)
    ]


def in_a_row(panels: Sequence[Pixels]) -> Pixels:
    """Pictures of the same height side by side."""
    return np.concatenate(list(panels), axis=1)


def tiled(panels: Sequence[Pixels], dpi: int, *, per_row: int = 4) -> Pixels:
    """Pictures of columns as one, at most the first 100, with the first one's legend for all.

    Args:
        panels: Pictures of :func:`pdf` or :func:`cdf`, all of the same size (H, W, 3).
        dpi: Dots per inch that they were drawn at.
        per_row: Pictures side by side.
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
    top: float = 0.05,
    note: str = "",
) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel per name, placed by hand: matplotlib's layout engines cost as much."""
    n_columns = min(per_row, len(names))
    n_rows = -(-len(names) // n_columns)
    size = n_columns * cell[0] + 0.1, n_rows * cell[1] + top
    figure = Figure(figsize=size, facecolor=theme.paper)
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
            short(name, 30) + (f"\n{note}" if note else ""),
            fontsize=8.5,
            color=theme.ink,
            loc="left",
            # Said, it need not be looked for, which takes a sixth of the drawing.
            y=1.0,
            pad=4,
            linespacing=1.15,
            parse_math=False,
        )
        panels[name] = axes
    return figure, panels


def dress(axes: Axes, theme: Theme) -> None:
    """Give a panel its colours, and take matplotlib's own ticks off it."""
    axes.set_facecolor(theme.paper)
    for spine in axes.spines.values():
        spine.set_color(theme.faint)
        spine.set_linewidth(0.8)
    # Ticks of matplotlib's own are five artists each, half of the time that a picture takes.
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
    """Small marks on an axis, and a text beside each."""
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
    """About ``n`` round numbers on the axis ``x`` or ``y``."""
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    found = MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    places = [float(v) for v in found if low <= v <= high]
    if len(places) < 2:
        places = [low, high]
    step = places[1] - places[0]
    ticks(axes, which, theme, places, [_number(value, step) for value in places])


def _number(value: float, step: float) -> str:
    """With as many digits as tell it from its neighbours."""
    if abs(value) < step / 1e6:
        return "0"
    if not 1e-5 < step < 1e6:
        return f"{value:.{max(math.ceil(math.log10(abs(value) / step)) + 1, 2)}g}"
    text = f"{value:.{max(1 - math.floor(math.log10(step)), 1)}f}"
    return text.rstrip("0").rstrip(".")


def name_axes(axes: Axes, x: str, y: str, theme: Theme, gap: float) -> None:
    """What the axes show; ``gap`` is how far out, in heights and widths of the panel."""
    where: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 8, "color": theme.ink}
    axes.text(0.5, gap, x, ha="center", va="top", **where)
    axes.text(gap, 0.5, y, ha="right", va="center", rotation=90, **where)


def short(text: str, most: int) -> str:
    """The text on one line, its end cut off where there are too many letters."""
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"
