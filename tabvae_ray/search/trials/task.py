"""The task that all trials of a search share."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tabvae_ray.cluster.versions import versions_here
from tabvae_ray.comparison.plan import PreparedComparison
from tabvae_ray.search.optimize.time_limit import TimeLimit
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.packed import PackedTable
from tabvae_ray.table.spec import TableSpec

__all__ = ["SearchTask"]


@dataclass(frozen=True)
class SearchTask:
    """Everything that all trials of a search share, kept once in Ray's object store.

    :meth:`SearchInputs.task` builds it. Its pickle has codes in place of the DataFrame.

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

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "table": PackedTable.of(self.table)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A frozen dataclass has no other way.
        self.__dict__.update(state, table=state["table"].table())

    @property
    def seed(self) -> int:
        """The search's seed."""
        return self.space.settings.seed
