"""What the user sees while a search runs: a live display on a terminal, lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from tabvae_ray.comparison.levels import ReferenceLevels
from tabvae_ray.search.gap import nats_gap
from tabvae_ray.search.ledger import Ledger
from tabvae_ray.search.records import TrialRecord
from tabvae_ray.search.space import SearchSpace

__all__ = ["SearchProgress", "clock", "front_table"]


class SearchProgress:
    """Shows how a search goes, on stderr.

    Args:
        space: The search space.
        quiet: Show nothing.
        console: Where to show it; stderr if None.
    """

    def __init__(
        self, space: SearchSpace, *, quiet: bool = False, console: Console | None = None
    ) -> None:
        self.space = space
        self.console = console or Console(file=sys.stderr, quiet=quiet)
        self._bar = Progress(
            TextColumn("trials"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            console=self.console,
        )
        self._task = self._bar.add_task("trials", total=space.settings.n_trials, state="")
        self._started = time.monotonic()
        self._n_before: int | None = None
        self._best = ""
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.console.quiet:
            self._live = Live(get_renderable=self._render, console=self.console)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, message: str) -> None:
        """A line that stays."""
        self.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def __call__(self, ledger: Ledger, record: TrialRecord) -> None:
        """A trial started, reported or ended."""
        done = len(ledger.finished)
        if self._n_before is None:
            self._n_before = done - (record.state != "RUNNING")
        stopped = sum(other.state == "PRUNED" for other in ledger.finished)
        failed = sum(other.state == "FAIL" for other in ledger.finished)
        parts = [f"{len(ledger.active)} running", f"{stopped} stopped"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{clock(time.monotonic() - self._started)} elapsed", self._left(done, ledger)]
        self._bar.update(self._task, completed=done, state=", ".join(filter(None, parts)))
        self._best = self._best_so_far(ledger)
        if record.state != "RUNNING" and self._live is None:
            self.say(self._line(done, record))

    def _left(self, done: int, ledger: Ledger) -> str:
        finished = done - (self._n_before or 0)
        if not finished:
            return ""
        elapsed = time.monotonic() - self._started
        left = elapsed / finished * max(0, self.space.settings.n_trials - done)
        if self.space.settings.time_budget is not None:
            left = min(left, max(0.0, self.space.settings.time_budget - elapsed))
        return f"about {clock(left)} left"

    def _line(self, done: int, record: TrialRecord) -> str:
        total = self.space.settings.n_trials
        scores = record.rungs[-1] if record.rungs else None
        known = {**scores.losses, **scores.objectives} if scores else {}
        values = "  ".join(
            f"{name}={_number(known[name])}" for name in self.space.objectives if name in known
        )
        state = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed"}[record.state]
        text = f"[{done:>{len(str(total))}}/{total}] trial {record.number:>3} {state:<8} "
        text += f"after {record.epochs} epochs, {record.seconds:.1f} s  {values}"
        if record.state == "FAIL" or record.epochs == 0:
            text += f"  {record.reason}"
        return f"{text.rstrip()}  | best: {self._best}" if self._best else text.rstrip()

    def _best_so_far(self, ledger: Ledger) -> str:
        complete = ledger.complete
        if not complete:
            return ""
        parts = []
        for name, direction in self.space.objectives.items():
            best = (min if direction == "minimize" else max)(
                record.objectives[name] for record in complete
            )
            parts.append(f"{name} {_number(best)}")
        return ", ".join(parts)

    def _render(self) -> RenderableType:
        return Group(self._bar, f"best so far: {self._best or 'no trial is complete yet'}")


def front_table(
    rows: list[tuple[TrialRecord, dict[str, float], dict[str, float]]],
    chosen: int,
    space: SearchSpace,
    levels: ReferenceLevels,
) -> Table:
    """The candidates of the front as a table: scores with their spread, gap, and parameters.

    The gap is what held-out rows cost above training rows, in nats per row at beta = 1.

    Args:
        rows: Record, mean scores and spreads of every candidate.
        chosen: Number of the trial that was chosen.
        space: The search space.
        levels: What real rows score against themselves; rows of their own below the trials.
    """
    table = Table(title="Pareto front, scored again on fresh samples", title_justify="left")
    table.add_column("trial", justify="right")
    for name in space.objectives:
        table.add_column(name, justify="right", no_wrap=True)
    gaps = [nats_gap(record) for record, _, _ in rows]
    shows_gap = any(gap is not None for gap in gaps)
    if shows_gap:
        table.add_column("gap", justify="right", no_wrap=True)
    table.add_column("parameters")
    for (record, means, spreads), gap in zip(rows, gaps, strict=True):
        mark = "*" if record.number == chosen else " "
        cells = [f"{means[name]:.4f} ± {spreads[name]:.4f}" for name in space.objectives]
        if shows_gap:
            cells.append("-" if gap is None else f"{gap[0]:+.2f} nats")
        parameters = ", ".join(
            f"{name.rpartition('.')[2]}={_number(value)}"
            for name, value in sorted(record.parameters.items())
        )
        table.add_row(f"{mark} {record.number}", *cells, parameters)
    table.add_section()
    explained = {
        "resample": "real rows against a bootstrap of themselves: the noise floor",
        "fresh": "what another sample of the same population would score",
        "independent": "columns shuffled one by one: nothing learnt about associations",
    }
    for kind, meaning in explained.items():
        known = getattr(levels, kind)
        if any(name in known for name in space.objectives):
            cells = [
                f"{known[name].mean:.4f} ± {known[name].spread:.4f}" if name in known else "-"
                for name in space.objectives
            ]
            table.add_row(kind, *cells, *(["-"] if shows_gap else []), meaning)
    return table


def clock(seconds: float) -> str:
    """Seconds for people: ``42s``, ``3m05s``, ``2h07m``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _number(value: object) -> str:
    if value is None:
        return "not finite"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
