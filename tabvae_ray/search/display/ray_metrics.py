"""Metrics of a search in Ray's own metrics, which Prometheus collects from every node."""

from collections.abc import Iterator
from contextlib import contextmanager

from ray.util.metrics import Gauge

from tabvae_ray.results.claims.heartbeat import regularly
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.search.optimize.run_state import RunState

__all__ = ["RayMetrics"]

_PERIOD = 5.0


class RayMetrics:
    r"""Gauges of a search, with its name as the label ``search``.

    Prometheus shows them with Ray's prefix: ``ray_tabvae_trials`` (label ``state``: COMPLETE,
    PRUNED, FAIL or RUNNING), ``ray_tabvae_best`` (label ``objective``), ``ray_tabvae_hypervolume``,
    ``ray_tabvae_epochs`` (trained), ``ray_tabvae_epochs_saved`` (by stopping),
    ``ray_tabvae_slots``, ``ray_tabvae_slots_busy`` and ``ray_tabvae_seconds_left``.

    Args:
        search: Name of the search, in which letters beyond ASCII become escapes such as ``\xfc``.
        statistics: Statistics of this run, which must be told of every trial before this is.
    """

    def __init__(self, search: str, statistics: RunStatistics) -> None:
        self.statistics = statistics
        # Ray takes ASCII only.
        self._labels = {"search": search.encode("ascii", "backslashreplace").decode()}
        self._trials = self._gauge("trials", "Trials by state", "state")
        self._best = self._gauge("best", "Best value among complete trials", "objective")
        self._hypervolume = self._gauge("hypervolume", "Hypervolume of the complete trials")
        self._epochs = self._gauge("epochs", "Epochs trained")
        self._saved = self._gauge("epochs_saved", "Epochs saved by stopping trials early")
        self._slots = self._gauge("slots", "Trials that may run at once")
        self._busy = self._gauge("slots_busy", "Trials that run now")
        self._left = self._gauge("seconds_left", "Seconds until the search ends")
        self._set()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Set the gauges again and again until the block ends.

        Ray forgets a gauge that was not set for two of its intervals of ten seconds, and a trial
        may take hours.
        """
        with regularly(_PERIOD, self._set):
            yield

    def __call__(self, state: RunState, record: TrialRecord) -> None:
        """Set the gauges after a trial has started, reported or ended."""
        self._set()

    def _gauge(self, name: str, description: str, *labels: str) -> Gauge:
        gauge = Gauge(f"tabvae_{name}", description, tag_keys=("search", *labels))
        gauge.set_default_tags(self._labels)
        return gauge

    def _set(self) -> None:
        now = self.statistics.snapshot()
        for state, number in now.states.items():
            self._trials.set(number, {"state": state})
        for objective, value in now.best.items():
            if value is not None:
                self._best.set(value, {"objective": objective})
        for gauge, value in (
            (self._hypervolume, now.hypervolume),
            (self._epochs, now.epochs),
            (self._saved, now.saved),
            (self._slots, now.slots),
            (self._busy, now.busy_slots),
            (self._left, now.left),
        ):
            if value is not None:
                gauge.set(value)
