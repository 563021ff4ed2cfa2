"""Run one search, from its start or a resume to the export."""

import math
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial

from pyarrow import ArrowException
from ray import tune
from ray.tune.logger import TBXLoggerCallback

from tabvae_ray.cluster.connection import connected, through_client
from tabvae_ray.cluster.nodes import Resources, autoscales, free_slots
from tabvae_ray.cluster.preflight import preflight
from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.errors import StorageError
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import TABLE_FILE
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.display.mlflow_log import MlflowLog
from tabvae_ray.search.display.progress_log import ProgressLog
from tabvae_ray.search.display.ray_metrics import RayMetrics
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.search.driver.claim import claimed
from tabvae_ray.search.driver.export import export
from tabvae_ray.search.driver.finished import finished_outcome
from tabvae_ray.search.driver.interrupts import Interrupts
from tabvae_ray.search.driver.ledger import Ledger
from tabvae_ray.search.driver.manifest_writer import ManifestWriter
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.search.driver.resume import (
    SearchStart,
    begin_or_resume,
    check_name,
    make_scheduler,
    n_reports,
    restore_trials,
)
from tabvae_ray.search.driver.tune_loop import LoopParts, run_loop
from tabvae_ray.search.inputs import SPACE_FILE, SearchInputs
from tabvae_ray.search.optimize.proposals import Proposals
from tabvae_ray.search.optimize.run_state import Listener, RunState
from tabvae_ray.search.optimize.selection import select
from tabvae_ray.search.optimize.study import fail_running, open_study
from tabvae_ray.search.remote import run_on_head
from tabvae_ray.search.trials.rescoring import candidates
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.table.io import write_table

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
    """Run a search, or resume one.

    Args:
        inputs: Space, table and directory, checked.
        resume: Resume the search in the directory.
        address: The Ray cluster, see :func:`connected`; through a client, the search runs on the
            cluster's head, see :func:`run_on_head`.
        resources: The resources of a trial; one CPU if not given.
        concurrency: Trials at once; as many as the cluster's free resources allow if not given.
        study_storage: URL of an Optuna storage for the study, instead of ``study.log``.
        trackers: Where trials are also shown: ``mlflow``, ``tensorboard``.
        progress: Shows the search.

    Raises:
        ConfigError: If an option breaks a rule, or the search to resume was another one.
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
    task = inputs.task(resources)
    with claimed(inputs.directory, partial(check_name, inputs.directory, resume=resume)):
        start = begin_or_resume(inputs, resources, study_storage, resume=resume)
        with Interrupts(progress.say) as interrupts:
            search = SearchRun(inputs, start, task, resources, progress, interrupts, trackers)
            try:
                return _run(search, address, concurrency)
            except KeyboardInterrupt:
                return search.interrupted()


def _run(search: "SearchRun", address: str | None, concurrency: int | None) -> SearchOutcome:
    parts: LoopParts | None = None
    try:
        search.restore()
        outcome = search.finished_before()
        if outcome is not None:
            search.progress.say("the search is finished, and nothing is left to do")
            return outcome
        search.begin()
        search.progress.say("starting Ray")
        with search.writer.heartbeat(), connected(address) as started_here:
            preflight(search.inputs.directory, search.resources, started_here=started_here)
            parts = search.assemble(concurrency)
            search.train(parts)
            return search.conclude(parts)
    except Exception:
        if parts is None:
            search.undo_start()
        raise


class SearchRun:
    """One run of a search. Ray must be connected from :meth:`assemble` on.

    Args:
        inputs: Space, table and directory.
        start: The starting point of this run.
        task: What all trials share.
        resources: The resources of a trial.
        progress: Shows the search.
        interrupts: Takes SIGINT and SIGTERM.
        trackers: Where trials are also shown.
    """

    def __init__(
        self,
        inputs: SearchInputs,
        start: SearchStart,
        task: SearchTask,
        resources: Resources,
        progress: SearchProgress,
        interrupts: Interrupts,
        trackers: Collection[str] = (),
    ) -> None:
        self.inputs, self.start, self.task = inputs, start, task
        self.manifest = start.manifest
        self.resources, self.progress, self.trackers = resources, progress, trackers
        self.interrupts = interrupts
        self.writer = ManifestWriter(self.manifest, inputs.directory)
        self.records = RecordStore(inputs.directory, inputs.space.objectives)
        self.scheduler = make_scheduler(inputs)
        self.mlflow: MlflowLog | None = None
        self._finished: list[TrialRecord] = []
        self._unfinished: list[TrialRecord] = []
        self._begun = False

    def restore(self) -> None:
        """Restore trials and scheduler from the records."""
        space = self.inputs.space
        self._finished, self._unfinished = restore_trials(self.records, self.scheduler, space)

    def finished_before(self) -> SearchOutcome | None:
        """Return the outcome if earlier runs have done everything, otherwise None."""
        return finished_outcome(self.inputs, self.start, self._finished, self._unfinished)

    def begin(self) -> None:
        """Write the manifest, so that a driver that dies from here on can be resumed.

        A space that was chosen for the table is written beside it, to be edited and searched again.
        """
        self.inputs.directory.check_writable()
        self._begun = True
        self.writer.write("running")
        if self.inputs.keeps_table and not self.inputs.data.exists():
            write_table(self.inputs.table, self.inputs.data)
        if self.inputs.chosen is not None:
            (self.inputs.directory / SPACE_FILE).write_text(self.inputs.chosen.text)

    def assemble(self, concurrency: int | None) -> LoopParts:
        """Build study, proposals and ledger from the records."""
        space, directory = self.inputs.space, self.inputs.directory
        finished, unfinished = self._finished, self._unfinished
        known = [*finished, *unfinished]
        study = open_study(space, self.manifest, directory, self.start.study_url, known)
        free, grows = free_slots(self.resources), autoscales()
        # If nodes are added on demand, the sampler should still learn from most trials.
        wished = max(free, math.ceil(space.settings.n_trials / 4)) if grows else free
        slots = concurrency or wished
        state = RunState(
            self.records,
            unfinished,
            time_budget=space.settings.time_budget,
            listeners=self._listeners(slots, finished),
        )
        ledger = Ledger(space, state, study, finished, n_reports=n_reports(known))
        if known:
            needed = [*unfinished, *ledger.front(), *ledger.runners_up()]
            Checkpoints(directory).remove_all_but({record.checkpoint for record in needed})
        # One trial more than there are slots waits for the next free process, because Ray keeps
        # processes only for trials that wait. An autoscaler must not add a node for it.
        n_at_once = slots + 1 if slots >= free and not grows else slots
        proposals = Proposals(space, study, state, concurrency=n_at_once)
        if not self.manifest.levels:
            self.manifest.levels = self.inputs.reference_levels().to_mapping()
        self.writer.write("running")
        return LoopParts(state, proposals, self.scheduler, ledger)

    def train(self, parts: LoopParts) -> None:
        """Train trials until there are enough, or something ends the search."""
        state = parts.state
        with self.interrupts.divert_to(state.interrupt):
            try:
                with self.progress:
                    loggers: list[tune.Callback] = []
                    if "tensorboard" in self.trackers:
                        loggers.append(TBXLoggerCallback())  # type: ignore[no-untyped-call]
                    run_loop(self.task, parts, self.resources, self.manifest.runs, loggers)
            except Exception as error:
                self._blame_storage(state, error)
                if state.storage_error is None:
                    raise
            finally:
                # Whatever happened, the study has no trial RUNNING, and trials.csv is complete.
                fail_running(parts.ledger.study)
                self._record_results(parts.ledger)
                if self.mlflow is not None:
                    self.mlflow.close(state)
        if state.storage_error is not None:
            raise StorageError(
                f"{state.storage_error}; the search ends here, with nothing lost: go on with it "
                "by --resume once the storage is back"
            )

    def conclude(self, parts: LoopParts) -> SearchOutcome:
        """Choose a model of the front and export it, if there is one."""
        outcome, ledger = self._outcome("interrupted", parts.state.stop), parts.ledger
        if parts.state.interrupted:
            return outcome
        if self.manifest.front:
            self.progress.say("scoring the best again on fresh samples")
            found = candidates(
                self.task, ledger.front(), self.resources, runners_up=ledger.runners_up()
            )
            chosen, reason = select(found, self.inputs.space)
            best = self.inputs.directory / "best"
            attacks = export(self.task, self.manifest, chosen, reason, found, best)
            if self.mlflow is not None:
                self.mlflow.choose(chosen.record.number, reason, best)
            state = "failed" if parts.state.failed else "finished"
            outcome = replace(
                outcome,
                state=state,
                best=best,
                candidates=found,
                chosen=(chosen, reason),
                membership=attacks.verdict,
            )
        else:
            outcome = replace(outcome, state="failed")
        self.interrupts.check()
        self.writer.write(outcome.state)
        return replace(outcome, seconds=self.manifest.seconds)

    def interrupted(self) -> SearchOutcome:
        """Record that the user has ended the search outside of training."""
        if self._begun or self.start.previous_state in (None, "running"):
            self.writer.write("interrupted")
        return self._outcome("interrupted", "interrupted")

    def undo_start(self) -> None:
        """Leave the directory as it was, after an error before the first trial."""
        previous = self.start.previous_state
        with suppress(StorageError):
            if previous == "running":
                self.writer.write("interrupted")
            elif previous is not None and self._begun:
                self.writer.write(previous)
            elif self._begun:
                # The name stays free. Only what this start has written goes.
                written = ("search.json", "study.log", "progress.jsonl", SPACE_FILE, TABLE_FILE)
                for name in written:
                    (self.inputs.directory / name).remove()

    def _listeners(self, slots: int, finished: list[TrialRecord]) -> list[Listener]:
        """Build what follows the trials; statistics come first, because others read them."""
        space, directory = self.inputs.space, self.inputs.directory
        statistics = RunStatistics(space, slots, finished)
        self.progress.follow(statistics)
        self.log = ProgressLog(directory, statistics, finished)
        metrics = RayMetrics(self.manifest.name, statistics)
        listeners: list[Listener] = [statistics, self.progress, self.log, metrics]
        if "mlflow" in self.trackers:
            self.mlflow = MlflowLog(space.base.tracking.experiment_id, self.manifest, finished)
            listeners.append(self.mlflow)
        return listeners

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

    def _blame_storage(self, state: RunState, error: Exception) -> None:
        """Find out if the storage caused an error of Ray's, and end the search for it.

        Ray's own writes at the start and end of a run fail with other errors than ours. A full
        storage leaves files that Ray cannot read, and the error then has any type.
        """
        if isinstance(error, OSError | ArrowException):
            state.give_up(StorageError(str(error)))
        elif state.storage_error is None:
            with state.ending_if_storage_fails():
                self.inputs.directory.check_writable()

    def _record_results(self, ledger: Ledger) -> None:
        self.manifest.trials = dict(Counter(record.state for record in ledger.finished))
        self.manifest.front = [record.number for record in ledger.front()]
        with ledger.state.ending_if_storage_fails():
            if ledger.state.storage_error is None:
                self.log.write()
                by_number = sorted(ledger.finished, key=lambda record: record.number)
                self.records.write_table(by_number, list(self.inputs.space.objectives))
            self.writer.write("interrupted")
