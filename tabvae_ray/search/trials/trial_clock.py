"""The clock of a trial: what its epochs and reports take, and whether there is time for more."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tabvae_ray.search.optimize.time_limit import TimeLimit

__all__ = ["TrialClock"]


class TrialClock:
    """Measures a trial, and tells it when the time budget of its search is spent.

    Args:
        limit: The time budget; none if None.
        clock: Returns the seconds since 1970.

    Attributes:
        scoring_seconds: Time of the last report; None before the first.
    """

    def __init__(self, limit: TimeLimit | None, clock: Callable[[], float] = time.time) -> None:
        self._limit, self._clock = limit, clock
        self._epoch_seconds: float | None = None
        self.scoring_seconds: float | None = None
        # Of all reports.
        self._scored = 0.0

    def has_time(self) -> bool:
        """Return True if there is time for another epoch and the report after it."""
        if self._limit is None:
            return True
        needed = 0.0
        if self._epoch_seconds is not None:
            scoring = self.scoring_seconds
            needed = self._epoch_seconds
            needed += self._limit.scoring_seconds if scoring is None else scoring
        return self._clock() + needed <= self._limit.training_ends(self.scoring_seconds)

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """Measure an epoch, without the report at its end."""
        started, before = self._clock(), self._scored
        yield
        passed = self._clock() - started - (self._scored - before)
        # Clocks are set back now and then, and nothing gives time back.
        self._epoch_seconds = max(0.0, passed)

    @contextmanager
    def report(self) -> Iterator[None]:
        """Measure a report."""
        started = self._clock()
        yield
        self.scoring_seconds = max(0.0, self._clock() - started)
        self._scored += self.scoring_seconds
