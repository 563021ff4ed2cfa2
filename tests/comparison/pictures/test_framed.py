"""A picture of several panels as a figure: every pixel is there, and notebooks show it."""

import numpy as np
import pytest

from tabvae_ray.comparison.pictures.canvas import framed, pixels, png


@pytest.mark.parametrize("size", [(450, 1395), (101, 77)])
def test_a_framed_picture_has_every_pixel_and_axes(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    figure = framed(png(image), 100)
    assert np.array_equal(pixels(figure, 100), image)
    # Notebooks show no figure without axes.
    assert len(figure.axes) == 1
