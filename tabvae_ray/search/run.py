"""One search from start or resume to export."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from pyarrow import ArrowException
from ray import tune
from ray.tune.logger import TBXLoggerCallback
from ray.tune.schedulers import TrialScheduler

from tabvae_ray.cluster.connection import connected, through_client
from tabvae_ray.cluster.nodes import Resources, autoscales, free_slots
from tabvae_ray.cluster.preflight import preflight
from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.errors import ConfigError, StorageError, TabVAEError
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import HEARTBEAT_SECONDS, SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.display.mlflow_log import MlflowLog
from tabvae_ray.search.display.progress_log import ProgressLog
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.search.driver.export import export
from tabvae_ray.search.driver.interrupts import Interrupts
from tabvae_ray.search.driver.ledger import Ledger
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.search.driver.resume import (
    check_unchanged,
    find_previous,
    make_scheduler,
    n_reports,
    restore_trials,
    storage_url,
)
from tabvae_ray.search.driver.tune_loop import run_loop
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.optimize.proposals import Proposals
from tabvae_ray.search.optimize.selection import select
from tabvae_ray.search.optimize.study import open_study
from tabvae_ray.search.remote import run_on_head
from tabvae_ray.search.trials.rescoring import candidates
from tabvae_ray.search.trials.trial import SearchTask
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["SearchRun", "run_search"]


def run_search(
    inputs: SearchInputs,
    *,
    resume: bool = False,
    address: str | None = None,
    resources: Resources | None = None,
    concurrency: int | None = None,
    study_storage: str | None = None,
    trackers: Collection[str] = (),
    progress: SearchProgress | None = None,
) -> SearchOutcome:
    """Run a search, or go on with one.

    Args:
        inputs: Space, table and directory, checked.
        resume: Go on with the search that lies in the directory.
        address: The Ray cluster, see :func:`connected`; through a client, the search runs on the
            cluster's head, see :func:`run_on_head`.
        resources: What a trial gets; one CPU if not given.
        concurrency: Trials at once; as many as the cluster has room for if not given.
        study_storage: URL of an Optuna storage that the study is kept in besides.
        trackers: Where trials are shown besides: ``mlflow``, ``tensorboard``.
        progress: Told of every trial.

    Raises:
        ConfigError: If an option breaks a rule, or what is resumed was another search.
        StorageError: If the directory cannot be written from here or from a node.
    """
    resources = resources or Resources()
    progress = progress or SearchProgress(inputs.space, quiet=True)
    if through_client(address):
        command = partial(
            run_search,
            inputs,
            resume=resume,
            resources=resources,
            concurrency=concurrency,
            study_storage=study_storage,
            trackers=trackers,
        )
        return run_on_head(command, inputs.directory, address, progress)
    device = _device(inputs.space, resources)
    before = find_previous(inputs.directory, resume=resume)
    url, shown_url = storage_url(study_storage, before)
    manifest = inputs.manifest(resources=vars(resources))
    manifest.study_storage = shown_url
    if before is not None:
        check_unchanged(before, manifest)
        kept = ("id", "runs", "seconds", "levels")
        manifest = manifest.model_copy(update={name: getattr(before, name) for name in kept})
    manifest.runs += 1
    task = SearchTask(
        space=inputs.space,
        table=inputs.table,
        spec=inputs.spec,
        comparison=inputs.comparison.for_scores(),
        rungs=inputs.rungs,
        directory=inputs.directory,
        threads=resources.threads,
        device=device,
    )
    with Interrupts(progress.say) as interrupts:
        search = SearchRun(inputs, manifest, task, resources, progress, interrupts, trackers)
        try:
            return _run(search, before, address, concurrency, url)
        except KeyboardInterrupt:
            return search.interrupted()


def _run(
    search: "SearchRun",
    before: SearchManifest | None,
    address: str | None,
    concurrency: int | None,
    url: str | None,
) -> SearchOutcome:
    directory = search.inputs.directory
    directory.check_writable()
    # Before anything else: a driver that dies from here on leaves a search that can be resumed.
    search.write("running")
    begun = False
    search.progress.say("starting Ray")
    try:
        with search.heartbeat(), connected(address) as started_here:
            preflight(directory, search.resources, started_here=started_here)
            parts = search.begin(concurrency, url)
            begun = True
            search.train(*parts)
            return search.conclude(parts[0])
    except TabVAEError:
        if not begun and before is None:
            # Nothing has begun: the name stays free.
            directory.remove_tree()
        elif not begun and before is not None:
            with suppress(StorageError):
                search.write("interrupted" if before.state == "running" else before.state)
        raise


class SearchRun:
    """One run of a search, on a Ray that is there."""

    def __init__(
        self,
        inputs: SearchInputs,
        manifest: SearchManifest,
        task: SearchTask,
        resources: Resources,
        progress: SearchProgress,
        interrupts: Interrupts,
        trackers: Collection[str] = (),
    ) -> None:
        self.inputs, self.manifest, self.task = inputs, manifest, task
        self.resources, self.progress, self.trackers = resources, progress, trackers
        self.interrupts = interrupts
        self.mlflow: MlflowLog | None = None
        self._writing = threading.Lock()
        self.records = RecordStore(inputs.directory, inputs.space.objectives)
        self._started = time.monotonic()
        self._seconds_before = manifest.seconds

    def begin(
        self, concurrency: int | None, study_storage: str | None
    ) -> tuple[Ledger, Proposals, TrialScheduler]:
        """All that Ray Tune's loop asks, brought to where the records are."""
        space = self.inputs.space
        scheduler = make_scheduler(self.inputs)
        finished, unfinished = restore_trials(self.records, scheduler, space)
        known = [*finished, *unfinished]
        study = open_study(space, self.manifest, self.inputs.directory, study_storage, known)
        free, grows = free_slots(self.resources), autoscales()
        # Where nodes come on demand, a sampler should still learn from most trials.
        wished = max(free, math.ceil(space.settings.n_trials / 4)) if grows else free
        slots = concurrency or wished
        statistics = RunStatistics(space, slots, finished)
        self.progress.follow(statistics)
        self.log = ProgressLog(self.inputs.directory, statistics, finished)
        listeners: list[Callable[[Ledger, TrialRecord], None]] = [
            statistics,
            self.progress,
            self.log,
        ]
        if "mlflow" in self.trackers:
            self.mlflow = MlflowLog(space.base.tracking.experiment_id, self.manifest, finished)
            listeners.append(self.mlflow)

        def tell(ledger: Ledger, record: TrialRecord) -> None:
            for listener in listeners:
                listener(ledger, record)

        ledger = Ledger(space, self.records, finished, n_reports=n_reports(known), on_change=tell)
        if known:
            needed = [*unfinished, *ledger.front(), *ledger.runners_up()]
            Checkpoints(self.records.directory).remove_all_but(
                {record.checkpoint for record in needed}
            )
        proposals = Proposals(
            space,
            study,
            space.settings.n_trials,
            # One more than there is room for waits for the next free process: Ray keeps the
            # processes of trials that end only for trials that wait. A node must not come for it.
            concurrency=slots + 1 if slots >= free and not grows else slots,
            resumed=unfinished,
            may_start=ledger.may_start,
            n_active=lambda: len(ledger.active),
            on_start=ledger.start,
        )
        ledger.proposals = proposals
        if not self.manifest.levels:
            self.manifest.levels = self.inputs.reference_levels().to_mapping()
        self.write("running")
        return ledger, proposals, scheduler

    def train(self, ledger: Ledger, proposals: Proposals, scheduler: TrialScheduler) -> None:
        """Train trials until there are enough, or something ends the search."""
        with self.interrupts.divert_to(ledger.interrupt):
            try:
                with self.progress:
                    loggers: list[tune.Callback] = []
                    if "tensorboard" in self.trackers:
                        loggers.append(TBXLoggerCallback())  # type: ignore[no-untyped-call]
                    run = self.manifest.runs
                    run_loop(self.task, ledger, scheduler, self.resources, run, loggers)
            except Exception as error:
                self._blame_storage(ledger, error)
                if ledger.storage_error is None:
                    raise
            finally:
                # However it ends, the study has no trial RUNNING and the records are a table.
                proposals.close()
                self._write_down(ledger)
                if self.mlflow is not None:
                    self.mlflow.close(ledger)
        if ledger.storage_error is not None:
            raise StorageError(
                f"{ledger.storage_error}; the search ends here, with nothing lost: go on with it "
                "by --resume once the storage is back"
            )

    def conclude(self, ledger: Ledger) -> SearchOutcome:
        """Choose among the front and export, if there is one."""
        outcome = self._outcome("interrupted", ledger.stop)
        if ledger.interrupted:
            return outcome
        if self.manifest.front:
            self.progress.say("scoring the best again on fresh samples")
            found = candidates(
                self.task, ledger.front(), self.resources, runners_up=ledger.runners_up()
            )
            chosen, reason = select(found, self.inputs.space)
            best = self.inputs.directory / "best"
            export(self.task, self.manifest, chosen, reason, found, best)
            if self.mlflow is not None:
                self.mlflow.choose(chosen.record.number, reason, best)
            state = "failed" if ledger.failed else "finished"
            outcome = replace(
                outcome, state=state, best=best, candidates=found, chosen=(chosen, reason)
            )
        else:
            outcome = replace(outcome, state="failed")
        self.interrupts.check()
        self.write(outcome.state)
        return replace(outcome, seconds=self.manifest.seconds)

    def interrupted(self) -> SearchOutcome:
        """Write down that the user has ended it, outside of training."""
        self.write("interrupted")
        return self._outcome("interrupted", "interrupted")

    def write(self, state: str) -> None:
        """Write ``search.json``."""
        with self._writing:
            self.manifest.state = state
            self._write_manifest()

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Let ``search.json`` say that the driver lives, for those on other machines."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                with self._writing, suppress(StorageError):
                    if self.manifest.state == "running" and not ended.is_set():
                        self._write_manifest()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _outcome(self, state: str, reason: str | None) -> SearchOutcome:
        return SearchOutcome(
            directory=self.inputs.directory,
            state=state,
            reason=reason,
            best=None,
            front=self.manifest.front,
            trials=self.manifest.trials,
            seconds=self.manifest.seconds,
            levels=ReferenceLevels.from_mapping(self.manifest.levels),
        )

    def _blame_storage(self, ledger: Ledger, error: Exception) -> None:
        """Ray's own errors, where it begins and ends a run in the storage, and what follows them.

        A storage that is full leaves files that Ray cannot read: the error is of any type.
        """
        if ledger.storage_error is not None:
            return
        if isinstance(error, OSError | ArrowException):
            ledger.storage_error = StorageError(str(error))
            return
        try:
            self.inputs.directory.check_writable()
        except StorageError as storage_error:
            ledger.storage_error = storage_error

    def _write_down(self, ledger: Ledger) -> None:
        self.manifest.trials = dict(Counter(record.state for record in ledger.finished))
        self.manifest.front = [record.number for record in ledger.front()]
        try:
            if ledger.storage_error is None:
                self.log.write()
                by_number = sorted(ledger.finished, key=lambda record: record.number)
                self.records.write_table(by_number, list(self.inputs.space.objectives))
            self.write("interrupted")
        except StorageError as error:
            ledger.storage_error = ledger.storage_error or error

    def _write_manifest(self) -> None:
        self.manifest.seconds = self._seconds_before + time.monotonic() - self._started
        self.manifest.write(self.inputs.directory)


def _device(space: SearchSpace, resources: Resources) -> str:
    """Where trials train: on a GPU if they are given one."""
    wanted = space.base.training.device
    if resources.gpus > 0:
        return "cuda"
    if wanted.startswith("cuda"):
        raise ConfigError(
            f"{space.source}: base.training.device is {wanted}, but trials get no GPU: "
            "give --gpus-per-trial"
        )
    return "cpu" if wanted == "auto" else wanted
