"""Run one search, from its start or a resume to the export."""

import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial

from ray import tune

from tabvae_ray.cluster.connection import connected, through_client
from tabvae_ray.cluster.nodes import Resources, trials_at_once
from tabvae_ray.cluster.preflight import preflight
from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.errors import StorageError
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.results.claims.claim import claimed
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.refits import refit_text
from tabvae_ray.results.search_manifest import TABLE_FILE
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.followers import followers_of
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.display.mlflow_log import MlflowLog
from tabvae_ray.search.display.tensorboard import TensorBoardLog
from tabvae_ray.search.driver.export import export
from tabvae_ray.search.driver.finished import finished_outcome
from tabvae_ray.search.driver.interrupts import Interrupts
from tabvae_ray.search.driver.ledger import Ledger
from tabvae_ray.search.driver.manifest_writer import ManifestWriter
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.search.driver.refit import refit_best
from tabvae_ray.search.driver.resume import (
    SearchStart,
    begin_or_resume,
    check_name,
    make_scheduler,
    n_reports,
    restore_trials,
)
from tabvae_ray.search.driver.tune_loop import LoopParts, alone_in_process, run_loop
from tabvae_ray.search.inputs import SPACE_FILE, SearchInputs
from tabvae_ray.search.optimize.proposals import Proposals
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.search.optimize.study import fail_running, open_study
from tabvae_ray.search.remote import run_on_head
from tabvae_ray.search.trials.choice import choose_model
from tabvae_ray.search.trials.epoch_plan import plan_epochs
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.time_planning import time_limit
from tabvae_ray.storage import check_writable
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
    began: float | None = None,
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
        began: When the command began, in seconds since 1970, from which a time budget counts; now
            if None.

    Raises:
        ConfigError: If an option breaks a rule, or the search to resume was another one.
        StorageError: If the directory cannot be written from here or from a node.
    """
    began = time.time() if began is None else began
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
            began=began,
        )
        return run_on_head(command, inputs.directory, address, progress)
    task = inputs.task(resources)
    with claimed(inputs.directory, partial(check_name, inputs.directory, resume=resume)):
        start = begin_or_resume(inputs, resources, study_storage, resume=resume)
        with Interrupts(progress.say) as interrupts:
            search = SearchRun(
                inputs, start, task, resources, progress, interrupts, trackers, began
            )
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
        with alone_in_process(), search.writer.heartbeat(), connected(address) as started_here:
            preflight(search.inputs.directory, search.resources, started_here=started_here)
            parts = search.assemble(concurrency, here=started_here)
            search.train(parts)
            return search.conclude(parts)
    except Exception:
        if parts is None:
            search.undo_start()
        elif search.manifest.state == "running":
            with suppress(StorageError):
                search.writer.write("interrupted")
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
        began: When the command began, in seconds since 1970.
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
        began: float = 0.0,
    ) -> None:
        self.inputs, self.start, self.task = inputs, start, task
        self.manifest = start.manifest
        self.resources, self.progress, self.trackers = resources, progress, trackers
        self.interrupts, self._began_at = interrupts, began
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
        check_writable(self.inputs.directory)
        self._begun = True
        self.writer.write("running")
        if self.inputs.kept is not None and not self.inputs.data.exists():
            write_table(self.inputs.kept, self.inputs.data)
        if self.inputs.chosen is not None:
            (self.inputs.directory / SPACE_FILE).write_text(self.inputs.chosen.text)

    def assemble(self, concurrency: int | None, *, here: bool = False) -> LoopParts:
        """Build study, proposals and ledger from the records.

        ``here`` is true if trials train on this machine.
        """
        finished, unfinished = self._finished, self._unfinished
        known = [*finished, *unfinished]
        n_trials = self.inputs.space.settings.n_trials
        self._slots, n_at_once = trials_at_once(self.resources, concurrency, n_trials, here=here)
        limit = time_limit(self.task, self._began_at, self._slots)
        self.task = replace(self.task, limit=limit)
        if not known and self.manifest.plan is None:
            self._plan(here=here)
        space, directory = self.inputs.space, self.inputs.directory
        study = open_study(space, self.manifest, directory, self.start.study_url, known)
        shown = self._slots, finished, self.trackers
        followers = followers_of(space, self.manifest, directory, self.progress, *shown)
        self.log, self.mlflow, self._metrics = followers.log, followers.mlflow, followers.metrics
        state = RunState(
            self.records,
            unfinished,
            limit=limit,
            has_model=any(record.rungs and record.checkpoint for record in known),
            spent=time.time() - self._began_at,
            listeners=followers.listeners,
        )
        ledger = Ledger(space, state, study, finished, n_reports=n_reports(known))
        if known:
            needed = {record.checkpoint for record in ledger.needed()}
            Checkpoints(directory).remove_all_but(needed)
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
                with self.progress, self._metrics.kept():
                    loggers: list[tune.Callback] = []
                    if "tensorboard" in self.trackers:
                        loggers.append(TensorBoardLog())
                    run_loop(self.task, parts, self.resources, self.manifest.runs, loggers)
            except Exception as error:
                state.blame_storage(error)
                if state.storage_error is None:
                    raise
            finally:
                # Whatever happened, the study has no trial RUNNING, and trials.csv is complete.
                fail_running(parts.ledger.study)
                self._record_results(parts.ledger)
                if self.mlflow is not None:
                    self.mlflow.close(state)
        if state.storage_error is not None:
            raise type(state.storage_error)(
                f"{state.storage_error}; the search ends here, with nothing lost: go on with it "
                "by --resume once the storage is back"
            )

    def conclude(self, parts: LoopParts) -> SearchOutcome:
        """Choose a model of the front and export it, if there is one."""
        outcome = self._outcome("interrupted", parts.ledger.ended_early())
        best_models = parts.ledger.best()
        if parts.state.interrupted:
            return outcome
        if best_models[0]:
            self.progress.say("scoring the best again on fresh samples")
            n = parts.state.n_scorings()
            choice = choose_model(self.task, best_models, self.resources, self._slots, n_scorings=n)
            chosen, reason, found = choice.chosen, choice.reason, choice.candidates
            best = self.inputs.directory / "best"
            attacks = export(self.task, self.manifest, chosen, reason, found, best)
            when, say = self._began_at, self.progress.say
            refit_best(self.task, self.manifest, chosen.record, self.resources, when, say)
            if self.mlflow is not None:
                self.mlflow.choose(chosen.record, reason, best)
            state = "failed" if parts.state.failed else "finished"
            outcome = replace(
                outcome,
                state=state,
                best=best,
                candidates=found,
                chosen=(chosen, reason),
                membership=attacks.in_words,
                refit=refit_text(self.manifest.chosen) or "",
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

    def _plan(self, *, here: bool) -> None:
        """Train fewer epochs if measured times show that too few trials fit in the time budget."""
        plan = plan_epochs(self.task, self._slots, self.resources, here=here)
        if plan is None:
            return
        self.inputs = self.inputs.replanned(plan.epochs)
        space, rungs = self.inputs.space, self.inputs.rungs
        self.task = replace(self.task, space=space, rungs=rungs)
        self.scheduler, self.progress.space = make_scheduler(self.inputs), space
        self.manifest.space, self.manifest.rungs = space.to_mapping(), list(rungs)
        self.manifest.plan = plan.to_mapping()
        self.progress.say(plan.text)

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

    def _record_results(self, ledger: Ledger) -> None:
        self.manifest.trials = dict(Counter(record.state for record in ledger.finished))
        self.manifest.front = [record.number for record in ledger.front()]
        with ledger.state.ending_if_storage_fails():
            if ledger.state.storage_error is None:
                self.log.write()
                by_number = sorted(ledger.finished, key=lambda record: record.number)
                self.records.write_table(by_number, list(self.inputs.space.objectives))
            ends = ledger.state.interrupted or ledger.state.storage_error is not None
            self.writer.write("interrupted" if ends else "running", concluding=not ends)
