"""Replace the export of a search by the refitted model, and keep the searched one beside it."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from tabvae_ray._version import model_versions
from tabvae_ray.documents import read_versioned
from tabvae_ray.errors import ExportError
from tabvae_ray.generation.export_files import copy_export, read_provenance
from tabvae_ray.refit.plan import RefitPlan
from tabvae_ray.refit.rows import RefitRows
from tabvae_ray.results.refits import SEARCHED, RefitRecord
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.storage import Location
from tabvae_ray.table.io import description_of
from tabvae_ray.tabular_vae import TabularVAE

__all__ = ["searched_export", "write_refitted"]


@with_config(ConfigDict(extra="allow"))
class _Scores(TypedDict, total=False):
    membership_attacks: dict[str, Any]


_SCORES_FILE = TypeAdapter(_Scores)


def searched_export(
    directory: Location, manifest: SearchManifest, trial: int, *, keep: bool
) -> Location:
    """Return the directory of the searched model, which is ``best/`` before the first refit.

    Args:
        directory: The search's directory.
        manifest: The search.
        trial: Number of the chosen trial.
        keep: Copy the model from ``best/`` to ``searched/``, unless it is there already.

    Raises:
        ExportError: If ``best/`` is no export, or that of another trial.
        StorageError: If a file cannot be read or written.
    """
    best, searched = directory / "best", directory / SEARCHED
    if (searched / "synthesizer.json").exists():
        found = read_provenance(searched)
        if (found.get("search_id"), found.get("trial")) == (manifest.id, trial):
            # best/ may be a refitted model by now.
            return searched
    exported = read_provenance(best).get("trial")
    if exported != trial:
        # A driver was killed after it had exported a model and before it could write that down.
        raise ExportError(
            f"{best}: is the model of trial {exported}, but search.json says that trial {trial} "
            "was chosen: go on with the search by --resume, which chooses again"
        )
    if not keep:
        return best
    copy_export(best, searched)
    return searched


def write_refitted(
    vae: TabularVAE,
    plan: RefitPlan,
    rows: RefitRows,
    manifest: SearchManifest,
    searched: Location,
    target: Location,
    *,
    data: str,
) -> RefitRecord:
    """Export a refitted model with the scores of the searched one, and say that they are.

    Args:
        vae: The refitted model.
        plan: How it was trained.
        rows: The rows.
        manifest: The search.
        searched: The export of the searched model.
        target: The directory to write.
        data: Where the rows were read from, credentials masked.

    Raises:
        ExportError: If the searched model cannot be read.
        StorageError: If a file cannot be read or written.
    """
    record = RefitRecord(vae.trainer.epoch, rows.sample.n_rows, data, rows.are_those_of(manifest))
    kept = read_versioned(searched / "scores.json", _SCORES_FILE, 1, "the scores of a model")
    scores: Mapping[str, Any] = {**kept, "scores_of": record.scores_of}
    provenance = {
        **read_provenance(searched),
        "epochs": record.epochs,
        "data": data,
        "table": description_of(rows.sample),
        "versions": model_versions(),
        "refit": {**record.to_mapping(), "searched_table": manifest.table},
    }
    vae.synthesizer().save(target, scores=scores, provenance=provenance)
    return record
