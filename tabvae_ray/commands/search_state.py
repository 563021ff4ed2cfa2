"""A search as it stands on storage, read while others write it."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

from tabvae_ray.documents import finite
from tabvae_ray.errors import StorageError
from tabvae_ray.results.front import best_of
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import HEARTBEAT_SECONDS, SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = ["SearchState"]

# A driver that has not written for so many heartbeats has probably died.
_MISSED = 6
# A record moves when its trial ends, perhaps between the listing and the reading.
_ATTEMPTS, _PAUSE = 5, 0.2


@dataclass(frozen=True)
class SearchState:
    """A search as it stands.

    Args:
        directory: Where it is kept.
        manifest: Its ``search.json``.
        space: Its space.
        finished: Trials that have ended, by number.
        running: Trials that run, or that a search that has ended would go on with.
        now: When this was read, seconds since 1970.
    """

    directory: Location
    manifest: SearchManifest
    space: SearchSpace
    finished: list[TrialRecord]
    running: list[TrialRecord]
    now: float

    @classmethod
    def read(cls, directory: Location) -> Self:
        """Read a search.

        Raises:
            StorageError: If there is none, or a file of it is damaged.
        """
        for attempt in range(_ATTEMPTS):
            manifest = SearchManifest.read(directory)
            space = manifest.search_space()
            records = RecordStore(directory, space.objectives)
            try:
                # First those that run: one that ends meanwhile is then among the finished.
                running, finished = records.running(), records.finished()
                break
            except StorageError:
                if attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE)
        ended = {record.number for record in finished}
        running = [record for record in running if record.number not in ended]
        return cls(directory, manifest, space, finished, running, time.time())

    @property
    def is_silent(self) -> bool:
        """True if the search is said to run, but its driver has not written for long."""
        silence = self.now - self.manifest.updated
        return self.manifest.state == "running" and silence > _MISSED * HEARTBEAT_SECONDS

    @property
    def is_live(self) -> bool:
        """True if the search runs, as far as its driver has said."""
        return self.manifest.state == "running" and not self.is_silent

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of trials by state."""
        counts = Counter(record.state for record in self.finished)
        counts.update({"RUNNING": len(self.running)} if self.running else {})
        return dict(sorted(counts.items()))

    @property
    def front(self) -> list[TrialRecord]:
        """The complete trials that no other dominates."""
        return best_of(self.finished, self.space)[0]

    @property
    def chosen(self) -> int | None:
        """The number of the exported trial."""
        return None if self.manifest.chosen is None else int(self.manifest.chosen["trial"])

    def document(self) -> dict[str, Any]:
        """Return the state as values for JSON."""
        manifest = self.manifest
        document: dict[str, Any] = finite(
            {
                "name": manifest.name,
                "directory": str(self.directory),
                "state": manifest.state,
                "concluding": manifest.state == "running" and manifest.concluding,
                "silent": self.is_silent,
                "updated": manifest.updated,
                "driver": manifest.driver,
                "seconds": round(manifest.seconds, 3),
                "data": manifest.data,
                "rows": manifest.table["rows"],
                "columns": manifest.table["columns"],
                "space": manifest.space_file,
                "objectives": dict(self.space.objectives),
                "rungs": manifest.rungs,
                "n_trials": self.space.settings.n_trials,
                "time_budget": self.space.settings.time_budget,
                "trials": self.counts,
                "running": [self._trial(record) for record in self.running],
                "front": [self._trial(record) for record in self.front],
                "chosen": manifest.chosen,
            }
        )
        return document

    def _trial(self, record: TrialRecord) -> dict[str, Any]:
        values = record.rungs[-1].values if record.rungs else {}
        names = dict.fromkeys([*self.space.objectives, *self.space.constraints])
        return {
            "trial": record.number,
            "epochs": record.epochs,
            "started": record.started,
            "seconds": record.seconds,
            "scores": {name: values.get(name) for name in names if name in values},
            "parameters": record.parameters,
        }
