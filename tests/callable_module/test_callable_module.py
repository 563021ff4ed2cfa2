"""What Python and notebooks tell of a function that is a module."""

import pydoc

import pytest

import tabvae_ray


@pytest.mark.parametrize(
    ("name", "first", "argument"),
    [
        ("search", "Search for the best model of a table", "time_budget: Seconds for the whole"),
        ("compare", "Score any synthetic table", "held_out: Real rows"),
    ],
)
def test_help_tells_of_the_function(name: str, first: str, argument: str) -> None:
    text = pydoc.plain(pydoc.render_doc(getattr(tabvae_ray, name)))
    assert f"tabvae_ray.{name} - {first}" in text
    assert argument in text
    assert f"    {name}(" in text and "spec=None" in text
