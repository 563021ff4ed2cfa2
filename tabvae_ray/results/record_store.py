"""The records of a search, one file per trial.

They are what a search resumes from: the Optuna study is a view of them, rebuilt at every start.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from tabvae_ray.documents import read_versioned, write_json
from tabvae_ray.errors import StorageError
from tabvae_ray.results.trial_record import FORMAT_VERSION, TrialRecord
from tabvae_ray.space.parameters import Value
from tabvae_ray.storage import Location

__all__ = ["RecordStore"]


_RECORDS = TypeAdapter(TrialRecord)


class RecordStore:
    """The records of one search, in ``trials/`` and, while a trial runs, in ``running/``.

    Args:
        directory: The search's directory.
        objectives: Scores that a complete trial must have, or its record is refused.
    """

    def __init__(self, directory: Location, objectives: Iterable[str] = ()) -> None:
        self.directory = directory
        self._objectives = tuple(objectives)
        self._trials = directory / "trials"
        self._running = directory / "running"

    def finished(self) -> list[TrialRecord]:
        """Return all finished trials, by number.

        Raises:
            StorageError: If a file is not the record of its trial.
        """
        return self._read(self._trials)

    def running(self) -> list[TrialRecord]:
        """Return the trials that had not finished when the search ended, by number.

        Raises:
            StorageError: If a file is not the record of its trial.
        """
        done = {record.number for record in self.finished()}
        return [record for record in self._read(self._running) if record.number not in done]

    def keep_running(self, record: TrialRecord) -> None:
        """Write the record of a trial that runs."""
        write_json(self._running / _name(record), asdict(record))

    def finish(self, record: TrialRecord) -> None:
        """Write the record of a finished trial, then remove its record as a running one."""
        write_json(self._trials / _name(record), asdict(record))
        (self._running / _name(record)).remove()

    def write_table(self, records: Sequence[TrialRecord], objectives: Sequence[str]) -> None:
        """Write ``trials.csv``, a row per finished trial.

        The scores of a stopped trial are those of its last rung.
        """
        parameters = sorted({name for record in records for name in record.parameters})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["number", "state", *objectives, *parameters, "epochs", "seconds"])
        for record in records:
            scores = record.objectives or (record.rungs[-1].values if record.rungs else {})
            writer.writerow(
                [
                    record.number,
                    record.state,
                    # None becomes an empty cell.
                    *(scores.get(name) for name in objectives),
                    *(_cell(record.parameters.get(name, "")) for name in parameters),
                    record.epochs,
                    round(record.seconds, 3),
                ]
            )
        (self.directory / "trials.csv").write_text(text.getvalue())

    def _read(self, directory: Location) -> list[TrialRecord]:
        records = []
        for file in directory.children():
            if file.suffix != ".json" or file.name.startswith("."):
                continue
            what = "a trial record"
            record = read_versioned(file, _RECORDS, FORMAT_VERSION, what, self._objectives)
            if file.name != _name(record):
                raise StorageError(
                    f"{file}: is not {what}: number: must be that of the file's name, but got "
                    f"{record.number}"
                )
            records.append(record)
        return sorted(records, key=lambda record: record.number)


def _name(record: TrialRecord) -> str:
    return f"{record.number:06d}.json"


def _cell(value: Value) -> Any:
    return json.dumps(value) if isinstance(value, list) else value
