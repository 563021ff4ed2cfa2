"""The driver of a search on the cluster's head, while its user sits outside, at a Ray client.

Ray Tune's driver calls its trials and is called by them, which a client cannot be. So it runs in a
task there, what it shows comes here, and Ctrl-C goes there.
"""

import _thread
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from rich.console import Console

from tabvae_ray.cli import plain_warnings
from tabvae_ray.cluster.connection import connected, last_line
from tabvae_ray.cluster.preflight import HEAD, preflight_head
from tabvae_ray.errors import TabVAEError
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.display.statistics import Snapshot
from tabvae_ray.search.driver.interrupts import Interrupts
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = ["run_on_head"]

# Seconds between two looks at what is shown there, and at what is asked here.
_PERIOD = 0.2


def run_on_head(
    command: Callable[..., SearchOutcome],
    directory: Location,
    address: str | None,
    progress: SearchProgress,
) -> SearchOutcome:
    """Run a search in a process on the cluster's head, and show here what it shows.

    The first Ctrl-C is passed on; the second one leaves, and the cluster ends the search as if it
    had been killed.

    Args:
        command: Runs the search, and takes the ``progress`` that it is to tell.
        directory: Of the search; the head and this machine must both see it.
        address: That of the client server, see :func:`connected`.
        progress: Where to show it.

    Raises:
        ConfigError: If the cluster cannot be reached, or its head has other versions.
        StorageError: If the head does not see the directory.
        TabVAEError: What the search raises there; or the driver or the connection was lost.
    """
    console = progress.console
    terminal = {
        "quiet": console.quiet,
        "force_terminal": console.is_terminal,
        "color_system": console.color_system,
        "width": console.width,
        "height": console.height,
    }
    # What is to be said of a Ctrl-C is said by the driver.
    with Interrupts(lambda _: None) as interrupts, connected(address):
        preflight_head(directory.parent)
        try:
            line = _Line.options(resources=HEAD).remote()  # type: ignore[attr-defined]
            running = _drive.options(resources=HEAD).remote(line, command, progress.space, terminal)
            with interrupts.divert_to(lambda: None):
                passed_on = ended = False
                while not ended:
                    ended = bool(ray.wait([running], timeout=_PERIOD)[0])
                    if interrupts.happened and not passed_on:
                        ray.get(line.interrupt.remote())
                        passed_on = True
                    console.file.write(ray.get(line.take.remote()))
                    console.file.flush()
                outcome, progress.at_end = ray.get(running)
        except RayTaskError as error:
            if isinstance(error.cause, TabVAEError):
                raise error.cause from None
            raise
        except (RayError, ConnectionError) as error:
            # Below what the display has left.
            console.print()
            raise TabVAEError(
                f"the search's driver on the cluster is lost: {last_line(error)}; once the cluster "
                "is back, the same command with --resume goes on from there"
            ) from error
    if outcome is None:
        raise KeyboardInterrupt
    done: SearchOutcome = outcome
    return done


@ray.remote(num_cpus=0)
class _Line:
    """Between the driver, which is called by nobody, and the client."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._interrupted = False

    def say(self, text: str) -> bool:
        """Text from the driver; whether it is to end."""
        self._text.append(text)
        return self._interrupted

    def take(self) -> str:
        """What has been said since it was asked last."""
        text, self._text = "".join(self._text), []
        return text

    def interrupt(self) -> None:
        """Tell the driver to end, when it speaks next."""
        self._interrupted = True


@ray.remote(num_cpus=0, max_retries=0)
def _drive(
    line: Any,
    command: Callable[..., SearchOutcome],
    space: SearchSpace,
    terminal: dict[str, Any],
) -> tuple[SearchOutcome | None, Snapshot | None]:
    with _speaking(line) as text, redirect_stderr(text), plain_warnings():
        progress = SearchProgress(space, console=Console(file=text, **terminal))
        try:
            return command(progress=progress), progress.at_end
        except KeyboardInterrupt:
            # There was nothing to write down yet. Ray would take it for its own way to cancel.
            return None, None


class _Text(io.StringIO):
    """A file that is written and read by two threads."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Add the text."""
        with self._lock:
            return super().write(text)

    def take(self) -> str:
        """What has been written since it was asked last."""
        with self._lock:
            text = self.getvalue()
            self.seek(self.truncate(0))
            return text


@contextmanager
def _speaking(line: Any) -> Iterator[_Text]:
    """A file whose text goes down the line, from where an interrupt comes back."""
    written, ended = _Text(), threading.Event()

    def speak() -> None:
        heeded = last = False
        while not last:
            last = ended.wait(_PERIOD)
            interrupted = ray.get(line.say.remote(written.take()))
            if interrupted and not heeded and not last:
                heeded = True
                # As SIGINT itself does, which Ray keeps from its workers.
                _thread.interrupt_main()

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()
