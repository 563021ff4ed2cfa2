"""Run the driver of a search on the cluster's head, for users outside who use a Ray client.

Trials must be able to call Ray Tune's driver, and they cannot call a client. The driver therefore
runs in a task on the head; its output is shown here, and Ctrl-C is passed on to it.
"""

import _thread
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from tabvae_ray.cluster.connection import connected
from tabvae_ray.cluster.preflight import HEAD, preflight_head
from tabvae_ray.command_line.terminal import Terminal
from tabvae_ray.errors import ClusterUnavailableError, TabVAEError, last_line
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.display.statistics import Snapshot
from tabvae_ray.search.driver.interrupts import Interrupts
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.storage import Location

__all__ = ["run_on_head"]

# Seconds between two exchanges of output and interrupts.
_PERIOD = 0.2


def run_on_head(
    command: Callable[..., SearchOutcome],
    directory: Location,
    address: str | None,
    progress: SearchProgress,
) -> SearchOutcome:
    """Run a search in a process on the cluster's head, and show its output here.

    The first Ctrl-C is passed on. The second one disconnects, and the cluster then ends the search
    as if it had been killed.

    Args:
        command: Runs the search; called with the ``progress`` that shows it.
        directory: The search's directory, which both the head and this machine must see.
        address: Address of the client server, see :func:`connected`.
        progress: Shows the search here.

    Raises:
        ClusterUnavailableError: If the cluster does not answer, or the driver or the connection is
            lost.
        ConfigError: If the head has other versions.
        StorageError: If the head does not see the directory.
        TabVAEError: If the search raises it there.
    """
    console = progress.console
    terminal = {
        "quiet": console.quiet,
        "force_terminal": console.is_terminal,
        "color_system": console.color_system,
        "width": console.width,
        "height": console.height,
    }
    # The driver prints the message about a Ctrl-C.
    with Interrupts(lambda _: None) as interrupts, connected(address):
        preflight_head(directory.parent)
        try:
            relay = _Relay.options(resources=HEAD).remote()  # type: ignore[attr-defined]
            running = _drive.options(resources=HEAD).remote(
                relay, command, progress.elsewhere(), terminal
            )
            with interrupts.divert_to(lambda: None):
                passed_on = ended = False
                while not ended:
                    ended = bool(ray.wait([running], timeout=_PERIOD)[0])
                    if interrupts.happened and not passed_on:
                        ray.get(relay.interrupt.remote())
                        passed_on = True
                    console.file.write(ray.get(relay.take.remote()))
                    console.file.flush()
                outcome, progress.at_end = ray.get(running)
        except RayTaskError as error:
            if isinstance(error.cause, TabVAEError):
                raise error.cause from None
            raise
        except (RayError, ConnectionError) as error:
            # The display may have ended in the middle of a line.
            console.print()
            raise ClusterUnavailableError(
                f"the search's driver on the cluster is lost: {last_line(error)}; once the cluster "
                "is back, the same command with --resume goes on from there"
            ) from error
    if outcome is None:
        raise KeyboardInterrupt
    done: SearchOutcome = outcome
    return done


@ray.remote(num_cpus=0)
class _Relay:
    """Relay: the driver cannot receive calls, so it pushes its output here and the client polls."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._interrupted = False

    def say(self, text: str) -> bool:
        """Take text from the driver, and return True if the driver should end."""
        self._text.append(text)
        return self._interrupted

    def take(self) -> str:
        """Return the text since the last call."""
        text, self._text = "".join(self._text), []
        return text

    def interrupt(self) -> None:
        """Make the driver end, which it learns when it speaks next."""
        self._interrupted = True


@ray.remote(num_cpus=0, max_retries=0)
def _drive(
    relay: Any,
    command: Callable[..., SearchOutcome],
    shown_on: Callable[..., SearchProgress],
    terminal: dict[str, Any],
) -> tuple[SearchOutcome | None, Snapshot | None]:
    with _relayed(relay) as text, redirect_stderr(text):
        progress = shown_on(console=Terminal(file=text, **terminal))
        try:
            with progress.taking_warnings():
                return command(progress=progress), progress.at_end
        except KeyboardInterrupt:
            # Nothing had begun. Ray would take the exception for a cancelled task.
            return None, None


class _Text(io.StringIO):
    """A text buffer that one thread writes and another one empties."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Add the text."""
        with self._lock:
            return super().write(text)

    def take(self) -> str:
        """Return the text since the last call."""
        with self._lock:
            text = self.getvalue()
            self.seek(self.truncate(0))
            return text


@contextmanager
def _relayed(relay: Any) -> Iterator[_Text]:
    """Send the text of a buffer to the relay, which answers if there was an interrupt."""
    written, ended = _Text(), threading.Event()

    def speak() -> None:
        heeded = last = False
        while not last:
            last = ended.wait(_PERIOD)
            interrupted = ray.get(relay.say.remote(written.take()))
            if interrupted and not heeded and not last:
                heeded = True
                # Has the effect of SIGINT, which Ray does not deliver to its workers.
                _thread.interrupt_main()

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()
