"""SIGTERM, by which Kubernetes and batch systems end a command."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["ending_in_order"]


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` at a SIGTERM inside the block, as at Ctrl-C.

    By default the process would end at once, and leave files that it was about to write. Whoever
    handles the signal already, and other threads than the main one, are left alone.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
