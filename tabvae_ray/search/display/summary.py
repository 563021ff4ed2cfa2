"""Summary of a finished search, for people and for scripts."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from rich.table import Table

from tabvae_ray.command_line.lines import command_text, duration
from tabvae_ray.results.latent_use import latent_verdict
from tabvae_ray.results.memorising import gap_verdict
from tabvae_ray.search.display.front_table import front_tables, legend_lines, parameter_lines
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.driver.outcome import SearchOutcome
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.search.replay import Replay

__all__ = ["as_json", "replay_table", "say_next", "show"]


def as_json(outcome: SearchOutcome) -> dict[str, Any]:
    """Return the document that ``--json`` prints."""
    document: dict[str, Any] = {
        "best": None if outcome.best is None else str(outcome.best),
        "front": outcome.front,
        "trials": outcome.trials,
        "seconds": round(outcome.seconds, 3),
        "state": outcome.state,
    }
    if outcome.chosen is not None:
        candidate, reason = outcome.chosen
        document |= {
            "refit": outcome.refit or None,
            "chosen": candidate.record.number,
            "reason": reason,
            **candidate.means,
        }
    return document


def show(outcome: SearchOutcome, inputs: SearchInputs, progress: SearchProgress) -> None:
    """Print the front, the chosen trial, and where the files are."""
    say = progress.say
    counts = ", ".join(f"{n} {state.lower()}" for state, n in sorted(outcome.trials.items()))
    say(f"\n{counts or 'no trial finished'} in {duration(outcome.seconds)}")
    summary = progress.summary()
    if summary is not None:
        say(summary)
    if outcome.reason:
        say(f"ended early: {outcome.reason}")
    if outcome.state == "interrupted":
        return
    if outcome.state == "failed":
        say(f"trials and their errors: {outcome.directory / 'trials'}")
    if outcome.chosen is None or outcome.best is None:
        say("no trial reached the full budget with finite scores: there is nothing to export")
        return
    chosen, reason = outcome.chosen
    space, levels, number = inputs.space, outcome.levels, chosen.record.number
    say("\nthe best, scored again on fresh samples (mean ± spread):\n")
    width = progress.console.width
    for table in front_tables(outcome.candidates, number, space, levels, width=width):
        progress.console.print(table)
        say("")
    for line in legend_lines(outcome.candidates, space, levels):
        say(line)
    say("\nparameters:")
    for line in parameter_lines(outcome.candidates, number):
        say(line)
    say("")
    for verdict in levels.verdicts(chosen.means):
        say(f"warning: {verdict}")
    memorises = gap_verdict(chosen.record, levels.fresh.get("membership"))
    if memorises is not None:
        say(f"warning: {memorises}")
    decoder = chosen.record.parameters.get("architecture.decoder", space.base.architecture.decoder)
    unused = latent_verdict(chosen.means, str(decoder))
    if unused is not None:
        say(f"note: {unused}")
    if outcome.membership:
        say(f"privacy: {outcome.membership}")
    say(f"chosen: trial {number}, {reason}")
    if outcome.refit:
        say(f"refit:  {outcome.refit}")
    say(f"model:  {outcome.best}")
    say(f"trials: {outcome.directory / 'trials.csv'}")


def say_next(outcome: SearchOutcome, inputs: SearchInputs, progress: SearchProgress) -> None:
    """Print the next command to type, as the last line."""
    if outcome.state == "finished" and outcome.best is not None:
        model = shlex.quote(str(outcome.best))
        command = f"generate --model {model} --rows 1000 --out synthetic.csv"
        title = "next:"
    else:
        command = f"search {_again(inputs)} --resume"
        if outcome.state == "failed" and not outcome.reason:
            command += f" --trials {2 * inputs.space.settings.n_trials}"
        title = "go on with:"
    if "***" in command:
        title = f"{title.removesuffix(':')}, with the credentials in place of ***:"
    progress.say(f"\n{title}")
    text = command_text(f"{_program()}{command}", progress.width)
    progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


def replay_table(done: Replay) -> Table:
    """Return a table of a trial's recorded scores and its new ones."""
    verdict = "the same, bit for bit" if done.same else "NOT the same"
    table = Table(
        title=f"trial {done.record.number} trained again: {verdict}", title_justify="left"
    )
    for name in ("epoch", "score", "then", "now"):
        table.add_column(name, justify="left" if name == "score" else "right", overflow="fold")
    for now, then in zip(done.rungs, done.record.rungs, strict=False):
        for name, value in now.values.items():
            before = then.values.get(name)
            table.add_row(str(now.epoch), name, repr(before), repr(value))
    return table


def _again(inputs: SearchInputs) -> str:
    """Return the options that name the search."""
    options = ["--out", str(inputs.directory.parent), "--name", inputs.name]
    if "***" in str(inputs.data):
        options += ["--data", str(inputs.data)]
    return shlex.join(options)


def _program() -> str:
    """Return what stands before the name of a command: ``tabvae `` if that was typed."""
    typed = Path(sys.argv[0])
    if typed.name == "tabvae":
        return f"{_typed('tabvae', typed)} "
    return f"{_typed('python', Path(sys.executable))} -m tabvae_ray."


def _typed(name: str, program: Path) -> str:
    """Return the name of a program, or its path if the name is that of another one."""
    found = shutil.which(name)
    if found is not None and Path(found).parent.resolve() == program.parent.resolve():
        return name
    below = os.path.relpath(program)
    return shlex.quote(str(program) if below.startswith(os.pardir) else below)
