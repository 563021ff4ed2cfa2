"""The function that searches from Python."""

import time
from collections.abc import Collection
from typing import Literal

from tabvae_ray.callable_module.python_words import in_python_words
from tabvae_ray.search.api.arguments import check_arguments
from tabvae_ray.search.api.perform import draw_report, of_prepare, perform, prepare
from tabvae_ray.search.api.result import SearchResult
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.resume_or_start import is_resumed
from tabvae_ray.search.sources import SpaceSource, SpecSource
from tabvae_ray.table.reading.frames import Frame, Source

__all__ = ["search"]

TrackerName = Literal["mlflow", "tensorboard"]


def search(
    data: Source | Frame | None = None,
    *,
    space: SpaceSource | None = None,
    spec: SpecSource | None = None,
    target: str | None = None,
    out: Source = "runs",
    name: str | None = None,
    resume: bool = False,
    resume_or_start: bool = False,
    trials: int | None = None,
    time_budget: float | None = None,
    rows: int | None = None,
    seed: int | None = None,
    select: str | None = None,
    refit: bool | None = None,
    address: str | None = None,
    concurrency: int | None = None,
    cpus_per_trial: float = 1.0,
    gpus_per_trial: float = 0.0,
    study_storage: str | None = None,
    track: TrackerName | Collection[TrackerName] = (),
    report: bool = True,
    display: bool = True,
) -> SearchResult:
    """Search for the best model of a table, as ``tabvae search`` does.

    An interrupt (Ctrl-C, or the stop button of a notebook) raises ``KeyboardInterrupt`` after what
    is finished has been written down; the same call with ``resume=True`` continues. Ray is started
    on this machine and stopped at the end, unless this process is connected to Ray already.

    Example:
        >>> result = tabvae_ray.search(table, space="small", name="patients", time_budget=300)
        >>> rows = result.generate(1000, where={"Sex": "F"})

    Args:
        data: The table: a path or URI of a file, or of a directory or glob pattern of Parquet
            files; a DataFrame of pandas or polars, or an Arrow table. Rows from memory are kept as
            ``table.parquet`` in the directory of the search, so that it can be resumed and reported
            later. None is the table that the space names, or the heart table that comes with the
            package.
        space: The search space: the name of one that comes with the package, a path or URI, its
            content as a mapping, or a :class:`SearchSpace`. If it is left out, or ``auto``, one is
            chosen for the table and the time; with ``resume`` it is that of the search.
        spec: What the columns are: a path or URI, its content as a mapping, or a
            :class:`TableSpec`. What it does not say is inferred from the table.
        target: The column that you would predict from the others; by default the spec's. How useful
            the rows are for that is reported, and is an objective of the spaces ``auto``, ``small``
            and ``full``.
        out: The directory that holds the searches, a path or URI.
        name: The name of this search; by default that of the space, or ``search``.
        resume: Continue the search of that name, or return it if nothing is left to do.
        resume_or_start: Continue the search of that name if it has begun, or else start it.
        trials: Number of trials in all; by default that of the space.
        time_budget: Seconds for the whole call, with the start and the report. Training ends
            before, and the model is chosen among the complete trials, or else among all as far as
            they came; the rest can be resumed.
        rows: Most rows that trials see: of a larger table they share a sample. By default as the
            space says, which is 200,000 unless it says otherwise.
        seed: Seed of all random draws; by default that of the space.
        select: Rule that chooses the model of the front: ``ideal``, ``knee``, ``constraint``, an
            objective, or ``"weights 1,3"``.
        refit: Whether to train the chosen model again at the end on all rows, held-out ones too; by
            default as the space says. Its scores are those of the model before the refit, which is
            the result's ``searched``.
        address: A Ray cluster: ``auto``, ``host:port`` or ``ray://host:port``; by default
            ``RAY_ADDRESS``, or else this machine.
        concurrency: Trials at once; by default as many as the resources allow.
        cpus_per_trial: CPUs, and threads, of each trial.
        gpus_per_trial: GPUs of each trial; a fraction lets several trials share one.
        study_storage: URL of an Optuna storage for the study.
        track: Where trials are logged besides: ``mlflow``, ``tensorboard``.
        report: Whether to draw ``report.html`` at the end, which takes seconds.
        display: Whether to show the table and the progress, in a notebook or on stderr.

    Returns:
        The result. Its state is ``failed`` if too many trials failed or none is usable.

    Raises:
        ConfigError: If an argument or the space is wrong.
        ClusterUnavailableError: If the Ray cluster does not answer, or Ray does not start.
        DataError: If the table cannot be modelled.
        StorageError: If something cannot be read or written.
        KeyboardInterrupt: If the search is interrupted.
    """
    given = check_arguments(locals())
    began = time.time()
    resume = is_resumed(out, name, resume=given["resume"], or_start=resume_or_start)
    prepared = prepare(**of_prepare(given) | {"resume": resume})
    done = perform(
        prepared,
        resume=resume,
        address=address,
        concurrency=given["concurrency"],
        study_storage=study_storage,
        trackers=(track,) if isinstance(track, str) else track,
        progress=SearchProgress(prepared.inputs.space, quiet=not display, words=in_python_words),
        began=began,
    )
    outcome = done.outcome
    if outcome.state == "interrupted":
        done.progress.say("the same call with resume=True goes on from here")
        raise KeyboardInterrupt(f"the search in {outcome.directory} can be resumed")
    if report:
        draw_report(done)
    return SearchResult(outcome.directory, reason=outcome.reason)
