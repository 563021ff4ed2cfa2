"""Import large libraries without looking for garbage meanwhile."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["garbage_left"]


@contextmanager
def garbage_left() -> Iterator[None]:
    """Leave garbage during the block, which imports modules.

    What they make stays, and Python would look through all of it again and again: a sixth of the
    time that torch, Ray and pandas take.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if gc.get_freeze_count() == 0:
                # They count as old at once, without a look at each, and can still be collected.
                gc.freeze()
                gc.unfreeze()
            gc.enable()
