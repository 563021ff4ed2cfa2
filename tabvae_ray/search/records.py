"""One record per finished trial: the truth of a search.

The Optuna study is a view of the records and can be rebuilt from them.
"""

import csv
import io
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from tabvae_ray.errors import StorageError
from tabvae_ray.search.parameters import Value
from tabvae_ray.storage import Location

__all__ = ["STATE_FILE", "Records", "Rung", "TrialRecord", "plain", "read_json"]

# What lies in the directory of a checkpoint.
STATE_FILE = "state.pt"

State = Literal["RUNNING", "COMPLETE", "PRUNED", "FAIL"]
# Directories of Ray Tune's: a run, and an attempt at a trial in it.
_RUN, _ATTEMPT = re.compile(r"run_\d+"), re.compile(r"\d{6,}(-\d+)?")
# Nothing that a search writes is nested any deeper.
_MAX_DEPTH = 32


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
        batch_size: The batch size that a want of memory has forced on it, or None.
        batch_size_from: Epochs that it had trained with its own until then.
        generation: The generation that NSGA-II bore it in, or None.
        parents: With the first trial of a generation, the trials that it descends from.
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
    batch_size: int | None = None
    batch_size_from: int = 0
    generation: int | None = None
    parents: list[int] | None = None

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return self.rungs[-1].epoch if self.rungs else 0

    def values(self, names: Iterable[str]) -> list[float]:
        """Objectives in the given order; a complete trial has them all."""
        return [self.objectives[name] for name in names]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "TrialRecord":
        """Read a record; unknown keys are left out.

        Raises:
            ValueError: If a value cannot be that of a record, whoever has written it.
        """
        known = {key: mapping[key] for key in cls.__dataclass_fields__ if key in mapping}
        known["rungs"] = [Rung(**rung) for rung in known.get("rungs", [])]
        record = cls(**known)
        _check(record)
        return record


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

    def remove_checkpoints_but(self, kept: Collection[str | None]) -> None:
        """Remove those that a driver has left that was killed before it had written them down.

        What cannot be removed costs room, and no more.

        Args:
            kept: Checkpoints that are needed, relative to the search's directory.
        """
        with suppress(StorageError):
            for run in (self.directory / "tune").children():
                for trial in run.children() if _RUN.fullmatch(run.name) else ():
                    if _ATTEMPT.fullmatch(trial.name) and trial.is_dir():
                        self._remove_but(kept, f"tune/{run.name}/{trial.name}")

    def _remove_but(self, kept: Collection[str | None], home: str) -> None:
        for found in (self.directory / home).children():
            path = f"{home}/{found.name}"
            if found.name.startswith("checkpoint_") and path not in kept:
                with suppress(StorageError):
                    self.inside_tune(path).remove_tree()

    def inside_tune(self, path: str) -> Location:
        """A directory of checkpoints; safe to be removed.

        Raises:
            StorageError: If it is not below the search's ``tune/``, by a link perhaps.
        """
        root, found = self.directory / "tune", self.directory / path
        here, top = found.on_this_machine(), root.on_this_machine()
        if here is not None and top is not None:
            inside = top.resolve() in here.resolve().parents
        else:
            inside = found.path.startswith(f"{root.path}/")
        if not inside:
            raise StorageError(f"{found}: is not below {root}, where checkpoints are")
        return found

    def forget_lost_checkpoint(self, record: TrialRecord) -> bool:
        """Let a trial begin again if somebody has removed its checkpoint; whether it was so.

        It reports what it has reported before, up to where it was.

        Raises:
            StorageError: If the storage cannot be asked.
        """
        if record.checkpoint is None or (self.directory / record.checkpoint / STATE_FILE).exists():
            return False
        record.checkpoint = None
        if record.batch_size is not None:
            # With its own batch size it fares otherwise, or as it did before.
            record.batch_size, record.batch_size_from, record.rungs = None, 0, []
        self.keep_running(record)
        return True

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


def read_json(file: Location) -> Any:
    """A document that a search has written.

    Raises:
        ValueError: If it is not JSON, or is nested deeper than anything that a search writes.
    """
    try:
        document = json.loads(file.read_bytes())
    except RecursionError:
        document = None
        depth = math.inf
    else:
        depth = _depth(document)
    if depth > _MAX_DEPTH:
        raise ValueError(f"it must be nested at most {_MAX_DEPTH} deep")
    return document


def _depth(document: Any) -> int:
    """How deep it is nested; no further than is too deep already."""
    depth, level = 0, [document]
    while depth <= _MAX_DEPTH:
        inner = [
            item.values() if isinstance(item, dict) else item
            for item in level
            if isinstance(item, dict | list)
        ]
        level = [item for items in inner for item in items]
        if not inner:
            break
        depth += 1
    return depth


def _check(record: TrialRecord) -> None:
    """The rules that other parts of a search count on, as do those who resume that of another."""
    number = record.number
    if type(number) is not int or number < 0:
        raise ValueError(f"number must be a whole number >= 0, but got number={number!r}")
    if record.state not in get_args(State):
        raise ValueError(
            f"state must be one of {', '.join(get_args(State))}, but got state={record.state!r}"
        )
    if record.checkpoint is not None:
        # Checkpoints are removed when they are of no more use, and nothing else must be.
        home = rf"tune/run_\d{{3,}}/{number:06d}(-\d+)?/checkpoint_\d+"
        if not re.fullmatch(home, str(record.checkpoint), re.ASCII):
            raise ValueError(
                f"checkpoint must be one of the trial's below tune/, such as "
                f"tune/run_001/{number:06d}/checkpoint_000000, but got "
                f"checkpoint={record.checkpoint!r}"
            )


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
