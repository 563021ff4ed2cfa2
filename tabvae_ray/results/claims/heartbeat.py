"""Something done regularly in a thread, beside a block."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["regularly"]


@contextmanager
def regularly(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Do something every so many seconds until the block ends; it is over when that has ended."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(seconds):
            act()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
