"""Clocks that tests move, and how long tests wait for what others do."""

import os
import time
from collections.abc import Callable

# How long tests wait for something that should happen soon; a busy machine may need more.
SECONDS = float(os.environ.get("TEST_SECONDS", "240"))


class Clock:
    """A clock that stands still until it is moved; called, it returns its seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> None:
        """Move it forward."""
        self.seconds += seconds


def wait_for(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Return as soon as a condition holds; fail if it does not within these seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
