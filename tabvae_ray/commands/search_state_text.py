"""A search as it stands, as text for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from tabvae_ray.command_line.lines import duration
from tabvae_ray.command_line.terminal import Terminal
from tabvae_ray.commands.search_state import SearchState
from tabvae_ray.report.formatting import value_text
from tabvae_ray.results.refits import refit_text
from tabvae_ray.results.trial_record import TrialRecord

__all__ = ["print_state"]

_WORDS = {"COMPLETE": "complete", "PRUNED": "stopped early", "FAIL": "failed"}


def print_state(state: SearchState) -> None:
    """Print a search as it stands on stdout."""
    console = Terminal(markup=False, highlight=False)

    def say(text: str = "") -> None:
        console.print(text, soft_wrap=True)

    for line in _head(state):
        say(line)
    if state.running:
        say("\nrunning:" if state.is_live else "\nnot finished, continued by --resume:")
        for record in state.running:
            say(f"  {_progress(state, record)}")
    front = state.front
    if front:
        n = state.counts.get("COMPLETE", 0)
        say(f"\nthe front ({len(front)} of {n} complete trials), as the trials were scored:\n")
        console.print(_table(state, front))
    else:
        say("\nno trial is complete yet")
    # Without a complete trial, one may be chosen as far as it came.
    if state.manifest.chosen is not None:
        say(f"\nchosen: trial {state.chosen}, {state.manifest.chosen['reason']}")
        say(f"model:  {state.directory / 'best'}")
        refit = refit_text(state.manifest.chosen)
        if refit is not None:
            say(f"refit:  {refit}")


def _head(state: SearchState) -> Sequence[str]:
    manifest = state.manifest
    age = duration(max(0.0, state.now - manifest.updated))
    is_concluding = manifest.state == "running" and manifest.concluding
    line = f"search {manifest.name}: {'concluding' if is_concluding else manifest.state}"
    if state.is_silent:
        line += (
            f" when it last wrote, but that was {age} ago; its process may have died "
            "(go on with --resume)"
        )
    elif manifest.state == "running":
        line += f" on {manifest.driver.get('host', 'an unknown host')}, last heard of {age} ago"
    if is_concluding and not state.is_silent:
        line += "; its trials have ended, and it chooses, exports or refits a model"
    words = {**_WORDS, "RUNNING": "running" if state.is_live else "not finished"}
    counts = ", ".join(f"{n} {words[kind]}" for kind, n in state.counts.items())
    settings = state.space.settings
    # A search that is resumed may take longer in all.
    limit = (
        f" in all; time budget of a run: {duration(settings.time_budget)}"
        if settings.time_budget
        else ""
    )
    rows, columns = manifest.table["rows"], manifest.table["columns"]
    size = f" ({rows:,} rows, {columns:,} columns)" if rows and columns else ""
    return [
        line,
        f"table:  {manifest.data}{size}",
        f"space:  {manifest.space_file}; {', '.join(state.space.objectives)}",
        f"trials: {len(state.finished)} of {settings.n_trials} ended"
        + (f": {counts}" if counts else ""),
        f"time:   {duration(manifest.seconds)}{limit}",
    ]


def _progress(state: SearchState, record: TrialRecord) -> str:
    """Return how far a trial has come, and its scores there."""
    text = f"trial {record.number}: "
    if not record.rungs:
        first = state.manifest.rungs[0]
        text += f"before its first report, which comes after epoch {first}"
    else:
        values = record.rungs[-1].values
        scores = ", ".join(
            f"{name} {value:.4g}"
            for name in state.space.objectives
            if (value := values.get(name)) is not None
        )
        text += f"at least {record.epochs} of {state.space.budget} epochs; {scores}"
    if state.is_live and record.started is not None:
        text += f" (for {duration(max(0.0, state.now - record.started))})"
    return text


def _table(state: SearchState, front: Sequence[TrialRecord]) -> Table:
    names = list(dict.fromkeys([*state.space.objectives, *state.space.constraints]))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in ("trial", *names, "epochs", "time"):
        table.add_column(title, justify="right", overflow="fold")
    for record in front:
        values = record.rungs[-1].values
        mark = "* " if record.number == state.chosen else ""
        table.add_row(
            f"{mark}{record.number}",
            *(_cell(values.get(name)) for name in names),
            str(record.epochs),
            duration(record.seconds),
        )
    return table


def _cell(value: float | None) -> str:
    return "-" if value is None else value_text(value)
