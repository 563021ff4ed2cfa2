"""Show the progress of a run that makes shards."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tabvae_ray.command_line.json_log import JsonLog
from tabvae_ray.generation.shards.manifest import ShardRecord
from tabvae_ray.generation.shards.plan import ShardPlan

__all__ = ["INTERVAL_SECONDS", "ShardProgress"]

# Seconds between two writes of the manifest, and between two lines of progress.
INTERVAL_SECONDS = 5.0


class ShardProgress:
    """Shows finished shards: a bar on a terminal, lines elsewhere, or events of a log.

    Args:
        console: Where to show them.
        plan: The division of the rows into shards.
        log: The log in place of the console.
    """

    def __init__(self, console: Console, plan: ShardPlan, log: JsonLog | None = None) -> None:
        self.console, self.plan, self._log = console, plan, log
        self._bar: Progress | None = None
        self._started = self._said = time.monotonic()
        self._n_shards = self._n_made = self._rows = self._rows_made = 0

    def __enter__(self) -> Self:
        if self._log is None and self.console.is_terminal:
            self._bar = Progress(
                TextColumn("shards"),
                BarColumn(bar_width=40),
                TextColumn("{task.fields[state]}"),
                TimeRemainingColumn(),
                console=self.console,
            )
            self._task = self._bar.add_task("rows", total=max(1, self.plan.rows), state="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, message: str) -> None:
        """Print a line that stays above the bar."""
        if self._log is not None:
            self._log.message(message)
            return
        self.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def finished(self, record: ShardRecord, is_new: bool) -> None:
        """Count a finished shard."""
        self._n_shards += 1
        self._rows += record.rows
        self._n_made += is_new
        self._rows_made += record.rows * is_new
        if self._bar is not None:
            self._bar.update(self._task, completed=self._rows, state=self._state())
        elif time.monotonic() - self._said >= INTERVAL_SECONDS or self._n_shards == len(self.plan):
            self._said = time.monotonic()
            self._tell()

    def _tell(self) -> None:
        if self._log is None:
            self.say(self._state())
            return
        self._log.event(
            "shards_made",
            shards=self._n_shards,
            shards_planned=len(self.plan),
            rows=self._rows,
            rows_planned=self.plan.rows,
            shards_of_earlier_runs=self._n_shards - self._n_made,
        )

    def _state(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-3)
        parts = [f"{self._n_shards}/{len(self.plan)} shards, {self._rows:,} rows"]
        if self._n_made < self._n_shards:
            parts.append(f"{self._n_shards - self._n_made} from an earlier run")
        parts.append(f"{self._rows_made / seconds:,.0f} rows/s")
        return ", ".join(parts)
