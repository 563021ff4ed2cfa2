"""Handle SIGINT and SIGTERM, from before Ray starts to the end of the export."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Interrupts"]


class Interrupts:
    """Ends the search in order at the first SIGINT or SIGTERM, and at once at the second.

    In order means by ``KeyboardInterrupt`` or, inside :meth:`divert_to`, by a call of the function
    given there. Python delivers signals to the main thread; in other threads this does nothing.

    Args:
        say: Called from another thread with a message for the user.

    Attributes:
        happened: True after a signal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.happened = False
        self._say = say
        self._tell: Callable[[], None] | None = None
        self._signalled = threading.Event()
        self._before: dict[int, Any] = {}
        # The handler must not print: it may interrupt the display, which is not re-entrant.
        self._speaker = threading.Thread(target=self._speak, daemon=True)

    def __enter__(self) -> Self:
        self._speaker.start()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # A program that Python is embedded in, such as R, handles its signals itself, and
                # its handler could not be put back.
                if signal.getsignal(number) is not None:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._signalled.set()
        self._speaker.join()

    @contextmanager
    def divert_to(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call a function instead of raising inside the block."""
        self._tell = tell
        try:
            if self.happened:
                # The exception was lost, for example in a __del__.
                tell()
            yield
        finally:
            self._tell = None

    def check(self) -> None:
        """Raise if a signal came and its exception was lost."""
        if self.happened:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.happened:
            raise KeyboardInterrupt
        self.happened = True
        self._signalled.set()
        if self._tell is None:
            raise KeyboardInterrupt
        self._tell()

    def _speak(self) -> None:
        self._signalled.wait()
        if self.happened:
            self._say("interrupted: writing down what is there; once more to stop at once")
