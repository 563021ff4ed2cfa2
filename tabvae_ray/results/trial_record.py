"""The record of one trial."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, with_config

from tabvae_ray.command_line.lines import counted
from tabvae_ray.space.parameters import Value

__all__ = ["FORMAT_VERSION", "Count", "Moment", "Number", "Rung", "State", "TrialRecord"]

State = Literal["RUNNING", "COMPLETE", "PRUNED", "FAIL"]
# No conversions: text in place of a number is a sign that somebody has damaged the file.
Count = Annotated[int, Field(ge=0, strict=True)]
Number = Annotated[float, Field(strict=True)]
# Seconds since 1970, up to the year 4147.
Moment = Annotated[Number, Field(ge=0, le=2**36)]

FORMAT_VERSION: Final = 1


@with_config(ConfigDict(allow_inf_nan=False))
@dataclass
class Rung:
    """The report of a trial at a rung.

    Args:
        epoch: Epochs trained.
        objectives: Scores by name; NaN or infinite ones are kept as None.
        losses: ``loss``, ``reconstruction``, ``kl`` of the last epoch and nats per row, by name.
        order: Position of the report among all of the search; the scheduler's decisions depend on
            it.
    """

    epoch: Count
    objectives: dict[str, Number | None]
    losses: dict[str, Number | None] = field(default_factory=dict)
    order: Count = 0

    @property
    def values(self) -> dict[str, float | None]:
        """Losses and scores as one mapping, by name."""
        return {**self.losses, **self.objectives}


@with_config(ConfigDict(allow_inf_nan=False, validate_default=True))
@dataclass
class TrialRecord:
    """The content of ``trials/000007.json`` and ``running/000007.json``.

    The rules of the fields are checked when :class:`RecordStore` reads a file.

    Args:
        number: Number of the trial, from 0.
        state: ``COMPLETE`` with finite objectives at the full budget, ``PRUNED`` if stopped or
            diverged, ``FAIL`` if infrastructure or the code broke, ``RUNNING`` until then.
        parameters: Values by dotted name.
        objectives: Scores at the full budget; empty unless ``COMPLETE``.
        rungs: What was reported on the way.
        seconds: Time spent training and scoring, over all attempts.
        started: When the trial was proposed, seconds since 1970; None in records of earlier
            versions.
        ended: When it ended; None until then.
        reason: Why the trial ended.
        error: Traceback of a failure.
        checkpoint: Directory of the last checkpoint, relative to the search's.
        batch_size: The smaller batch size that the trial goes on with after it ran out of memory,
            or None.
        batch_size_from: Epochs trained with the original batch size before that.
        generation: The generation of NSGA-II that the trial belongs to, or None.
        parents: With the first trial of a generation, the trials that it descends from.
        format_version: Version of the file's layout.
    """

    number: Count
    state: State
    parameters: dict[str, Value]
    objectives: dict[str, Number] = field(default_factory=dict)
    rungs: list[Rung] = field(default_factory=list)
    seconds: Annotated[Number, Field(ge=0)] = 0.0
    reason: str | None = None
    error: str | None = None
    checkpoint: str | None = None
    batch_size: Annotated[int, Field(ge=1, strict=True)] | None = None
    batch_size_from: Count = 0
    generation: Count | None = None
    parents: list[Count] | None = None
    started: Moment | None = None
    ended: Moment | None = None
    format_version: Literal[1] = FORMAT_VERSION

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return self.rungs[-1].epoch if self.rungs else 0

    def stop_at_rung(self) -> None:
        """Note that the scheduler has stopped the trial at its last report."""
        self.state = "PRUNED"
        self.reason = f"stopped at the rung of {counted(self.epochs, 'epoch')}"

    def values(self, names: Iterable[str]) -> list[float]:
        """Return the objectives in the given order; a complete trial has them all."""
        return [self.objectives[name] for name in names]

    @field_validator("objectives")
    @classmethod
    def _has_objectives(cls, scores: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        wanted = info.context or ()
        if info.data.get("state") == "COMPLETE" and not (scores and scores.keys() >= set(wanted)):
            names = ", ".join(wanted) or "the objectives"
            raise ValueError(f"the scores of a COMPLETE trial ({names})")
        return scores

    @field_validator("rungs")
    @classmethod
    def _has_rungs(cls, rungs: list[Rung], info: ValidationInfo) -> list[Rung]:
        if info.data.get("state") == "COMPLETE" and not rungs:
            raise ValueError("the reports of a COMPLETE trial")
        epochs = [rung.epoch for rung in rungs]
        if epochs != sorted(set(epochs)):
            raise ValueError("the reports of a trial, by ascending epoch")
        return rungs

    @field_validator("parents")
    @classmethod
    def _are_earlier(cls, parents: list[int] | None, info: ValidationInfo) -> list[int] | None:
        if any(parent >= info.data.get("number", 0) for parent in parents or ()):
            raise ValueError("the numbers of earlier trials")
        return parents

    @field_validator("checkpoint")
    @classmethod
    def _is_its_own(cls, checkpoint: str | None, info: ValidationInfo) -> str | None:
        """Refuse other directories: checkpoints are removed when they are no longer needed."""
        home = f"{info.data.get('number', 0):06d}"
        own = rf"tune/run_\d{{3,}}/{home}(-\d+)?/checkpoint_\d+"
        if checkpoint is not None and not re.fullmatch(own, checkpoint, re.ASCII):
            raise ValueError(
                f"one of the trial's below tune/, such as tune/run_001/{home}/checkpoint_000000"
            )
        return checkpoint
