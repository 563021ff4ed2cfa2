"""How a search ended, for people and for scripts."""

import shlex
from typing import Any

from rich.console import Console
from rich.table import Table

from tabvae_ray.search.gap import gap_verdict
from tabvae_ray.search.progress import clock, front_table
from tabvae_ray.search.replay import Replay
from tabvae_ray.search.run import SearchOutcome
from tabvae_ray.search.setup import Setup

__all__ = ["as_json", "replay_table", "show"]


def as_json(outcome: SearchOutcome) -> dict[str, Any]:
    """What ``--json`` prints."""
    document: dict[str, Any] = {
        "best": None if outcome.best is None else str(outcome.best),
        "front": outcome.front,
        "trials": outcome.trials,
        "seconds": round(outcome.seconds, 3),
        "state": outcome.state,
    }
    if outcome.chosen is not None:
        candidate, reason = outcome.chosen
        document |= {"chosen": candidate.record.number, "reason": reason, **candidate.means}
    return document


def show(outcome: SearchOutcome, setup: Setup, console: Console) -> None:
    """The front, the chosen trial, where things lie, and the next command to type."""

    def say(text: str = "") -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    counts = ", ".join(f"{n} {state.lower()}" for state, n in sorted(outcome.trials.items()))
    say(f"\n{counts or 'no trial finished'} in {clock(outcome.seconds)}")
    if outcome.reason:
        say(f"ended early: {outcome.reason}")
    resume = f"python -m tabvae_ray.search {_again(setup)} --resume"
    if outcome.state == "interrupted":
        say(f"go on with: {resume}")
        return
    if outcome.chosen is None or outcome.best is None:
        say("no trial reached the full budget with finite scores: there is nothing to export")
        say(f"trials and their errors: {outcome.directory / 'trials'}")
        more = "" if outcome.reason else f" --trials {2 * setup.space.settings.n_trials}"
        say(f"go on with: {resume}{more}")
        return
    chosen, reason = outcome.chosen
    rows = [(c.record, c.means, c.spreads) for c in outcome.candidates]
    say()
    console.print(front_table(rows, chosen.record.number, setup.space, outcome.levels))
    for verdict in outcome.levels.verdicts(chosen.means):
        say(f"warning: {verdict}")
    memorises = gap_verdict(chosen.record)
    if memorises is not None:
        say(f"warning: {memorises}")
    say(f"chosen: trial {chosen.record.number}, {reason}")
    say(f"model:  {outcome.best}")
    say(f"trials: {outcome.directory / 'trials.csv'}")
    model = shlex.quote(str(outcome.best))
    say("\nnext:")
    say(f"  python -m tabvae_ray.generate --model {model} --rows 1000 --out synthetic.csv")


def replay_table(done: Replay) -> Table:
    """The scores of a trial as they were, and as they are when it is trained again."""
    verdict = "the same, bit for bit" if done.same else "NOT the same"
    table = Table(
        title=f"trial {done.record.number} trained again: {verdict}", title_justify="left"
    )
    for name in ("epoch", "score", "then", "now"):
        table.add_column(name, justify="left" if name == "score" else "right")
    for now, then in zip(done.rungs, done.record.rungs, strict=False):
        for name, value in {**now.objectives, **now.losses}.items():
            before = {**then.objectives, **then.losses}.get(name)
            table.add_row(str(now.epoch), name, repr(before), repr(value))
    return table


def _again(setup: Setup) -> str:
    """The options that name a search."""
    return f"--out {shlex.quote(str(setup.directory.parent))} --name {shlex.quote(setup.name)}"
