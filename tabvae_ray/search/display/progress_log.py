"""``progress.jsonl``: a line per finished trial, for scripts and dashboards."""

import json
import logging
import os
import time
from collections.abc import Sequence
from typing import Any

from tabvae_ray.documents import finite, parse_json
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.statistics import RunStatistics, TrialCounts
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.storage import Location

__all__ = ["ProgressLog"]

_LOG = logging.getLogger(__name__)
# Object stores cannot append, so that the whole file is written, but not for every trial.
_SECONDS_BETWEEN_WRITES = 2.0


class ProgressLog:
    """Writes ``progress.jsonl`` of a search.

    A line has ``time`` (seconds since 1970), ``elapsed`` (seconds of this run), ``trial``,
    ``state``, ``trials`` (counts by state, and how many run), ``best`` by objective,
    ``hypervolume`` (see :func:`.hypervolume_of`), ``busy`` (share of the slots' time in
    this run that was spent in trials), ``overhead`` (elapsed time above what the trials' own
    seconds need on all slots, as a share of that), ``epochs`` (trained, and saved by stopping),
    ``suggestion_seconds`` (mean) and ``left`` (seconds).

    On a local disk a line is written as soon as its trial has finished, elsewhere within seconds. A
    line that a killed driver did not write is made from the trial's record in the next run, without
    what only that driver knew.

    Args:
        directory: The search's directory.
        statistics: Statistics of this run, which must be told of every trial before this log is.
        finished: Trials that had finished before this run.
    """

    def __init__(
        self, directory: Location, statistics: RunStatistics, finished: Sequence[TrialRecord] = ()
    ) -> None:
        self.statistics = statistics
        self._file = directory / "progress.jsonl"
        self._path = self._file.on_this_machine()
        self._written = time.monotonic()
        self._lines = self._completed(finished)
        self.write()

    def __call__(self, state: RunState, record: TrialRecord) -> None:
        """Write a line when a trial has ended."""
        if record.state == "RUNNING":
            return
        line = json.dumps(finite(self._entry(record)), allow_nan=False)
        if self._path is not None:
            self._file.attempt("written", lambda: self._append(line))
            return
        self._lines.append(line)
        if time.monotonic() - self._written >= _SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Write the lines that have not been written yet."""
        if self._lines:
            self._file.write_text("\n".join(self._lines) + "\n")
        self._written = time.monotonic()
        if self._path is not None:
            self._lines.clear()

    def _append(self, line: str) -> None:
        assert self._path is not None
        with self._path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _completed(self, finished: Sequence[TrialRecord]) -> list[str]:
        """Return the lines in the file, and those that are missing."""
        lines, known = self._read()
        counts = TrialCounts(self.statistics.space)
        for record in sorted(finished, key=lambda record: record.number not in known):
            counts.add(record)
            if record.number not in known:
                entry = {"trial": record.number, "state": record.state, **_totals(counts)}
                lines.append(json.dumps(finite(entry), allow_nan=False))
        return lines

    def _read(self) -> tuple[list[str], set[int]]:
        """Return the lines that are whole, and the numbers of their trials."""
        content = self._file.read_bytes() if self._file.exists() else b""
        lines, known, damaged = [], set(), []
        for i, line in enumerate(content.split(b"\n"), start=1):
            try:
                text = line.decode()
                number = parse_json(text)["trial"]
                if type(number) is not int or number < 0:
                    raise ValueError(number)
            except (ValueError, TypeError, KeyError):
                if line.strip():
                    damaged.append(i)
                continue
            known.add(number)
            lines.append(text)
        # The machine may have gone down while it wrote the last line.
        if damaged and (len(damaged) > 1 or content.endswith(b"\n")):
            _LOG.warning(
                "%s: line %d is damaged%s; such lines are written again from the trials' records",
                self._file,
                damaged[0],
                f", and {len(damaged) - 1} more" if len(damaged) > 1 else "",
            )
        return lines, known

    def _entry(self, record: TrialRecord) -> dict[str, Any]:
        now = self.statistics.snapshot()
        return {
            "time": time.time(),
            "elapsed": now.elapsed,
            "trial": record.number,
            "state": record.state,
            **_totals(self.statistics.counts),
            "trials": now.states,
            "busy": now.busy,
            "overhead": now.overhead,
            "suggestion_seconds": now.suggestion_seconds,
            "left": now.left,
        }


def _totals(counts: TrialCounts) -> dict[str, Any]:
    """Return the entries of a line about all finished trials."""
    return {
        "trials": {state: counts.states[state] for state in ("COMPLETE", "PRUNED", "FAIL")},
        "best": counts.best,
        "hypervolume": counts.hypervolume,
        "epochs": {"trained": counts.epochs, "saved": counts.saved},
    }
