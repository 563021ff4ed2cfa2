"""Pictures of several panels, cut apart."""

import io
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from tabvae_ray.comparison.pictures import letters
from tabvae_ray.comparison.pictures.canvas import (
    THEMES,
    Theme,
    cut,
    grid,
    in_few_colours,
    name_axes,
    pixels,
    png,
)
from tabvae_ray.comparison.pictures.column_plots import pdf
from tabvae_ray.comparison.pictures.letters import families, fitted
from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.table.spec import TableSpec


def test_no_panel_has_a_part_of_its_neighbour() -> None:
    names = [f"panel {i}" for i in range(8)]
    figure, panels = grid(names, THEMES["light"])
    for axes in panels.values():
        name_axes(axes, "real", "synthetic", THEMES["light"], -0.16)
    parts = [
        np.asarray(Image.open(io.BytesIO(part)).convert("RGB"))
        for part in cut(png(pixels(figure, 100)), 4, 2, 100)
    ]
    assert len(parts) == 8
    for part in parts:
        assert part.shape == parts[0].shape
        # A title that is cut would reach an edge.
        edges = part[:, 0], part[:, -1], part[-1]
        assert all((edge == 255).all() for edge in edges)


def test_a_panel_below_another_begins_where_it_ends() -> None:
    figure, _ = grid(["a", "b"], THEMES["light"], per_row=1)
    first, second = (
        np.asarray(Image.open(io.BytesIO(part)).convert("RGB"))
        for part in cut(png(pixels(figure, 100)), 1, 2, 100)
    )
    # The frames, which lie at the same place in both.
    frames = [np.flatnonzero((part[:, 60:] < 250).any(axis=(1, 2)))[-1] for part in (first, second)]
    assert abs(frames[0] - frames[1]) <= 1


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES.keys())
def test_few_colours_are_nearly_the_same_and_the_paper_exactly(theme: Theme) -> None:
    figure, panels = grid(["a", "b"], theme)
    for i, axes in enumerate(panels.values()):
        axes.imshow(np.arange(64.0).reshape(8, 8), cmap=theme.colours(diverging=bool(i)))
    whole = pixels(figure, 200)
    small = in_few_colours(whole)
    assert small == in_few_colours(png(whole))
    assert len(small) < len(png(whole))
    image = np.asarray(Image.open(io.BytesIO(small)).convert("RGB"))
    assert (image[0, 0] == whole[0, 0]).all()
    paper = (whole == whole[0, 0]).all(axis=2)
    assert (image[paper] == whole[0, 0]).all()
    assert np.abs(image.astype(int) - whole).max() < 40


def test_a_text_is_cut_to_the_width_that_it_has() -> None:
    assert fitted("Some-college", 6.5, 80) == "Some-college"
    assert fitted("two\nlines", 6.5, 80) == "two lines"
    narrow, wide = fitted("i" * 1000, 6.5, 31), fitted("W" * 1000, 6.5, 31)
    assert len(narrow) > 2 * len(wide) and narrow.endswith("i\u2026") and wide.endswith("W\u2026")
    assert fitted("W", 6.5, 0) == "W"
    # Letters that the font lacks have a width, too.
    assert fitted("\u6771\u4eac" * 20, 6.5, 31).endswith("\u2026")


def test_a_short_label_leaves_the_long_ones_their_room() -> None:
    labels = ["No", "Yes, limited a lot by illness", "Yes, limited a little by illness"]
    table = pd.DataFrame({"answer": np.repeat(labels, 20)})
    reader = ColumnReader(TableSpec.infer(table), table)
    axes = pdf(reader.real, reader.read(table), "answer").axes[0]
    shown = {text.get_text() for text in axes.texts} & {"No", *(label[:1] for label in labels)}
    long = [text.get_text() for text in axes.texts if text.get_text().startswith("Y")]
    assert shown == {"No"} and len(long) == 2 and min(map(len, long)) > 6


def test_wide_letters_below_a_panel_do_not_touch() -> None:
    labels = ["\u6771\u4eac\u90fd\u5343\u4ee3\u7530\u533a", "\u5927\u962a\u5e9c" * 4, "\u5317" * 12]
    table = pd.DataFrame({"city": np.repeat(labels, 20)})
    reader = ColumnReader(TableSpec.infer(table), table)
    figure = pdf(reader.real, reader.read(table), "city")
    pixels(figure)
    texts = [text for text in figure.axes[0].texts if text.get_text()[0] in "\u6771\u5927\u5317"]
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = sorted((text.get_window_extent(renderer) for text in texts), key=lambda box: box.x0)
    assert len(boxes) == 3
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_letters_that_the_font_lacks_come_from_another_font(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It stands for a font that a machine has; the tests' machine has none of Chinese.
    monkeypatch.setattr(letters, "_MORE_FONTS", ("STIXGeneral", "no such font"))
    families.cache_clear()
    try:
        figure, _ = grid(["\u6771", "latin"], THEMES["light"])
        pixels(figure)
        texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
        found = {text.get_text(): text.get_fontfamily() for text in texts}
        assert found["\u6771"] == ["DejaVu Sans", "STIXGeneral"]
        assert "STIXGeneral" not in found["latin"]
    finally:
        families.cache_clear()
