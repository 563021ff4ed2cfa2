"""Export the model of the chosen trial."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from tabvae_ray.results.constraints import broken_in_words
from tabvae_ray.results.latent_use import latent_verdict
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.search.optimize.selection import Candidate, as_scores
from tabvae_ray.search.trials.membership import ChosenAttacks, attack_chosen
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
) -> ChosenAttacks:
    """Write the export, record the choice in the manifest, and return the attacks on the model.

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
    attacks = attack_chosen(task, vae, record.number)
    levels: dict[str, dict[str, Any]] = {
        kind: {name: level for name, level in manifest.levels[kind].items() if name in chosen.means}
        for kind in ("resample", "fresh", "independent")
    }
    for kind, level in attacks.levels.items():
        levels[kind].setdefault("membership_black_box", asdict(level))
    measured = {} if attacks.black_box is None else {"membership_black_box": attacks.black_box.auc}
    scores = {
        **measured,
        **as_scores(chosen),
        "membership_attacks": attacks.to_mapping(),
        **attacks.disclosure_mapping,
        "reference_levels": levels,
    }
    broken = broken_in_words(chosen.means, task.space)
    unused = latent_verdict(chosen.means, vae.config.architecture.decoder)
    vae.synthesizer().save(
        best,
        scores=scores,
        provenance={
            "search": manifest.name,
            "search_id": manifest.id,
            "trial": record.number,
            "chosen": reason,
            **({"broken_constraints": broken} if broken else {}),
            "parameters": record.parameters,
            "epochs": record.epochs,
            **({} if unused is None else {"latent": unused}),
            "seed": task.seed,
            "data": manifest.data,
            "table": {**manifest.table, "training_rows": len(vae.trainer.codes)},
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
    return attacks
