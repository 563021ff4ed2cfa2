"""The task that all trials of a search share."""

from dataclasses import dataclass, field

import pandas as pd

from tabvae_ray.cluster.versions import versions_here
from tabvae_ray.comparison.plan import PreparedComparison
from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.spec import TableSpec

__all__ = ["SearchTask"]


@dataclass(frozen=True)
class SearchTask:
    """Everything that all trials of a search share, kept once in Ray's object store.

    :meth:`SearchInputs.task` builds it.

    Args:
        space: The search space.
        table: The real rows.
        spec: What their columns are.
        comparison: The scores to compute, prepared with the real rows.
        rungs: Epochs after which a trial reports, ascending; the last is the budget.
        directory: The search's directory. Checkpoints are named relative to it.
        threads: Threads of a trial.
        device: Where trials train.
        limit: The time budget; none if None.
        versions: Versions that must be the same wherever trials train.
    """

    space: SearchSpace
    table: pd.DataFrame
    spec: TableSpec
    comparison: PreparedComparison
    rungs: tuple[int, ...]
    directory: Location
    threads: int = 1
    device: str = "cpu"
    limit: TimeLimit | None = None
    versions: dict[str, str] = field(default_factory=versions_here)

    @property
    def seed(self) -> int:
        """The search's seed."""
        return self.space.settings.seed
