"""The parts of the page about all trials: the front, time, how they ended, parameters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from tabvae_ray.comparison.reference_levels import Level
from tabvae_ray.report.charts import Axis, Bar, Line, LineKind, Mark, MarkKind, bars, plane
from tabvae_ray.report.contents import ReportContents, last_values
from tabvae_ray.report.markup import epochs, figure, value_text
from tabvae_ray.results.pareto import as_losses, front
from tabvae_ray.results.trial_record import TrialRecord

__all__ = ["all_trials", "fronts", "importances", "over_time", "slices", "states"]

_MOST_ROWS = 300
_MOST_SLICES = 6


def fronts(evidence: ReportContents) -> str:
    """Trials by their objectives."""
    names = list(evidence.objectives)
    if not evidence.complete:
        return "<p>No trial has reached the full budget.</p>"
    if len(names) == 1:
        return figure(_single(evidence, names[0]), "Every trial that reached the full budget.")
    charts = [_front(evidence, names[0], other) for other in names[1:]]
    legend = (
        '<p class="legend"><span><i class="complete"></i>full budget</span>'
        '<span><i class="front"></i>on the front</span><span><i class="chosen"></i>chosen</span>'
        '<span><i class="pruned"></i>stopped, at its last rung</span></p>'
    )
    return legend + "".join(charts)


def _front(evidence: ReportContents, first: str, second: str) -> str:
    levels, names = evidence.levels, [first, second]
    numbers = {record.number for record in evidence.front}
    placed = [(record, evidence.values(record, names)) for record in evidence.records]
    complete = [values for record, values in placed if values and record.state == "COMPLETE"]
    x, y = [values[0] for values in complete], [values[1] for values in complete]
    if not x:
        return ""
    lines: list[Line] = []
    for level, known in _levels(evidence):
        if first in known:
            x.append(known[first].mean)
            lines.append(Line(level, x=known[first].mean, name=level))
        if second in known:
            y.append(known[second].mean)
            lines.append(Line(level, y=known[second].mean, name=level))
    if second in levels.independent:
        lines.append(Line("independent", y=levels.independent[second].mean, name="independent"))
    axes = Axis.around(first, x), Axis.around(second, y)
    marks, outside = [], 0
    for record, values in placed:
        if values is None:
            continue
        kind: MarkKind = "pruned"
        if record.state == "COMPLETE":
            kind = "front" if record.number in numbers else "complete"
            kind = "chosen" if record.number == evidence.chosen else kind
        elif not all(0 <= a.place(v) <= 1 for a, v in zip(axes, values, strict=True)):
            outside += 1
        marks.append(Mark(values[0], values[1], _tip(evidence, record, names, values), kind))
    if len(evidence.objectives) == 2:
        points = [(v[0], v[1]) for record, v in placed if v and record.number in numbers]
        directions = [evidence.objectives[name] for name in names]
        points = sorted(points[i] for i in front(as_losses(points, directions)))
        lines.insert(0, Line("front", points=points, steps=True))
    note = f"{outside} stopped trials lie outside. " if outside else ""
    return figure(
        plane(*axes, marks, lines, alt=f"Trials by {first} and {second}"),
        f"{second} against {first}. {note}Candidates lie at the mean of their fresh "
        "samples, other trials where they reported. Hover or focus a point for its parameters.",
    )


def over_time(evidence: ReportContents) -> str:
    """The hypervolume while trials finished."""
    volumes = evidence.hypervolumes()
    if len(volumes) < 2:
        return "<p>Too few trials.</p>"
    points = [(float(count), volume) for count, volume in volumes]
    x = Axis("finished trials", 1.0, float(len(volumes)), whole=True)
    y = Axis("hypervolume", 0.0, 1.08 * max(volume for _, volume in points) or 1.0)
    chart = plane(x, y, [], [Line("volume", points=points, steps=True)], alt="Hypervolume by trial")
    return figure(
        chart,
        "The volume of objectives that the front dominates, measured from just beyond the worst "
        "trial. Where it no longer rises, more trials of this space bring little.",
    )


def states(evidence: ReportContents) -> str:
    """How many trials ended how."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in evidence.records:
        if record.state == "COMPLETE":
            counts["full budget", "complete"] += 1
        elif record.state == "FAIL":
            counts["failed", "fail"] += 1
        else:
            counts[f"stopped after {epochs(record.epochs)}", "pruned"] += 1
    if not counts:
        return "<p>No trial has finished.</p>"
    rows = [
        Bar(name, float(n), str(n), f"bar {kind}")
        for (name, kind), n in sorted(counts.items(), key=lambda item: (item[0][1], item[0][0]))
    ]
    errors = [r for r in evidence.records if r.state == "FAIL" and r.error]
    lists = "".join(
        f"<details><summary>Trial {record.number} failed</summary>"
        f"<pre>{escape(str(record.error)[-4000:])}</pre></details>"
        for record in errors[:10]
    )
    return figure(bars(rows, alt="Trials by how they ended"), "Trials by how they ended.") + lists


def importances(evidence: ReportContents) -> str:
    """Which parameters matter for which objective."""
    found = evidence.importances
    if found is None:
        return "<p>Too few trials to tell.</p>"
    charts = []
    for objective, shares in found.shares.items():
        ordered = sorted(shares.items(), key=lambda item: -item[1])
        rows = [Bar(name, share, f"{share:.0%}") for name, share in ordered]
        charts.append(figure(bars(rows, alt=f"Importances for {objective}"), f"For {objective}."))
    few = " Few trials: take it as a hint." if found.n_trials < 30 else ""
    return (
        f"<p>How much worse a model of the objective predicts when a parameter's values are "
        f"shuffled, on {found.n_trials} trials after {epochs(found.epoch)}.{few}</p>"
        f'<div class="grid2">{"".join(charts)}</div>'
    )


def slices(evidence: ReportContents) -> str:
    """Objectives against the parameters that matter most."""
    parameters = evidence.manifest.space["parameters"]
    order = list(parameters)
    if evidence.importances is not None:
        known = evidence.importances.shares.values()
        order.sort(key=lambda name: -sum(shares[name] for shares in known))
    charts = [
        figure(_slice(evidence, name, parameters[name], objective), f"{objective} by {name}")
        for name in order[:_MOST_SLICES]
        for objective in evidence.objectives
        if any(name in record.parameters for record in evidence.complete)
    ]
    if not charts:
        return "<p>No trial has reached the full budget.</p>"
    left = len(parameters) - _MOST_SLICES
    more = f"<p>The {left} other parameters matter less.</p>" if left > 0 else ""
    return f'<div class="grid2">{"".join(charts)}</div>{more}'


def all_trials(evidence: ReportContents) -> str:
    """A row per trial."""
    names = list(evidence.objectives)
    heads = ["trial", "state", *names, "epochs", "seconds", "parameters", "why it ended"]
    rows = []
    for record in evidence.records[:_MOST_ROWS]:
        values = last_values(record, names)
        scores = [f"{value:.4f}" for value in values] if values else [""] * len(names)
        cells = [str(record.number), record.state, *scores, str(record.epochs)]
        cells += [f"{record.seconds:.1f}", _parameters(record), record.reason or ""]
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in heads)
    left = len(evidence.records) - _MOST_ROWS
    more = f"<p>{left} more are in trials.csv.</p>" if left > 0 else ""
    return (
        f"<details><summary>{len(evidence.records)} trials, with the scores that each reported "
        "once</summary>"
        f'<div class="wide"><table class="dense"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{more}</details>"
    )


def _single(evidence: ReportContents, name: str) -> str:
    marks = []
    for record in evidence.complete:
        found = evidence.values(record, [name])
        if found is not None:
            kind: MarkKind = "chosen" if record.number == evidence.chosen else "complete"
            tip = _tip(evidence, record, [name], found)
            marks.append(Mark(record.number, found[0], tip, kind))
    values, lines = [mark.y for mark in marks], list[Line]()
    for level, known in _levels(evidence):
        if name in known:
            values.append(known[name].mean)
            lines.append(Line(level, y=known[name].mean, name=level))
    x = replace(Axis.around("trial", [mark.x for mark in marks]), whole=True)
    return plane(x, Axis.around(name, values), marks, lines, alt=f"{name} of every trial")


def _levels(evidence: ReportContents) -> list[tuple[LineKind, dict[str, Level]]]:
    """The levels that a chart makes room for."""
    return [("resample", evidence.levels.resample), ("fresh", evidence.levels.fresh)]


def _slice(
    evidence: ReportContents, name: str, parameter: Mapping[str, Any], objective: str
) -> str:
    records = [r for r in evidence.complete if name in r.parameters and objective in r.objectives]
    if not records:
        return ""
    if parameter["type"] == "categorical":
        choices = list(parameter["choices"])
        names = tuple(value_text(choice) for choice in choices)
        x = Axis(name, -0.6, len(choices) - 0.4, names=names)
    else:
        low, high = float(parameter["low"]), float(parameter["high"])
        room = 1.03 if parameter.get("log") else 0.03 * (high - low)
        if low == high:
            x = Axis.around(name, [low])
        elif parameter.get("log"):
            x = Axis(name, low / room, high * room, log=True)
        else:
            x = Axis(name, low - room, high + room, whole=parameter["type"] == "int")
    numbers = {record.number for record in evidence.front}
    marks = []
    for record in records:
        value = record.parameters[name]
        if parameter["type"] == "categorical":
            place = float(choices.index(value)) if value in choices else 0.0
        else:
            place = float(value)  # type: ignore[arg-type]
        kind: MarkKind = "front" if record.number in numbers else "complete"
        kind = "chosen" if record.number == evidence.chosen else kind
        found = evidence.values(record, [objective]) or [record.objectives[objective]]
        tip = _tip(evidence, record, [objective], found)
        marks.append(Mark(place, found[0], tip, kind))
    y = Axis.around(objective, [mark.y for mark in marks])
    return plane(x, y, marks, alt=f"{objective} by {name}")


def _tip(
    evidence: ReportContents, record: TrialRecord, names: Sequence[str], values: Sequence[float]
) -> str:
    lines = [f"trial {record.number}, {epochs(record.epochs)}"]
    lines += [f"{name} {value:.4f}" for name, value in zip(names, values, strict=True)]
    lines += ["on fresh samples"] if evidence.rescored(record.number) is not None else []
    lines += [f"{name} = {value_text(value)}" for name, value in record.parameters.items()]
    return "\n".join(lines)


def _parameters(record: TrialRecord) -> str:
    return ", ".join(
        f"{name.partition('.')[2] or name}={value_text(value)}"
        for name, value in record.parameters.items()
    )
