"""Progress of a search for its user: a live display on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tabvae_ray.cli import plain_warnings
from tabvae_ray.command_line.lines import counted, duration, line_width, rough_duration, wrapped
from tabvae_ray.command_line.notebook import NotebookLive
from tabvae_ray.command_line.terminal import Terminal
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.statistics import RunningTrial, RunStatistics, Snapshot
from tabvae_ray.search.display.table_summary import choice_lines, table_summary
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["SearchProgress", "number"]

# Running trials that the live display shows before the first one is complete.
_MOST_RUNNING = 4


class SearchProgress:
    """Shows the progress of a search on stderr, or below the cell of a notebook.

    Args:
        space: The search space.
        quiet: Show nothing.
        console: Where to show it; stderr if None.
        words: Rewrites each message, such as for callers from Python, who know no options.

    Attributes:
        at_end: The statistics at the end of training; None before.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        quiet: bool = False,
        console: Console | None = None,
        words: Callable[[str], str] = str,
    ) -> None:
        self.space = space
        self._words = words
        self.console = console or Terminal(file=sys.stderr, quiet=quiet)
        self._started = time.monotonic()
        self._statistics: RunStatistics | None = None
        self.at_end: Snapshot | None = None
        self._live: Live | NotebookLive | None = None
        self._position = ""

    def __enter__(self) -> Self:
        if self.console.is_jupyter and not self.console.quiet:
            self._live = NotebookLive(self._render)
            self._live.start()
        elif self.console.is_terminal and not self.console.quiet:
            self._live = Live(get_renderable=self._render, console=self.console)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._statistics is not None:
            self.at_end = self._statistics.snapshot()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def elsewhere(self) -> Callable[..., "SearchProgress"]:
        """Return a function that makes such a display on another ``console``.

        It can be sent to another process.
        """
        return partial(SearchProgress, self.space, words=self._words)

    def taking_warnings(self) -> AbstractContextManager[None]:
        """Show Python's warnings while the context is open."""
        return plain_warnings()

    def describe(self, inputs: SearchInputs, *, resume: bool) -> None:
        """Show how the table is understood and which space was chosen, if the search is new."""
        if resume:
            return
        lines: list[str] = []
        for part in table_summary(inputs):
            if isinstance(part, str):
                lines.append(part)
            else:
                self.console.print(part)
        # At once, because a notebook shows each message as a part of its own.
        self.say("\n".join([*lines, *choice_lines(inputs)]))

    def follow(self, statistics: RunStatistics) -> None:
        """Show these statistics, which must be told of every trial before this display is."""
        self._statistics = statistics

    def say(self, message: str) -> None:
        """Print a line that stays, on a terminal wrapped at words."""
        text = wrapped(self._words(message), self.width)
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @property
    def width(self) -> int | None:
        """The characters of a line; None where lines should not be wrapped."""
        # Notebooks do not wrap what they show.
        is_shown = self.console.is_terminal or self.console.is_jupyter
        return self.console.width if is_shown else line_width(sys.stderr)

    def __call__(self, state: RunState, record: TrialRecord) -> None:
        """Print a line when a trial ends, unless there is a live display.

        Until the first one has ended, each report is a line.
        """
        if self._live is not None or self._statistics is None:
            return
        now = self._statistics.snapshot()
        if record.state != "RUNNING":
            self.say(self._line(now, record))
        elif not now.n_finished and record.rungs:
            loss = record.rungs[-1].losses.get("loss")
            position = _position(record.number, record.epochs, loss, self.space)
            # A trial whose time is over reports once more where it stands.
            if position != self._position:
                self._position = position
                self.say(position)

    def summary(self) -> str | None:
        """Return a line with the costs and the result of this run; None before its end."""
        now = self.at_end
        if now is None:
            return None
        budget = (now.epochs + now.saved) or 1
        parts = [
            f"{counted(now.epochs, 'epoch')} trained, {now.saved} saved ({now.saved / budget:.0%})"
        ]
        if now.overhead is not None:
            parts.append(f"overhead {now.overhead:.0%}")
        if now.suggestion_seconds is not None:
            parts.append(f"{now.suggestion_seconds:.2g} s per suggestion")
        if now.hypervolume is not None:
            parts.append(f"hypervolume {now.hypervolume:.4f}")
        return ", ".join(parts)

    def _line(self, now: Snapshot, record: TrialRecord) -> str:
        total = self.space.settings.n_trials
        scores = record.rungs[-1] if record.rungs else None
        known = scores.values if scores else {}
        values = "  ".join(
            f"{name}={number(known[name])}" for name in self.space.objectives if name in known
        )
        state = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed"}[record.state]
        text = f"[{now.n_finished:>{len(str(total))}}/{total}] trial {record.number:>3} {state:<8} "
        text += f"after {counted(record.epochs, 'epoch')}, {record.seconds:.1f} s  {values}"
        if record.state == "FAIL" or record.epochs == 0:
            text += f"  {record.reason}"
        best = f"best: {_best(now)}" if _best(now) else ""
        parts = [text.rstrip(), best, f"{_counts(now)}, {self._times(now)}"]
        return "  | ".join(filter(None, parts))

    def _times(self, now: Snapshot | None) -> str:
        elapsed = f"{duration(time.monotonic() - self._started)} elapsed"
        if now is None or not now.left or self.at_end is not None:
            return elapsed
        return f"{elapsed}, about {rough_duration(now.left)} left"

    def _running_line(self, trial: RunningTrial) -> str:
        if trial.epochs:
            return _position(trial.number, trial.epochs, trial.loss, self.space)
        return f"trial {trial.number}: training for {duration(trial.since)}, no report yet"

    def _render(self) -> RenderableType:
        """Draw the display; called several times a second, so that clocks move."""
        total = self.space.settings.n_trials
        now = None if self._statistics is None else self._statistics.snapshot()
        done = 0 if now is None else now.n_finished
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            "trials",
            ProgressBar(total=total, completed=min(done, total), width=24),
            f"{done}/{total}",
            self._times(now),
        )
        if now is None:
            return bar
        lines = [f"{_counts(now)} ({now.busy_slots} of {now.slots} slots busy)"]
        lines[0] += f", {counted(now.saved, 'epoch')} saved by stopping"
        costs = []
        if now.overhead is not None:
            costs.append(f"overhead {now.overhead:.0%}")
        if now.suggestion_seconds is not None:
            costs.append(f"{now.suggestion_seconds:.2g} s per suggestion")
        if now.hypervolume:
            costs.append(f"hypervolume {now.hypervolume:.4f}")
        lines += [", ".join(costs)] if costs else []
        if _best(now):
            lines.append(f"best so far: {_best(now)}")
        else:
            lines += [self._running_line(trial) for trial in now.running[:_MOST_RUNNING]]
        return Group(bar, *(Text(line, overflow="fold") for line in lines))


def number(value: object) -> str:
    """Return a value for people, with four digits if it is a float."""
    if value is None:
        return "not finite"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _position(trial: int, n_epochs: int, loss: float | None, space: SearchSpace) -> str:
    """Return how far a running trial is."""
    at = f"trial {trial}: epoch {n_epochs} of {space.budget}"
    return at if loss is None else f"{at}, loss {number(loss)}"


def _counts(now: Snapshot) -> str:
    parts = [f"{now.states['RUNNING']} running", f"{now.states['PRUNED']} stopped"]
    parts += [f"{now.states['FAIL']} failed"] if now.states["FAIL"] else []
    return ", ".join(parts)


def _best(now: Snapshot) -> str:
    known = {name: value for name, value in now.best.items() if value is not None}
    return ", ".join(f"{name} {number(value)}" for name, value in known.items())
