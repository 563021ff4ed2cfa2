"""The outcome of a search."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.search.optimize.selection import Candidate
from tabvae_ray.storage import Location

__all__ = ["SearchOutcome"]


@dataclass(frozen=True)
class SearchOutcome:
    """The outcome of a search.

    Args:
        directory: The search's directory.
        state: ``finished``, ``interrupted``, or ``failed`` if it has no usable trial or too many
            failed in a row. A failed search also has an export if any trial is usable.
        reason: Why it ended before all trials were done, or None.
        best: The export, if there is one.
        front: Numbers of the trials on the Pareto front.
        trials: Count of trials by state.
        seconds: Time spent, over all runs.
        candidates: The front's models and their runners-up, scored again.
        chosen: The exported candidate, and the reason for choosing it.
        levels: What real rows score against themselves.
        membership: What the attacks on the exported model found, in words.
        refit: The refit of the exported model, in words; empty if none was asked for.
    """

    directory: Location
    state: str
    reason: str | None
    best: Location | None
    front: list[int]
    trials: dict[str, int]
    seconds: float
    candidates: Sequence[Candidate] = ()
    chosen: tuple[Candidate, str] | None = None
    levels: ReferenceLevels = field(default_factory=ReferenceLevels)
    membership: str = ""
    refit: str = ""
