"""Imports that leave garbage alone."""

import gc
from collections.abc import Iterator

import pytest

from tabvae_ray.cluster.quick_imports import garbage_left


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    """Leave garbage collection on, whatever a test does."""
    gc.enable()
    yield
    gc.enable()


def test_garbage_is_left_during_the_block_only() -> None:
    """Nothing is collected inside, and everything is as before after it."""
    with garbage_left():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_the_block_as_well() -> None:
    """A library that is missing does not leave the process without garbage collection."""
    with pytest.raises(ModuleNotFoundError), garbage_left():
        raise ModuleNotFoundError
    assert gc.isenabled()


def test_a_process_that_collects_nothing_stays_so() -> None:
    """Whoever has turned it off keeps it off."""
    gc.disable()
    with garbage_left():
        pass
    assert not gc.isenabled()
