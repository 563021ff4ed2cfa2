"""One record per finished trial: the truth of a search.

The Optuna study is a view of the records and can be rebuilt from them.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tabvae_ray.errors import StorageError
from tabvae_ray.search.parameters import Value
from tabvae_ray.storage import Location

__all__ = ["Records", "Rung", "TrialRecord", "plain"]

State = Literal["RUNNING", "COMPLETE", "PRUNED", "FAIL"]


@dataclass
class Rung:
    """What a trial reported at a rung.

    Args:
        epoch: Epochs trained.
        objectives: Scores by name; NaN or infinite ones are kept as None.
        losses: ``loss``, ``reconstruction``, ``kl`` of the last epoch and nats per row, by name.
        order: Position of the report among all of the search, which is what the scheduler's
            decisions depend on.
    """

    epoch: int
    objectives: dict[str, float | None]
    losses: dict[str, float | None] = field(default_factory=dict)
    order: int = 0


@dataclass
class TrialRecord:
    """A trial as it is kept.

    Args:
        number: Number of the trial, from 0.
        state: ``COMPLETE`` with finite objectives at the full budget, ``PRUNED`` if stopped or
            diverged, ``FAIL`` if infrastructure or the code broke, ``RUNNING`` until then.
        parameters: Values by dotted name.
        objectives: Scores at the full budget; empty unless ``COMPLETE``.
        rungs: What was reported on the way.
        seconds: Time spent training and scoring, over all attempts.
        reason: Why the trial ended.
        error: Traceback of a failure.
        checkpoint: Directory of the last checkpoint, relative to the search's.
    """

    number: int
    state: State
    parameters: dict[str, Value]
    objectives: dict[str, float] = field(default_factory=dict)
    rungs: list[Rung] = field(default_factory=list)
    seconds: float = 0.0
    reason: str | None = None
    error: str | None = None
    checkpoint: str | None = None

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return self.rungs[-1].epoch if self.rungs else 0

    def values(self, names: Iterable[str]) -> list[float]:
        """Objectives in the given order; a complete trial has them all."""
        return [self.objectives[name] for name in names]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "TrialRecord":
        """Read a record; unknown keys are left out."""
        known = {key: mapping[key] for key in cls.__dataclass_fields__ if key in mapping}
        known["rungs"] = [Rung(**rung) for rung in known.get("rungs", [])]
        return cls(**known)


class Records:
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


def plain(value: Any) -> Any:
    """The value for JSON: NaN and infinities become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


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
            records.append(TrialRecord.from_mapping(json.loads(file.read_bytes())))
        except (ValueError, TypeError, KeyError) as error:
            raise StorageError(f"{file}: not a trial's record: {error}") from None
    return sorted(records, key=lambda record: record.number)


def _cell(value: Value) -> Any:
    return json.dumps(value) if isinstance(value, list) else value
