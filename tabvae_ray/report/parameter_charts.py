"""Sections about the searched parameters: their importances, and the objectives by each of them."""

from dataclasses import dataclass

from tabvae_ray.command_line.lines import counted
from tabvae_ray.comparison.scores.privacy import share_text
from tabvae_ray.report.charts import Axis, Bar, Figure, bars, plane
from tabvae_ray.report.contents import ReportContents
from tabvae_ray.report.formatting import value_text
from tabvae_ray.report.trials import level_lines, mark
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.parameters import CategoricalParameter, IntParameter, Parameter, Value

__all__ = ["ImportanceCharts", "Slices", "importance_charts", "slices"]

_MOST_SLICES = 6
# A chart of fewer trials shows their chance differences.
_LEAST_TRIALS = 8
_FEW_TRIALS = 30


@dataclass(frozen=True)
class ImportanceCharts:
    """Importances of the parameters.

    Args:
        figures: A chart per objective.
        n_trials: Number of trials that they are measured on.
        trained: How long these had trained, such as ``3 epochs``.
        few: Whether the trials are too few for more than a hint.
    """

    figures: tuple[Figure, ...]
    n_trials: int
    trained: str
    few: bool


@dataclass(frozen=True)
class Slices:
    """Objectives by the parameters that matter most.

    Args:
        figures: A chart per parameter and objective; none with too few trials.
        n_left_out: Number of the other parameters.
    """

    figures: tuple[Figure, ...]
    n_left_out: int


def importance_charts(contents: ReportContents) -> ImportanceCharts | None:
    """Draw the importances of the parameters; None with too few trials."""
    found = contents.importances
    if found is None:
        return None
    figures = []
    for objective, shares in found.shares.items():
        ordered = sorted(shares.items(), key=lambda item: -item[1])
        rows = [Bar(name, share, share_text(share, places=0)) for name, share in ordered]
        chart = bars(rows, alt=f"Importances for {objective}")
        figures.append(Figure(chart, f"For {objective}."))
    few = found.n_trials < _FEW_TRIALS
    return ImportanceCharts(tuple(figures), found.n_trials, counted(found.epoch, "epoch"), few)


def slices(contents: ReportContents) -> Slices:
    """Draw the objectives by the parameters that matter most."""
    if sum(_is_placed(contents, record) for record in contents.records) < _LEAST_TRIALS:
        return Slices((), 0)
    order = list(contents.space.parameters)
    if contents.importances is not None:
        known = contents.importances.shares.values()
        order.sort(key=lambda name: -sum(shares[name] for shares in known))
    figures = [
        Figure(chart, f"{objective} by {name}")
        for name in order[:_MOST_SLICES]
        for objective in contents.objectives
        if (chart := _slice(contents, name, objective))
    ]
    return Slices(tuple(figures), max(len(order) - _MOST_SLICES, 0))


def _slice(contents: ReportContents, name: str, objective: str) -> str:
    """Draw an objective by a parameter; nothing where no trial has both."""
    parameter, marks = contents.space.parameters[name], []
    for record in contents.records:
        found = contents.values(record, [objective])
        if name in record.parameters and record.state != "FAIL" and found is not None:
            place = _place(parameter, record.parameters[name]), found[0]
            marks.append(mark(contents, record, place, [objective], found))
    if not marks:
        return ""
    lines = level_lines(contents, objective)
    values = [mark.y for mark in marks if mark.kind != "pruned"] or [mark.y for mark in marks]
    y = Axis.around(objective, values + [line.y for line in lines if line.y is not None])
    return plane(_axis(name, parameter), y, marks, lines, alt=f"{objective} by {name}")


def _is_placed(contents: ReportContents, record: TrialRecord) -> bool:
    """Return True if a trial has a value for each objective."""
    known = record.state != "FAIL" and contents.values(record, list(contents.objectives))
    return bool(known)


def _axis(name: str, parameter: Parameter) -> Axis:
    if isinstance(parameter, CategoricalParameter):
        names = tuple(value_text(choice) for choice in parameter.choices)
        return Axis(name, -0.6, len(names) - 0.4, names=names)
    low, high = float(parameter.low), float(parameter.high)
    if low == high:
        return Axis.around(name, [low])
    if parameter.log:
        return Axis(name, low / 1.03, high * 1.03, log=True)
    margin = 0.03 * (high - low)
    return Axis(name, low - margin, high + margin, whole=isinstance(parameter, IntParameter))


def _place(parameter: Parameter, value: Value) -> float:
    """Return a value as a number on its axis, choices by their index."""
    if isinstance(parameter, CategoricalParameter):
        return float(parameter.choices.index(value)) if value in parameter.choices else 0.0
    return float(value)  # type: ignore[arg-type]
