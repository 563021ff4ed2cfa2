"""One record per trial."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tabvae_ray.space.parameters import Value

__all__ = ["Rung", "State", "TrialRecord"]


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

    @property
    def values(self) -> dict[str, float | None]:
        """Return losses and scores as one mapping, by name."""
        return {**self.losses, **self.objectives}


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
