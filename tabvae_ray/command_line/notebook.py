"""A live display in a notebook, without the widgets that rich would need."""

import io
import threading
from collections.abc import Callable
from html import escape
from typing import Any

from rich.console import RenderableType

from tabvae_ray.command_line.terminal import Terminal

__all__ = ["NotebookLive"]

_PERIOD = 1.0
_WIDTH = 100


class NotebookLive:
    """A part of a cell's output that is drawn again every second.

    Args:
        render: Returns what to show.
    """

    def __init__(self, render: Callable[[], RenderableType]) -> None:
        self._render = render
        self._handle: Any = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._refresh, daemon=True)

    def start(self) -> None:
        """Show the display."""
        from IPython.display import display

        show: Callable[..., Any] = display
        self._handle = show(self._content(), raw=True, display_id=True)
        self._thread.start()

    def stop(self) -> None:
        """Draw the display for the last time."""
        self._ended.set()
        self._thread.join()
        self._handle.update(self._content(), raw=True)

    def _refresh(self) -> None:
        while not self._ended.wait(_PERIOD):
            self._handle.update(self._content(), raw=True)

    def _content(self) -> dict[str, str]:
        """Return the display in the formats that notebooks show."""
        console = Terminal(file=io.StringIO(), width=_WIDTH, record=True, force_jupyter=False)
        console.print(self._render())
        text = console.export_text().rstrip()
        return {"text/plain": text, "text/html": f"<pre>{escape(text)}</pre>"}
