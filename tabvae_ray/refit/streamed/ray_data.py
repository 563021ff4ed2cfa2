"""Settings of Ray Data for a refit."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ray.data import DataContext

__all__ = ["ordered_execution"]


@contextmanager
def ordered_execution() -> Iterator[None]:
    """Keep the order of rows in what Ray Data executes, and its progress from the terminal."""
    context = DataContext.get_current()
    options, bars = context.execution_options, context.enable_progress_bars
    level = logging.getLogger("ray.data").level
    before = options.preserve_order
    options.preserve_order, context.enable_progress_bars = True, False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        options.preserve_order, context.enable_progress_bars = before, bars
        logging.getLogger("ray.data").setLevel(level)
