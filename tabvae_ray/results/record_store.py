"""One record per finished trial: the truth of a search.

The Optuna study is a view of the records and can be rebuilt from them.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tabvae_ray.documents import plain, read_json
from tabvae_ray.errors import StorageError
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.parameters import Value
from tabvae_ray.storage import Location

__all__ = ["RecordStore"]


class RecordStore:
    """The records of one search, in ``trials/`` and, while a trial runs, in ``running/``.

    Args:
        directory: The search's directory.
    """

    def __init__(self, directory: Location) -> None:
        self.directory = directory
        self._trials = directory / "trials"
        self._running = directory / "running"

    def finished(self) -> list[TrialRecord]:
        """All finished trials, by number."""
        return _read(self._trials)

    def running(self) -> list[TrialRecord]:
        """Trials that had not finished when the search was last seen, by number."""
        done = {record.number for record in self.finished()}
        return [record for record in _read(self._running) if record.number not in done]

    def keep_running(self, record: TrialRecord) -> None:
        """Keep how far a trial has come."""
        (self._running / _name(record)).write_text(_to_json(record))

    def finish(self, record: TrialRecord) -> None:
        """Keep a finished trial; written once, and before it is forgotten as running."""
        (self._trials / _name(record)).write_text(_to_json(record))
        (self._running / _name(record)).remove()

    def write_table(self, records: Sequence[TrialRecord], objectives: Sequence[str]) -> None:
        """Write ``trials.csv``: a row per finished trial."""
        parameters = sorted({name for record in records for name in record.parameters})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["number", "state", *objectives, *parameters, "epochs", "seconds"])
        for record in records:
            writer.writerow(
                [
                    record.number,
                    record.state,
                    *(record.objectives.get(name, "") for name in objectives),
                    *(_cell(record.parameters.get(name, "")) for name in parameters),
                    record.epochs,
                    round(record.seconds, 3),
                ]
            )
        (self.directory / "trials.csv").write_text(text.getvalue())


def _name(record: TrialRecord) -> str:
    return f"{record.number:06d}.json"


def _to_json(record: TrialRecord) -> str:
    return json.dumps(plain(asdict(record)), indent=1, allow_nan=False) + "\n"


def _read(directory: Location) -> list[TrialRecord]:
    records = []
    for file in directory.children():
        if file.suffix != ".json" or file.name.startswith("."):
            continue
        try:
            record = TrialRecord.from_mapping(read_json(file))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StorageError(f"{file}: not a trial's record: {error}") from None
        if file.name != _name(record):
            raise StorageError(
                f"{file}: not a trial's record: its number must be that of its name, but got "
                f"number={record.number}"
            )
        records.append(record)
    return sorted(records, key=lambda record: record.number)


def _cell(value: Value) -> Any:
    return json.dumps(value) if isinstance(value, list) else value
