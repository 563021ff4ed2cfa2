"""Log a search to an MLflow server: one run per trial, kept up to date by the driver.

Only the driver talks to the server, so that nodes need no access to it. If the server fails, the
search warns once and continues without it; the records have everything.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from tabvae_ray.errors import StorageError
from tabvae_ray.generation.export_files import EXPORT_FILES
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.storage import Location
from tabvae_ray.training.mlflow_tracking import MlflowTracker, Status, default_store, find_runs

__all__ = ["MlflowLog"]

_LOG = logging.getLogger(__name__)
_STATUS: dict[str, Status] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}


class MlflowLog:
    """Keeps one MLflow run per trial.

    Runs have the tags ``tabvae_ray.search`` (the search's id) and ``tabvae_ray.trial``, by which a
    resumed search finds them again.

    Args:
        experiment: Name of the MLflow experiment.
        manifest: The search.
        finished: Trials that had finished before. Those that a killed driver did not log are logged
            now.

    Raises:
        ConfigError: If mlflow is not installed.
        StorageError: If the server does not answer.
    """

    def __init__(
        self, experiment: str, manifest: SearchManifest, finished: Sequence[TrialRecord] = ()
    ) -> None:
        self.experiment, self.manifest = experiment, manifest
        # Tracker and last logged epoch of every trial.
        self._runs: dict[int, tuple[MlflowTracker, int]] = {}
        self._broken = False
        logged: set[int] = set()
        for run in find_runs(experiment, {"tabvae_ray.search": manifest.id}):
            number = int(run.data.tags["tabvae_ray.trial"])
            epoch = int(run.data.metrics.get("epoch", 0))
            self._runs[number] = MlflowTracker.resume(run.info.run_id), epoch
            if run.info.status in _STATUS.values():
                logged.add(number)
        if (place := default_store()) is not None:
            _LOG.warning("MLFLOW_TRACKING_URI is not set, so MLflow keeps the runs in %s", place)
        for record in finished:
            if record.number not in logged:
                self._log(record)

    def __call__(self, state: RunState, record: TrialRecord) -> None:
        """Log a trial that has started, reported or ended."""
        self._attempt(lambda: self._log(record))

    def close(self, state: RunState) -> None:
        """End the runs of trials that did not finish and may be resumed."""

        def end() -> None:
            for record in state.unfinished():
                if record.number in self._runs:
                    self._runs[record.number][0].finish("KILLED")

        self._attempt(end)

    def choose(self, record: TrialRecord, reason: str, best: Location) -> None:
        """Log the export to the run of the chosen trial."""

        def keep() -> None:
            if record.number not in self._runs:
                # It waits to be resumed, and has never run while it was logged.
                self._log(record)
            tracker = self._runs[record.number][0]
            tracker.tag("tabvae_ray.chosen", reason)
            for name in EXPORT_FILES:
                tracker.file(f"best/{name}", (best / name).read_bytes())

        self._attempt(keep)

    def _log(self, record: TrialRecord) -> None:
        number = record.number
        if number not in self._runs:
            tags = {"tabvae_ray.search": self.manifest.id, "tabvae_ray.trial": str(number)}
            name = f"{self.manifest.name} {number:06d}"
            tracker = MlflowTracker(self.experiment, name, parameters=record.parameters, tags=tags)
            self._runs[number] = tracker, 0
        tracker, epoch = self._runs[number]
        for rung in record.rungs:
            if rung.epoch > epoch:
                values = {**rung.values, "epoch": rung.epoch}
                known = {name: value for name, value in values.items() if value is not None}
                tracker.scores(known, rung.epoch)
                self._runs[number] = tracker, rung.epoch
        if record.state != "RUNNING":
            tracker.tag("tabvae_ray.state", record.state)
            if record.reason:
                tracker.tag("tabvae_ray.reason", record.reason)
            tracker.finish(_STATUS[record.state])

    def _attempt(self, action: Callable[[], Any]) -> None:
        if self._broken:
            return
        try:
            action()
        except StorageError as error:
            self._broken = True
            _LOG.warning("%s; the search goes on without it", error)
