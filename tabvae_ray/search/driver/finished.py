"""The outcome of a search that has nothing left to do."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.errors import StorageError
from tabvae_ray.results.refits import refit_text
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.search.driver.resume import SearchStart
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.optimize.selection import Candidate
from tabvae_ray.storage import Location

__all__ = ["finished_outcome"]


def finished_outcome(
    inputs: SearchInputs,
    start: SearchStart,
    finished: Sequence[TrialRecord],
    unfinished: Sequence[TrialRecord],
) -> SearchOutcome | None:
    """Return the outcome of a search whose trials are all done and whose export is there.

    None means that there is something to do, for example because more trials are wanted or another
    model is to be chosen.

    Args:
        inputs: Space, table and directory.
        start: The starting point of this run.
        finished: All finished trials.
        unfinished: Trials to continue.
    """
    manifest, space, best = start.manifest, inputs.space, inputs.directory / "best"
    n_known = max((record.number + 1 for record in finished), default=0)
    if start.previous_state != "finished" or not start.same_choice or unfinished:
        return None
    if n_known < space.settings.n_trials or manifest.chosen is None:
        return None
    if not (best / "synthesizer.json").exists():
        return None
    if space.settings.refit and "refit" not in manifest.chosen:
        return None
    records = {record.number: record for record in finished}
    candidates = [
        _candidate(scores, records, list(space.objectives))
        for scores in manifest.chosen["candidates"]
    ]
    known = [candidate for candidate in candidates if candidate is not None]
    number = manifest.chosen["trial"]
    chosen = next((found for found in known if found.record.number == number), None)
    if chosen is None or len(known) < len(candidates):
        return None
    return SearchOutcome(
        directory=inputs.directory,
        state="finished",
        reason=None,
        best=best,
        front=manifest.front,
        trials=manifest.trials,
        seconds=manifest.seconds,
        candidates=known,
        chosen=(chosen, manifest.chosen["reason"]),
        levels=ReferenceLevels.from_mapping(manifest.levels),
        refit=refit_text(manifest.chosen) or "",
        membership=_verdict(best),
    )


def _verdict(best: Location) -> str:
    """Return what the attacks on the exported model found; empty if that is not known."""
    try:
        document = json.loads((best / "scores.json").read_text())
        # Those on named columns are made only if the spec names some.
        found = [document["membership_attacks"], document.get("disclosure_attacks")]
        return " ".join(str(attacks["verdict"]) for attacks in found if attacks is not None)
    except (StorageError, ValueError, KeyError, TypeError):
        return ""


def _candidate(
    scores: dict[str, Any], records: dict[int, TrialRecord], objectives: Sequence[str]
) -> Candidate | None:
    """Return a candidate of the manifest, or None if its scores are not complete."""
    record, spreads = records.get(scores["trial"]), scores.get("spread")
    means = {name: value for name, value in scores.items() if name not in ("trial", "spread")}
    if record is None or not isinstance(spreads, dict) or not means.keys() >= set(objectives):
        return None
    for value in (*means.values(), *spreads.values()):
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            return None
    return Candidate(record, means, spreads)
