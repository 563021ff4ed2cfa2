"""Settings of Ray Data for a refit."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ray.data import DataContext

from tabvae_ray.cluster.ray_private import TASK_LOGGERS

__all__ = ["errors_unlogged", "ordered_execution"]


@contextmanager
def errors_unlogged() -> Iterator[None]:
    """Keep the tracebacks of errors in tasks from the terminal; the errors are raised anyway.

    Ray's worker logs what it knows of a task that nobody asks for, until it is shut down.
    """
    loggers = [logging.getLogger(name) for name in TASK_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def ordered_execution() -> Iterator[None]:
    """Keep the order of rows in what Ray Data executes, and its progress bars from the terminal."""
    context = DataContext.get_current()
    options, bars = context.execution_options, context.enable_progress_bars
    before = options.preserve_order
    options.preserve_order, context.enable_progress_bars = True, False
    try:
        yield
    finally:
        options.preserve_order, context.enable_progress_bars = before, bars
