"""How a search ends: the export, and what is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tabvae_ray.comparison.levels import ReferenceLevels
from tabvae_ray.search.manifest import Manifest
from tabvae_ray.search.selection import Candidate, as_scores
from tabvae_ray.search.trial import SearchTask, restore_trial
from tabvae_ray.storage import Location

__all__ = ["SearchOutcome", "export"]


@dataclass(frozen=True)
class SearchOutcome:
    """How a search ended.

    Args:
        directory: The search's directory.
        state: ``finished``, ``interrupted``, or ``failed`` if it has no usable trial or too many
            failed in a row; what could be exported is there all the same.
        reason: Why it ended before all trials were done, or None.
        best: The export, if there is one.
        front: Numbers of the trials on the Pareto front.
        trials: Count of trials by state.
        seconds: Time spent, over all runs.
        candidates: The front's models and their runners-up, scored again.
        chosen: The one that was exported, and why it was.
        levels: What real rows score against themselves.
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


def export(
    task: SearchTask,
    manifest: Manifest,
    chosen: Candidate,
    reason: str,
    found: Sequence[Candidate],
    best: Location,
) -> None:
    """Write ``best/``, and into the manifest why it is that trial.

    Args:
        task: What the trials shared.
        manifest: The search.
        chosen: The candidate to export.
        reason: Why it is that one.
        found: All candidates.
        best: Where the export goes.
    """
    record = chosen.record
    vae = restore_trial(replace(task, device="cpu"), record)
    levels = {
        kind: {name: level for name, level in manifest.levels[kind].items() if name in chosen.means}
        for kind in ("resample", "fresh", "independent")
    }
    scores = {**as_scores(chosen), "reference_levels": levels}
    vae.synthesizer().save(
        best,
        scores=scores,
        provenance={
            "search": manifest.name,
            "search_id": manifest.id,
            "trial": record.number,
            "chosen": reason,
            "parameters": record.parameters,
            "epochs": record.epochs,
            "seed": task.seed,
            "data": manifest.data,
            "table": manifest.table,
            "versions": manifest.versions,
        },
    )
    manifest.chosen = {
        "trial": record.number,
        "reason": reason,
        "candidates": [
            {"trial": candidate.record.number, **as_scores(candidate)} for candidate in found
        ],
    }
