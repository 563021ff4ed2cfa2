"""Pictures of several panels, cut apart."""

import io

import numpy as np
import pytest
from PIL import Image

from tabvae_ray.comparison.pictures.canvas import (
    THEMES,
    Theme,
    cut,
    fitted,
    grid,
    in_few_colours,
    name_axes,
    pixels,
    png,
)


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
