"""Imports that leave garbage alone."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from tabvae_ray.cluster.quick_imports import garbage_left


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    """Begin with garbage collection on and nothing set aside, and end as the tests' process was."""
    was_frozen = gc.get_freeze_count() > 0
    gc.unfreeze()
    gc.enable()
    yield
    gc.enable()
    if was_frozen:
        gc.freeze()


def test_garbage_is_left_during_the_block_only() -> None:
    """Nothing is collected inside, and everything is as before after it."""
    with garbage_left():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_was_made_inside_is_old_and_can_be_collected() -> None:
    """The first collection after the block does not look at it, and the next full one frees it."""

    class Part:
        """A part of a circle."""

    with garbage_left():
        part = Part()
        part.itself = part  # type: ignore[attr-defined]
        known = weakref.ref(part)
        del part
        made = [[i] for i in range(10_000)]
    assert gc.get_count()[0] < len(made)
    gc.collect(0)
    assert known() is not None
    gc.collect()
    assert known() is None


def test_what_somebody_has_frozen_stays_frozen() -> None:
    """Objects that the process set aside before are not given back to the collector."""
    gc.freeze()
    n_frozen = gc.get_freeze_count()
    with garbage_left():
        pass
    assert gc.get_freeze_count() == n_frozen > 0


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
