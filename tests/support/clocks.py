"""Clocks that tests move."""


class Clock:
    """A clock that stands still until it is moved; called, it returns its seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> None:
        """Move it forward."""
        self.seconds += seconds
