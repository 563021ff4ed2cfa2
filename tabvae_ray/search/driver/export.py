"""Export the model of the chosen trial."""

from collections.abc import Sequence
from dataclasses import replace

from tabvae_ray.results.latent_use import latent_verdict
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.search.optimize.selection import Candidate, as_scores
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import restore_trial
from tabvae_ray.storage import Location

__all__ = ["export"]


def export(
    task: SearchTask,
    manifest: SearchManifest,
    chosen: Candidate,
    reason: str,
    found: Sequence[Candidate],
    best: Location,
) -> None:
    """Write the export, and record the choice in the manifest.

    Args:
        task: What the trials shared.
        manifest: The search.
        chosen: The candidate to export.
        reason: The reason for choosing it.
        found: All candidates.
        best: The directory of the export.
    """
    record = chosen.record
    vae = restore_trial(replace(task, device="cpu"), record)
    levels = {
        kind: {name: level for name, level in manifest.levels[kind].items() if name in chosen.means}
        for kind in ("resample", "fresh", "independent")
    }
    scores = {**as_scores(chosen), "reference_levels": levels}
    unused = latent_verdict(chosen.means, vae.config.architecture.decoder)
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
            **({} if unused is None else {"latent": unused}),
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
