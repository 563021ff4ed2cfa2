"""``progress.jsonl``: how a search went, a line per finished trial, for scripts and dashboards."""

import json
import time
from typing import Any

from tabvae_ray.comparison.plan import SCORES
from tabvae_ray.search.ledger import Ledger
from tabvae_ray.search.pareto import as_losses, hypervolume
from tabvae_ray.search.records import TrialRecord, plain
from tabvae_ray.search.space import SearchSpace
from tabvae_ray.storage import Location

__all__ = ["ProgressLog", "hypervolume_of"]

# Object stores cannot append: the file is written anew, but not for every trial of a fast search.
_SECONDS_BETWEEN_WRITES = 2.0


class ProgressLog:
    """Keeps ``progress.jsonl`` of a search.

    A line has: ``time`` (seconds since 1970), ``elapsed`` (seconds of this run), ``trial``,
    ``state``, ``trials`` (counts by state, and how many run), ``best`` by objective,
    ``hypervolume`` (see :func:`hypervolume_of`), ``busy`` (share of the slots' time spent in
    trials), ``overhead`` (elapsed time above what the trials' own seconds need on all slots, as a
    share of that), ``epochs`` (trained, and saved by stopping), ``suggestion_seconds`` (mean),
    ``left`` (seconds).

    Args:
        directory: The search's directory.
        space: The search space.
        slots: Trials at once.
    """

    def __init__(self, directory: Location, space: SearchSpace, slots: int) -> None:
        self.space, self.slots = space, slots
        self._file = directory / "progress.jsonl"
        self._lines = self._file.read_text().splitlines() if self._file.exists() else []
        self._started = self._written = time.monotonic()
        self._seconds = 0.0
        self._n_finished = 0

    def __call__(self, ledger: Ledger, record: TrialRecord) -> None:
        """A trial started, reported or ended; the last is worth a line."""
        if record.state == "RUNNING":
            return
        self._n_finished += 1
        self._seconds += record.seconds
        self._lines.append(json.dumps(plain(self._line(ledger, record)), allow_nan=False))
        if time.monotonic() - self._written >= _SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Write what has not been written."""
        if self._lines:
            self._file.write_text("\n".join(self._lines) + "\n")
        self._written = time.monotonic()

    def _line(self, ledger: Ledger, record: TrialRecord) -> dict[str, Any]:
        elapsed = time.monotonic() - self._started
        states = [other.state for other in ledger.finished]
        epochs = sum(other.epochs for other in ledger.finished)
        needed = self._seconds / self.slots
        suggestions = ledger.proposals.suggestion_seconds if ledger.proposals else []
        left = elapsed / self._n_finished * (self.space.settings.n_trials - len(states))
        best = {
            name: (min if direction == "minimize" else max)(
                (other.objectives[name] for other in ledger.complete), default=None
            )
            for name, direction in self.space.objectives.items()
        }
        return {
            "time": time.time(),
            "elapsed": elapsed,
            "trial": record.number,
            "state": record.state,
            "trials": {
                **{state: states.count(state) for state in ("COMPLETE", "PRUNED", "FAIL")},
                "RUNNING": len(ledger.active),
            },
            "best": best,
            "hypervolume": hypervolume_of(ledger.complete, self.space),
            "busy": min(1.0, needed / elapsed) if elapsed else None,
            "overhead": elapsed / needed - 1 if needed else None,
            "epochs": {
                "trained": epochs,
                "saved": len(states) * self.space.budget - epochs,
            },
            "suggestion_seconds": sum(suggestions) / len(suggestions) if suggestions else None,
            "left": max(0.0, left),
        }


def hypervolume_of(complete: list[TrialRecord], space: SearchSpace) -> float | None:
    """Hypervolume of complete trials below the worst that scores can be, or None for losses.

    Scores lie in [0, 1]: the reference point is 1 where they are minimised and 0 where maximised,
    the same for every search, so that volumes can be compared.
    """
    if not all(name in SCORES for name in space.objectives):
        return None
    corner = [[1.0 if d == "minimize" else 0.0 for d in space.directions]]
    reference = as_losses(corner, space.directions)[0].tolist()
    values = [record.values(space.objectives) for record in complete]
    return hypervolume(as_losses(values, space.directions), reference)
