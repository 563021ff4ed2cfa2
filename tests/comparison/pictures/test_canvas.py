"""Pictures of several panels, cut apart."""

import io

import numpy as np
from PIL import Image

from tabvae_ray.comparison.pictures.canvas import THEMES, cut, grid, name_axes, pixels, png


def test_no_panel_has_a_part_of_its_neighbour() -> None:
    names = [f"panel {i}" for i in range(8)]
    figure, panels = grid(names, THEMES["light"])
    for axes in panels.values():
        name_axes(axes, "real", "synthetic", THEMES["light"], -0.16)
    parts = [
        np.asarray(Image.open(io.BytesIO(part)))
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
        np.asarray(Image.open(io.BytesIO(part)))
        for part in cut(png(pixels(figure, 100)), 1, 2, 100)
    )
    # The frames, which lie at the same place in both.
    frames = [np.flatnonzero((part[:, 60:] < 250).any(axis=(1, 2)))[-1] for part in (first, second)]
    assert abs(frames[0] - frames[1]) <= 1
