"""Refit the chosen model at the end of a search."""

import time
from collections.abc import Callable
from dataclasses import replace

import ray
from ray.exceptions import RayError, RayTaskError

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.command_line.lines import counted, duration
from tabvae_ray.errors import (
    DataError,
    DivergenceError,
    StorageError,
    StorageUnavailableError,
    TabVAEError,
    last_line,
)
from tabvae_ray.generation.export_files import copy_export
from tabvae_ray.refit.export import write_refitted
from tabvae_ray.refit.history import trial_history
from tabvae_ray.refit.plan import STATE_DIRECTORY, RefitPlan, plan_refit
from tabvae_ray.refit.rows import RefitRows, read_refit_rows, spec_of_other_rows
from tabvae_ray.refit.training import train_refit
from tabvae_ray.results.checkpoints import STATE_FILE
from tabvae_ray.results.refits import SEARCHED, refit_text
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.table.dataset.sample import Sample
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE, split_rows

__all__ = ["refit_best"]

# A worker that dies is replaced, and continues from the checkpoint.
_RETRIES = 3


def refit_best(
    task: SearchTask,
    manifest: SearchManifest,
    record: TrialRecord,
    resources: Resources,
    began: float,
    say: Callable[[str], None],
) -> None:
    """Train the chosen parameters on all rows, and replace ``best/`` by that model.

    Where the space asks for no refit, what an earlier run has left of one is removed.

    The training runs in a task of Ray with the resources of a trial, because the driver's node may
    have no CPU to spare and no GPU. Whatever happens, ``best/`` is a whole model: the searched one
    until the refitted one replaces it. The manifest records the refit, or why there is none.

    Args:
        task: What the trials shared.
        manifest: The search, with its choice.
        record: The chosen trial, whose model is in ``best/``.
        resources: The resources of a trial.
        began: When this run of the search began, in seconds since 1970, for its time budget.
        say: Shows a message.

    Raises:
        StorageError: If something cannot be read or written.
    """
    assert manifest.chosen is not None
    best, searched = task.directory / "best", task.directory / SEARCHED
    if not task.space.settings.refit:
        for left in (searched, task.directory / STATE_DIRECTORY):
            left.remove_tree()
        return
    copy_export(best, searched)
    if "***" in manifest.data and "whole_rows" in manifest.table:
        reason = "its whole table needs credentials, which are not kept: use 'tabvae refit --data'"
        _skip(manifest, reason, say)
        return
    try:
        rows, spec = _all_rows(task, manifest, record)
    except StorageUnavailableError:
        raise
    except (DataError, StorageError) as error:
        # The result of the search must not be lost.
        _skip(manifest, str(error), say)
        return
    plan = plan_refit(
        manifest,
        task.space,
        record,
        rows.table,
        spec,
        task.directory / STATE_DIRECTORY / STATE_FILE,
        history=trial_history(task.directory, record),
        device=task.device,
        whole=rows.described(1),
    )
    vae, skipped = None, _reason_to_skip(task, record, plan, rows.sample.n_rows, began)
    if skipped is None:
        say(
            f"refitting trial {record.number} on all {rows.sample.n_rows:,} rows for "
            f"{counted(plan.epochs, 'epoch')}"
        )
        vae, skipped = _trained(plan, rows, resources, say)
    if vae is None:
        _skip(manifest, skipped or "", say)
        return
    done = write_refitted(vae, plan, rows, manifest, searched, best, data=manifest.data)
    manifest.chosen["refit"] = done.to_mapping()


def _skip(manifest: SearchManifest, reason: str, say: Callable[[str], None]) -> None:
    assert manifest.chosen is not None
    manifest.chosen["refit"] = {"skipped": reason}
    say(f"warning: {refit_text(manifest.chosen)}")


def _all_rows(
    task: SearchTask, manifest: SearchManifest, record: TrialRecord
) -> tuple[RefitRows, TableSpec]:
    """Return the rows that trials saw, or the whole table if these are a sample, and their spec.

    Raises:
        DataError: If the table, which is read again, has changed since the search began, or its
            other rows cannot be modelled like the sample.
    """
    if "whole_rows" not in manifest.table:
        return RefitRows(task.table, Sample(task.table, len(task.table))), task.spec
    source = manifest.table_location(task.directory)
    declared = SpecDeclaration.from_mapping(manifest.spec)
    min_rows = task.space.config(record.parameters).transformers.min_rows
    rows = read_refit_rows(source, declared, task.space.settings, min_rows=min_rows)
    if not rows.are_those_of(manifest):
        raise DataError(f"{source} has changed since the search began")
    return rows, spec_of_other_rows(manifest, rows.table, str(source))


def _trained(
    plan: RefitPlan, rows: RefitRows, resources: Resources, say: Callable[[str], None]
) -> tuple[TabularVAE | None, str | None]:
    """Return the trained model, or None and the reason why there is none."""
    if rows.streamed is None:
        reason = _train(plan, resources)
        if reason is not None:
            return None, reason
        # The finished training is loaded here and not continued.
        return train_refit(replace(plan, device="cpu")), None
    # Most searches need no Ray Train.
    from tabvae_ray.refit.streamed.run import StreamedTraining

    try:
        return StreamedTraining(rows.streamed, say=say)(plan), None
    except StorageError:
        raise
    except TabVAEError as error:
        # The result of the search must not be lost.
        return None, str(error)


def _reason_to_skip(
    task: SearchTask, record: TrialRecord, plan: RefitPlan, n_rows: int, began: float
) -> str | None:
    fraction = task.space.config(record.parameters).validation.holdout_fraction
    training, held_out = split_rows(len(task.table), fraction, task.seed)
    if not len(held_out) and n_rows == len(task.table):
        return "no rows were held out, so the searched model was trained on all rows already"
    budget = task.space.settings.time_budget
    if budget is None:
        return None
    seconds_left = max(0.0, began + budget - time.time())
    per_epoch = record.seconds / max(1, record.epochs)
    seconds = per_epoch * plan.epochs * n_rows / len(training)
    if seconds <= seconds_left:
        return None
    return (
        f"it would take about {duration(seconds)}, but {duration(seconds_left)} of the "
        f"time budget are left; 'tabvae refit {task.directory}' does it now"
    )


def _train(plan: RefitPlan, resources: Resources) -> str | None:
    """Train in a task of Ray; return the reason if it failed, otherwise None."""
    remote = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus, max_retries=_RETRIES)
    running = remote(_train_there).remote(plan)
    try:
        ray.get(running)
    except KeyboardInterrupt:
        # In an application that stays connected it would otherwise go on.
        ray.cancel(running, force=True)
        raise
    except RayTaskError as error:
        if isinstance(error.cause, StorageError):
            raise error.cause from None
        if isinstance(error.cause, DivergenceError):
            return str(error.cause)
        # The result of the search must not be lost.
        return f"its training failed: {last_line(error)}"
    except RayError as error:
        return f"its training failed: {last_line(error)}"
    return None


def _train_there(plan: RefitPlan) -> None:
    train_refit(plan)
