"""Refit the chosen model of a finished search, from its directory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch

from tabvae_ray.command_line.lines import counted
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.generation.export_files import read_document, read_provenance
from tabvae_ray.refit.alike import check_alike
from tabvae_ray.refit.export import searched_export, write_refitted
from tabvae_ray.refit.history import trial_history
from tabvae_ray.refit.plan import STATE_DIRECTORY, RefitPlan, plan_refit
from tabvae_ray.refit.rows import RefitRows, read_refit_rows, spec_of_other_rows
from tabvae_ray.refit.training import train_refit
from tabvae_ray.results.checkpoints import STATE_FILE
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.refits import RefitRecord
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.trainer import EpochHook

__all__ = ["FinishedSearchRefit"]

Training = Callable[[RefitPlan, Sequence[EpochHook]], TabularVAE]


@dataclass(frozen=True)
class FinishedSearchRefit:
    """The refit of the chosen model of a finished search.

    Args:
        directory: The search's directory.
        manifest: Its ``search.json``.
        plan: How the model is trained.
        source: Where the rows were read from.
        target: The directory of the refitted model.
        rows: The rows.
    """

    directory: Location
    manifest: SearchManifest
    plan: RefitPlan
    source: Location
    target: Location
    rows: RefitRows

    @classmethod
    def prepare(
        cls,
        directory: Location,
        *,
        data: str | None = None,
        epochs: int | None = None,
        out: Location | None = None,
        device: str | None = None,
        workers: int | None = None,
    ) -> Self:
        """Read the search and the table; write nothing.

        Args:
            directory: The search's directory.
            data: Path or URI of the table, which may have other rows than that of the search;
                that of the search if None.
            epochs: Epochs to train; those that the search chose if None.
            out: The directory of the refitted model; ``best/`` of the search if None.
            device: Where to train; where the search trained if None.
            workers: Workers of Ray Train, which only read Parquet; if None, one if the table does
                not fit in memory.

        Raises:
            ConfigError: If the search has chosen no model, or its table has changed.
            DataError: If the table cannot be modelled, or its columns or their kinds are not those
                of the search.
            ExportError: If the export of the search cannot be read.
            StorageError: If a file cannot be read.
        """
        manifest = SearchManifest.read(directory)
        space = manifest.search_space()
        record = _chosen(directory, manifest, space)
        source, rows, spec = _read_rows(directory, manifest, space, record, data, workers)
        target = directory / "best" if out is None else out
        history = trial_history(directory, record)
        config = space.config(record.parameters)
        if epochs is None and config.training.early_stopping == "holdout" and not history:
            raise StorageError(
                f"{directory}: the checkpoint of trial {record.number} is gone, so the epochs that "
                "held-out rows chose are not known: give --epochs"
            )
        plan = plan_refit(
            manifest,
            space,
            record,
            rows.table,
            spec,
            # Not beside the export, which may be given away: a checkpoint says more of the rows.
            directory / STATE_DIRECTORY / STATE_FILE,
            history=history,
            epochs=epochs,
            device=device or _device(manifest),
            whole=rows.described(workers or 1),
        )
        return cls(directory, manifest, plan, source, target, rows)

    @property
    def n_rows(self) -> int:
        """Rows that are trained on."""
        return self.rows.sample.n_rows

    @property
    def description(self) -> str:
        """Description of the training, in words."""
        return (
            f"trial {self.plan.trial} on all {self.n_rows:,} rows of {self.source} for "
            f"{counted(self.plan.epochs, 'epoch')}"
        )

    def run(self, hooks: Sequence[EpochHook] = (), *, train: Training = train_refit) -> RefitRecord:
        """Train, from a checkpoint if there is one, and write the refitted model.

        If that is ``best/``, the searched model is kept in ``searched/``, and ``search.json``
        records the refit.

        Args:
            hooks: Called after every epoch.
            train: Trains the model of the plan; rows that are streamed need another than the
                default, which trains in memory.

        Raises:
            ConfigError: If the search has gone on meanwhile.
            DivergenceError: If the loss becomes NaN or infinite.
            ExportError: If the export of the search cannot be read, or is that of another trial.
            StorageError: If a file cannot be read or written.
        """
        is_best = self.target == self.directory / "best"
        kept = self.directory, self.manifest, self.plan.trial
        # Refused before the training, but copied after it, which may fail.
        read_provenance(searched_export(*kept, keep=False))
        vae = train(self.plan, hooks)
        self._check_ended()
        searched = searched_export(*kept, keep=is_best)
        done = write_refitted(
            vae, self.plan, self.rows, self.manifest, searched, self.target, data=str(self.source)
        )
        if is_best:
            assert self.manifest.chosen is not None
            self.manifest.chosen["refit"] = done.to_mapping()
            self.manifest.write(self.directory)
        return done

    def _check_ended(self) -> None:
        """Check that the search has not gone on since :meth:`prepare`, perhaps hours ago.

        Its manifest and its model would otherwise be replaced by older ones.
        """
        now = SearchManifest.read(self.directory)
        if (now.id, now.runs) != (self.manifest.id, self.manifest.runs):
            raise ConfigError(
                f"{self.directory}: the search was resumed while this model was trained, which is "
                "therefore not written: give the same command again once the search has ended"
            )


def _chosen(directory: Location, manifest: SearchManifest, space: SearchSpace) -> TrialRecord:
    """Return the chosen trial."""
    if manifest.state == "running":
        raise ConfigError(
            f"{directory}: the search is running; refit it when it has ended, or if its process "
            "has died, end it by --resume"
        )
    if manifest.chosen is None:
        raise ConfigError(f"{directory}: the search is {manifest.state} and has chosen no model")
    number = int(manifest.chosen["trial"])
    store = RecordStore(directory, list(space.objectives))
    found = next((record for record in store.finished() if record.number == number), None)
    if found is None and any(record.number == number for record in store.running()):
        raise ConfigError(
            f"{directory}: the chosen trial {number} was not trained to its end: continue the "
            "search by --resume and a longer --time-budget before you refit it"
        )
    if found is None:
        raise StorageError(f"{directory}: there is no record of the chosen trial {number}")
    return found


def _read_rows(
    directory: Location,
    manifest: SearchManifest,
    space: SearchSpace,
    record: TrialRecord,
    data: str | None,
    workers: int | None,
) -> tuple[Location, RefitRows, TableSpec]:
    """Read the table of a refit, and check that it is like that of the search.

    The arguments are those of :meth:`FinishedSearchRefit.prepare`.

    Returns:
        Where the rows were read from, the rows, and what their columns are.
    """
    source = manifest.table_location(directory) if data is None else Location(data)
    if "***" in str(source) and data is None:
        raise ConfigError(f"--data: must be given again, with credentials: {source}")
    declared = SpecDeclaration.from_mapping(manifest.spec)
    rows = read_refit_rows(
        source,
        declared,
        space.settings,
        min_rows=space.config(record.parameters).transformers.min_rows,
        workers=workers,
    )
    if workers is not None and rows.streamed is None:
        raise ConfigError("--workers: they train on Parquet only, but the table is CSV")
    is_same = rows.are_those_of(manifest)
    if not is_same or len(rows.table) > len(rows.sample.rows):
        if data is None and not is_same:
            raise ConfigError(
                f"{source} has changed since the search: to train on these rows, name them by "
                "--data"
            )
        if not is_same:
            check_alike(rows.table, manifest, read_document(directory / "best"), str(source))
        return source, rows, spec_of_other_rows(manifest, rows.table, str(source))
    return source, rows, TableSpec.infer(rows.table, declared=declared, source=str(source))


def _device(manifest: SearchManifest) -> str:
    wanted = manifest.resources.get("gpus", 0) > 0
    return "cuda" if wanted and torch.cuda.is_available() else "cpu"
