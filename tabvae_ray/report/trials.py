"""Sections about all trials: the front, the hypervolume, how trials ended, and a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from tabvae_ray.command_line.lines import counted, duration
from tabvae_ray.comparison.reference_levels import Level
from tabvae_ray.report.cards import ended_by
from tabvae_ray.report.charts import Axis, Bar, Figure, Line, LineKind, Mark, MarkKind, bars, plane
from tabvae_ray.report.contents import ReportContents, last_values
from tabvae_ray.report.formatting import value_text
from tabvae_ray.results.pareto import as_losses, front
from tabvae_ray.results.trial_record import TrialRecord

__all__ = [
    "Failure",
    "Fronts",
    "TrialTable",
    "all_trials",
    "course",
    "failures",
    "fronts",
    "level_lines",
    "mark",
    "over_time",
    "states",
]

_MOST_ROWS = 300
_MOST_FRONTS = 6
_MOST_FAILURES, _MOST_LETTERS = 10, 4000


@dataclass(frozen=True)
class Fronts:
    """Charts of the trials by their objectives.

    Args:
        figures: The charts; none if no trial is complete.
        has_legend: Whether marks of different kinds need a legend.
    """

    figures: tuple[Figure, ...]
    has_legend: bool


@dataclass(frozen=True)
class Failure:
    """A failed trial.

    Args:
        number: Number of the trial.
        error: The end of its traceback.
    """

    number: int
    error: str


@dataclass(frozen=True)
class TrialTable:
    """The table of all trials.

    Args:
        heads: Names of the columns.
        rows: Cells of each row, in the order of ``heads``.
        n_trials: Number of trials.
        n_left_out: Trials without a row.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_trials: int
    n_left_out: int


def fronts(contents: ReportContents) -> Fronts:
    """Draw the trials by their objectives, two at a time."""
    names = list(contents.objectives)
    if not contents.complete:
        return Fronts((), has_legend=False)
    if len(names) == 1:
        chart = _single(contents, names[0])
        return Fronts(
            (Figure(chart, "Every trial that reached the full budget."),), has_legend=False
        )
    charts = [_front(contents, *pair) for pair in list(combinations(names, 2))[:_MOST_FRONTS]]
    return Fronts(tuple(filter(None, charts)), has_legend=True)


def over_time(contents: ReportContents) -> Figure | None:
    """Draw the hypervolume by the number of finished trials; None where there is no line."""
    volumes = contents.hypervolumes()
    if len(volumes) < 2:
        return None
    points = [(float(count), volume) for count, volume in volumes]
    x = Axis("finished trials", 1.0, float(len(volumes)), whole=True)
    y = Axis("hypervolume", 0.0, 1.08 * max(volume for _, volume in points) or 1.0)
    line = Line("volume", points=points, steps=True)
    return Figure(
        plane(x, y, [], [line], alt="Hypervolume by trial"),
        "The hypervolume that the front dominates, measured from the worst value that each score "
        "can have: the same number as in the terminal. When it stops rising, more trials in this "
        "space bring little.",
    )


def states(contents: ReportContents) -> Figure | None:
    """Draw how many trials ended how; None without trials."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in contents.records:
        if record.state == "COMPLETE":
            counts["full budget", "complete"] += 1
        elif record.state == "FAIL":
            counts["failed", "fail"] += 1
        else:
            counts[f"stopped after {counted(record.epochs, 'epoch')}", "pruned"] += 1
    if not counts:
        return None
    rows = [
        Bar(name, float(n), str(n), f"bar {kind}")
        for (name, kind), n in sorted(counts.items(), key=lambda item: (item[0][1], item[0][0]))
    ]
    return Figure(bars(rows, alt="Trials by how they ended"), "Number of trials by how they ended.")


def course(contents: ReportContents) -> dict[str, str]:
    """Return facts about the search, by name."""
    manifest, counts = contents.manifest, Counter(r.state for r in contents.records)
    end, plan, done = ended_by(contents), manifest.plan, len(contents.records)
    shorter = "" if plan is None else f" in place of {plan['wanted']}"
    return {
        "state": f"{manifest.state}, {end}" if end else manifest.state,
        "trials": f"{done} of {max(done, contents.space.settings.n_trials)}",
        "epochs of a full budget": f"{contents.space.budget}{shorter}",
        "reached the full budget": str(counts["COMPLETE"]),
        "stopped early": str(counts["PRUNED"]),
        "failed": str(counts["FAIL"]),
        "time": duration(manifest.seconds),
        "sampler": manifest.sampler.removesuffix(": as set in the space"),
    }


def failures(contents: ReportContents) -> list[Failure]:
    """Return the first failed trials with the ends of their tracebacks."""
    failed = [r for r in contents.records if r.state == "FAIL" and r.error]
    return [Failure(r.number, str(r.error)[-_MOST_LETTERS:]) for r in failed[:_MOST_FAILURES]]


def all_trials(contents: ReportContents) -> TrialTable:
    """Return the table of all trials."""
    names = list(contents.objectives)
    heads = ("trial", "state", *names, "epochs", "seconds", "parameters", "why it ended")
    rows = []
    for record in contents.records[:_MOST_ROWS]:
        values = last_values(record, names)
        scores = [f"{value:.4f}" for value in values] if values else [""] * len(names)
        cells = [str(record.number), record.state, *scores, str(record.epochs)]
        cells += [f"{record.seconds:.1f}", _parameters(record), record.reason or ""]
        rows.append(tuple(cells))
    n_trials = len(contents.records)
    return TrialTable(heads, tuple(rows), n_trials, max(n_trials - _MOST_ROWS, 0))


def mark(
    contents: ReportContents,
    record: TrialRecord,
    place: tuple[float, float],
    names: Sequence[str],
    values: Sequence[float],
) -> Mark:
    """Return the mark of a trial.

    Args:
        contents: The contents of the page.
        record: The trial.
        place: Where the mark lies on the two axes.
        names: Scores that its tip shows.
        values: Their values.
    """
    kind: MarkKind = "pruned"
    if record.state == "COMPLETE":
        is_on_front = len(contents.objectives) > 1 and record in contents.front
        kind = "front" if is_on_front else "complete"
        kind = "chosen" if record.number == contents.chosen else kind
    lines = [f"trial {record.number}, {counted(record.epochs, 'epoch')}"]
    lines += [f"{name} {value:.4f}" for name, value in zip(names, values, strict=True)]
    lines += ["on fresh samples"] if contents.rescored(record.number) is not None else []
    lines += [f"{name} = {value_text(value)}" for name, value in record.parameters.items()]
    return Mark(*place, "\n".join(lines), kind)


def level_lines(contents: ReportContents, name: str) -> list[Line]:
    """Return a line across a chart for each level of a score that must lie inside."""
    return [
        Line(kind, y=levels[name].mean, name=kind)
        for kind, levels in _levels(contents)
        if name in levels
    ]


def _front(contents: ReportContents, first: str, second: str) -> Figure | None:
    names = [first, second]
    placed = [(record, contents.values(record, names)) for record in contents.records]
    known = [(record, (values[0], values[1])) for record, values in placed if values]
    complete = [values for record, values in known if record.state == "COMPLETE"]
    if not complete:
        return None
    x, y = [values[0] for values in complete], [values[1] for values in complete]
    lines: list[Line] = []
    for kind, levels in _levels(contents):
        if first in levels:
            x.append(levels[first].mean)
            lines.append(Line(kind, x=levels[first].mean, name=kind))
        if second in levels:
            y.append(levels[second].mean)
            lines.append(Line(kind, y=levels[second].mean, name=kind))
    if second in contents.levels.independent:
        level = contents.levels.independent[second].mean
        lines.append(Line("independent", y=level, name="independent"))
    axes = Axis.around(first, x), Axis.around(second, y)
    n_outside = sum(
        record.state != "COMPLETE"
        and not all(0 <= a.place(v) <= 1 for a, v in zip(axes, values, strict=True))
        for record, values in known
    )
    if len(contents.objectives) == 2:
        numbers = {record.number for record in contents.front}
        points = [values for record, values in known if record.number in numbers]
        losses = as_losses(points, [contents.objectives[name] for name in names])
        points = sorted(points[i] for i in front(losses))
        lines.insert(0, Line("front", points=points, steps=True))
    marks = [mark(contents, record, values, names, values) for record, values in known]
    note = f"{n_outside} stopped trials lie outside the chart. " if n_outside else ""
    return Figure(
        plane(*axes, marks, lines, alt=f"Trials by {first} and {second}"),
        f"{second} against {first}. {note}Candidates lie at the mean of their fresh "
        "samples, other trials at their last report. Hover or focus a point for its parameters.",
    )


def _single(contents: ReportContents, name: str) -> str:
    marks = []
    for record in contents.complete:
        found = contents.values(record, [name])
        if found is not None:
            marks.append(mark(contents, record, (record.number, found[0]), [name], found))
    lines = level_lines(contents, name)
    values = [mark.y for mark in marks] + [line.y for line in lines if line.y is not None]
    x = replace(Axis.around("trial", [mark.x for mark in marks]), whole=True)
    return plane(x, Axis.around(name, values), marks, lines, alt=f"{name} of every trial")


def _levels(contents: ReportContents) -> list[tuple[LineKind, dict[str, Level]]]:
    """Return the reference levels that must lie inside a chart."""
    return [("resample", contents.levels.resample), ("fresh", contents.levels.fresh)]


def _parameters(record: TrialRecord) -> str:
    return ", ".join(
        f"{name.partition('.')[2] or name}={value_text(value)}"
        for name, value in record.parameters.items()
    )
