"""Everything that follows the trials of a search while they run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.display.mlflow_log import MlflowLog
from tabvae_ray.search.display.progress_log import ProgressLog
from tabvae_ray.search.display.ray_metrics import RayMetrics
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.search.optimize.run_state import Listener
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location

__all__ = ["Followers", "followers_of"]


@dataclass(frozen=True)
class Followers:
    """The listeners of a search.

    Args:
        listeners: All of them, in the order in which they are told of a trial.
        log: The one that writes ``progress.jsonl``.
        mlflow: The one that logs to MLflow; None if that is not asked for.
        metrics: The one that tells Prometheus.
    """

    listeners: list[Listener]
    log: ProgressLog
    mlflow: MlflowLog | None
    metrics: RayMetrics


def followers_of(
    space: SearchSpace,
    manifest: SearchManifest,
    directory: Location,
    progress: SearchProgress,
    slots: int,
    finished: Sequence[TrialRecord],
    trackers: Collection[str],
) -> Followers:
    """Build what follows the trials; statistics come first, because others read them.

    Args:
        space: The search space.
        manifest: The search.
        directory: Its directory.
        progress: The display.
        slots: Trials at once.
        finished: Trials that had finished before this run.
        trackers: Where trials are also shown.
    """
    if finished:
        n, wanted = len(finished), space.settings.n_trials
        progress.say(
            f"going on after {n} of {wanted} trials"
            if n < wanted
            else f"{n} trials have ended, and {wanted} are wanted"
        )
    statistics = RunStatistics(space, slots, finished)
    progress.follow(statistics)
    log = ProgressLog(directory, statistics, finished)
    metrics = RayMetrics(manifest.name, statistics)
    listeners: list[Listener] = [statistics, progress, log, metrics]
    mlflow = None
    if "mlflow" in trackers:
        mlflow = MlflowLog(space.base.tracking.experiment_id, manifest, list(finished))
        listeners.append(mlflow)
    return Followers(listeners, log, mlflow, metrics)
