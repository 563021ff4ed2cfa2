"""One search from start or resume to export."""

import logging
import math
import os
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend
from pyarrow import ArrowException
from ray import tune
from ray.tune.logger import TBXLoggerCallback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from tabvae_ray.comparison.levels import ReferenceLevels
from tabvae_ray.errors import ConfigError, StorageError, TabVAEError
from tabvae_ray.search.cluster import (
    Resources,
    autoscales,
    connected,
    free_slots,
    preflight,
    through_client,
)
from tabvae_ray.search.ledger import Ledger, LedgerStopper
from tabvae_ray.search.manifest import Manifest, check_unchanged
from tabvae_ray.search.mlflow_log import MlflowLog
from tabvae_ray.search.progress import SearchProgress
from tabvae_ray.search.progress_log import ProgressLog
from tabvae_ray.search.records import Records, TrialRecord
from tabvae_ray.search.scheduler import MultiObjectiveASHA
from tabvae_ray.search.searcher import Proposals, create_study
from tabvae_ray.search.selection import Candidate, as_scores, candidates, select
from tabvae_ray.search.setup import Setup
from tabvae_ray.search.space import SearchSpace
from tabvae_ray.search.trial import SearchTask, VAETrial, restore_trial
from tabvae_ray.storage import Location

__all__ = ["SearchOutcome", "SearchRun", "run_search"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchOutcome:
    """How a search ended.

    Args:
        directory: The search's directory.
        state: ``finished``, ``interrupted``, or ``failed`` if it has no usable trial.
        reason: Why it ended before all trials were done, or None.
        best: The export, if there is one.
        front: Numbers of the trials on the Pareto front.
        trials: Count of trials by state.
        seconds: Time spent, over all runs.
        candidates: The front's models, scored again.
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


def run_search(
    setup: Setup,
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
        setup: Space, table and directory, checked.
        resume: Go on with the search that lies in the directory.
        address: The Ray cluster, see :func:`connected`.
        resources: What a trial gets; one CPU if not given.
        concurrency: Trials at once; as many as the cluster has room for if not given.
        study_storage: URL of an Optuna storage that the study is kept in besides.
        trackers: Where trials are shown besides: ``mlflow``, ``tensorboard``.
        progress: Told of every trial.

    Raises:
        ConfigError: If an option breaks a rule, or what is resumed was another search.
        StorageError: If the directory cannot be written from here or from a node.
    """
    if through_client(address):
        raise ConfigError(
            "--address: Ray Tune's driver must be on the cluster, which ray:// is not: use ray job "
            "submit from here, or --address auto on one of its nodes"
        )
    resources = resources or Resources()
    progress = progress or SearchProgress(setup.space, quiet=True)
    device = _device(setup.space, resources)
    before = _earlier(setup, resume)
    manifest = setup.manifest(resources=vars(resources))
    if before is not None:
        check_unchanged(before, manifest)
        manifest = replace(
            manifest, id=before.id, runs=before.runs, seconds=before.seconds, levels=before.levels
        )
    manifest.runs += 1
    task = SearchTask(
        space=setup.space,
        table=setup.table,
        spec=setup.spec,
        comparison=setup.comparison,
        rungs=setup.rungs,
        directory=setup.directory,
        threads=resources.threads,
        device=device,
    )
    search = SearchRun(setup, manifest, task, resources, progress, trackers)
    with connected(address):
        try:
            setup.directory.check_writable()
            preflight(setup.directory, resources)
            ledger, proposals, scheduler = search.begin(concurrency, study_storage)
        except TabVAEError:
            if before is None:
                # Nothing has begun: the name stays free.
                setup.directory.remove_tree()
            raise
        search.train(ledger, proposals, scheduler)
        return search.conclude(ledger)


class SearchRun:
    """One run of a search, on a Ray that is there."""

    def __init__(
        self,
        setup: Setup,
        manifest: Manifest,
        task: SearchTask,
        resources: Resources,
        progress: SearchProgress,
        trackers: Collection[str] = (),
    ) -> None:
        self.setup, self.manifest, self.task = setup, manifest, task
        self.resources, self.progress, self.trackers = resources, progress, trackers
        self.mlflow: MlflowLog | None = None
        self.records = Records(setup.directory)
        self._started = time.monotonic()
        self._seconds_before = manifest.seconds

    def begin(
        self, concurrency: int | None, study_storage: str | None
    ) -> tuple[Ledger, Proposals, TrialScheduler]:
        """All that Ray Tune's loop asks, brought to where the records are."""
        space = self.setup.space
        scheduler = _scheduler(self.setup)
        finished, unfinished = _take_stock(self.records, scheduler, space)
        known = [*finished, *unfinished]
        study = _study(self.setup, self.manifest, study_storage, known)
        free, grows = free_slots(self.resources), autoscales()
        # Where nodes come on demand, a sampler should still learn from most trials.
        wished = max(free, math.ceil(space.settings.n_trials / 4)) if grows else free
        slots = concurrency or wished
        if grows:
            # Ray asks for room for one trial at a time otherwise, and nodes come one by one.
            os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots)
        self.log = ProgressLog(self.setup.directory, space, slots)
        listeners: list[Callable[[Ledger, TrialRecord], None]] = [self.progress, self.log]
        if "mlflow" in self.trackers:
            self.mlflow = MlflowLog(space.base.tracking.experiment_id, self.manifest, finished)
            listeners.append(self.mlflow)

        def tell(ledger: Ledger, record: TrialRecord) -> None:
            for listener in listeners:
                listener(ledger, record)

        ledger = Ledger(space, self.records, finished, n_reports=_n_reports(known), on_change=tell)
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
            self.manifest.levels = self.setup.reference_levels().to_mapping()
        self._write("running")
        return ledger, proposals, scheduler

    def train(self, ledger: Ledger, proposals: Proposals, scheduler: TrialScheduler) -> None:
        """Train trials until there are enough, or something ends the search."""
        try:
            with _interruptible(ledger, self.progress), self.progress:
                loggers: list[tune.Callback] = []
                if "tensorboard" in self.trackers:
                    loggers.append(TBXLoggerCallback())  # type: ignore[no-untyped-call]
                _tune(self.task, ledger, scheduler, self.resources, self.manifest.runs, loggers)
        except (OSError, ArrowException) as error:
            # Ray's own, where it begins and ends a run in the storage.
            ledger.storage_error = ledger.storage_error or StorageError(str(error))
        finally:
            # However it ends, the study has no trial RUNNING and the records are a table.
            proposals.close()
            if ledger.storage_error is None:
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
        outcome = SearchOutcome(
            directory=self.setup.directory,
            state="interrupted",
            reason=ledger.stop,
            best=None,
            front=self.manifest.front,
            trials=self.manifest.trials,
            seconds=self.manifest.seconds,
            levels=ReferenceLevels.from_mapping(self.manifest.levels),
        )
        if ledger.interrupted:
            return outcome
        if self.manifest.front:
            found = candidates(self.task, ledger.front(), self.resources)
            chosen, reason = select(found, self.setup.space)
            best = self.setup.directory / "best"
            _export(self.task, self.manifest, chosen, reason, found, best)
            if self.mlflow is not None:
                self.mlflow.choose(chosen.record.number, reason, best)
            outcome = replace(
                outcome, state="finished", best=best, candidates=found, chosen=(chosen, reason)
            )
        else:
            outcome = replace(outcome, state="failed")
        self._write(outcome.state)
        return replace(outcome, seconds=self.manifest.seconds)

    def _write_down(self, ledger: Ledger) -> None:
        self.log.write()
        self.records.write_table(_by_number(ledger.finished), list(self.setup.space.objectives))
        self.manifest.trials = dict(Counter(record.state for record in ledger.finished))
        self.manifest.front = [record.number for record in ledger.front()]
        self._write("interrupted")

    def _write(self, state: str) -> None:
        self.manifest.state = state
        self.manifest.seconds = self._seconds_before + time.monotonic() - self._started
        self.manifest.write(self.setup.directory)


def _tune(
    task: SearchTask,
    ledger: Ledger,
    scheduler: TrialScheduler,
    resources: Resources,
    run: int,
    loggers: Sequence[tune.Callback],
) -> None:
    """Ray Tune's loop, with all that it prints and snapshots for itself switched off."""
    os.environ |= {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        # Ray's own state is not what a search is resumed from.
        "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
        "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    home = task.directory / "tune"
    trainable = tune.with_resources(
        tune.with_parameters(VAETrial, task=task), {"cpu": resources.cpus, "gpu": resources.gpus}
    )
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=ledger.proposals,
            scheduler=scheduler,
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=_name_of,
            trial_dirname_creator=_name_of,
        ),
        run_config=tune.RunConfig(
            # A run of its own: numbers of checkpoints begin anew.
            name=f"run_{run:03d}",
            storage_path=home.path,
            storage_filesystem=home.filesystem,
            callbacks=[ledger, *loggers],
            stop=LedgerStopper(ledger),
            # The ledger sees to those that fail.
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, num_to_keep=1),
            verbose=0,
        ),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuner.fit()


def _name_of(trial: Any) -> str:
    number, attempt = trial.config["number"], trial.config["attempt"]
    return f"{number:06d}" if attempt == 1 else f"{number:06d}-{attempt}"


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


def _earlier(setup: Setup, resume: bool) -> Manifest | None:
    """The manifest of the search that is resumed."""
    there = (setup.directory / "search.json").exists()
    if resume and not there:
        raise ConfigError(f"--resume: there is no search in {setup.directory}")
    if not there:
        if setup.directory.children():
            raise ConfigError(
                f"{setup.directory} is not empty, and holds no search: give another --name or --out"
            )
        return None
    if not resume:
        raise ConfigError(
            f"{setup.directory} holds a search already: go on with it by --resume, or give "
            "another --name"
        )
    before = Manifest.read(setup.directory)
    if before.is_running_here():
        raise ConfigError(
            f"--resume: {setup.directory} is at work in process {before.driver['pid']}: stop that "
            "one first"
        )
    return before


def _scheduler(setup: Setup) -> TrialScheduler:
    settings = setup.space.settings
    if settings.scheduler == "none":
        return FIFOScheduler()  # type: ignore[no-untyped-call]
    return MultiObjectiveASHA(
        setup.space.objectives,
        max_t=setup.rungs[-1],
        grace_period=setup.rungs[0],
        eta=settings.eta,
        time_attr="epoch",
        trial_attr="number",
    )


def _take_stock(
    records: Records, scheduler: TrialScheduler, space: SearchSpace
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """Finished and unfinished trials, with the scheduler brought to where it was."""
    finished, unfinished = records.finished(), records.running()
    reports = [(rung, record) for record in [*finished, *unfinished] for rung in record.rungs]
    stopped = set()
    if isinstance(scheduler, MultiObjectiveASHA):
        for rung, record in sorted(reports, key=lambda report: report[0].order):
            known = {**rung.losses, **rung.objectives}
            values = [known.get(name) for name in space.objectives]
            goes_on = scheduler.report(
                str(record.number),
                rung.epoch,
                [float("nan") if value is None else value for value in values],
            )
            if not goes_on and rung.epoch < space.budget:
                stopped.add(record.number)
    still_running = []
    for record in unfinished:
        if record.number in stopped:
            # Its driver died between the scheduler's decision and the record of it.
            record.state, record.reason = "PRUNED", f"stopped at the rung of {record.epochs} epochs"
            records.finish(record)
            finished.append(record)
        else:
            still_running.append(record)
    return finished, still_running


def _n_reports(known: Sequence[TrialRecord]) -> int:
    return max((rung.order for record in known for rung in record.rungs), default=0)


def _study(
    setup: Setup, manifest: Manifest, url: str | None, known: Sequence[TrialRecord]
) -> optuna.Study:
    """The study, rebuilt from the records in a journal beside them, or where the user wants it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage: optuna.storages.BaseStorage | str | None = url
    if url is None:
        journal = (setup.directory / "study.log").on_this_machine()
        if journal is not None:
            journal.unlink(missing_ok=True)
            backend = JournalFileBackend(str(journal))
            storage = optuna.storages.JournalStorage(backend)
    else:
        try:
            _drop_own_study(url, manifest)
        except Exception as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"--study-storage: cannot be opened: {error}") from error
    study = create_study(setup.space, manifest.name, storage, known)
    study.set_user_attr("search", manifest.id)
    return study


def _drop_own_study(url: str, manifest: Manifest) -> None:
    """Make way for the study that is rebuilt, if the one there is this search's."""
    for summary in optuna.get_all_study_summaries(url):
        if summary.study_name == manifest.name and summary.user_attrs.get("search") == manifest.id:
            optuna.delete_study(study_name=manifest.name, storage=url)


@contextmanager
def _interruptible(ledger: Ledger, progress: SearchProgress) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the search in order, the second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    signalled = threading.Event()

    def stop(number: int, frame: object) -> None:
        if ledger.interrupted:
            raise KeyboardInterrupt
        ledger.interrupted = True
        ledger.stop = "interrupted"
        signalled.set()

    def say() -> None:
        signalled.wait()
        if ledger.interrupted:
            progress.say("interrupted: writing down what is there; once more to stop at once")

    # Not in the handler: what it interrupts may be the display at work, which is not re-entrant.
    speaker = threading.Thread(target=say, daemon=True)
    speaker.start()
    handlers: Mapping[int, Any] = {
        number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signalled.set()
        speaker.join()


def _export(
    task: SearchTask,
    manifest: Manifest,
    chosen: Candidate,
    reason: str,
    found: Sequence[Candidate],
    best: Location,
) -> None:
    """Write ``best/``, and into the manifest why it is that trial."""
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


def _by_number(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    key: Callable[[TrialRecord], int] = lambda record: record.number  # noqa: E731
    return sorted(records, key=key)
