"""Write the manifest of a search while it runs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tabvae_ray.errors import StorageError
from tabvae_ray.results.claims.heartbeat import regularly
from tabvae_ray.results.search_manifest import HEARTBEAT_SECONDS, SearchManifest
from tabvae_ray.storage import Location

__all__ = ["ManifestWriter"]


class ManifestWriter:
    """Writes ``search.json``, with the time that the search has taken so far.

    Args:
        manifest: The manifest, which others may change between two writes.
        directory: The search's directory.
    """

    def __init__(self, manifest: SearchManifest, directory: Location) -> None:
        self.manifest, self.directory = manifest, directory
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._seconds_before = manifest.seconds

    def write(self, state: str, *, concluding: bool = False) -> None:
        """Write the manifest with this state."""
        with self._lock:
            self.manifest.state, self.manifest.concluding = state, concluding
            self._write()

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Write the manifest regularly, to show drivers on other machines that this one lives."""

        def beat() -> None:
            with self._lock, suppress(StorageError):
                if self.manifest.state == "running":
                    self._write()

        with regularly(HEARTBEAT_SECONDS, beat):
            yield

    def _write(self) -> None:
        self.manifest.seconds = self._seconds_before + time.monotonic() - self._started
        self.manifest.write(self.directory)
