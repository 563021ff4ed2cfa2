"""The page: one HTML file with everything in it."""

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from tabvae_ray.comparison.levels import Level
from tabvae_ray.comparison.plan import ComparisonOptions
from tabvae_ray.report.charts import Axis, Bar, Line, LineKind, Mark, MarkKind, bars, plane
from tabvae_ray.report.evidence import Evidence, Pictures, last_values
from tabvae_ray.report.style import SCRIPT, STYLE
from tabvae_ray.search.records import TrialRecord

__all__ = ["render"]

_MOST_ROWS = 300
_MOST_SLICES = 6


def render(evidence: Evidence) -> str:
    """The page as text."""
    title = f"Search {evidence.manifest.name}"
    sections = [
        _head(evidence),
        _notes(evidence),
        _section("The chosen model", _chosen(evidence), "chosen"),
        _section("The front", _fronts(evidence), "front"),
        _section("Over time", _over_time(evidence), "time"),
        _section("What became of the trials", _states(evidence), "trials"),
        _section("Which parameters matter", _importances(evidence), "parameters"),
        _section("Parameter by parameter", _slices(evidence), "slices"),
    ]
    if evidence.pictures is not None:
        sections += _pictures(evidence.pictures)
    sections += [
        _section("Configuration", _configuration(evidence), "configuration"),
        _section("How to use the model", _usage(evidence), "usage"),
        _section("All trials", _all_trials(evidence), "all"),
    ]
    # Nothing is loaded, from here or from anywhere else, even if a value slipped through unescaped.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    policy += "script-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, sections))
        + f'\n</main>\n<div id="tip" role="status"></div>\n<script>{SCRIPT}</script>\n'
        "</body>\n</html>\n"
    )


def _head(evidence: Evidence) -> str:
    manifest, counts = evidence.manifest, Counter(r.state for r in evidence.records)
    table = manifest.table
    when = datetime.fromtimestamp(manifest.updated, UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = {
        "state": manifest.state,
        "trials": f"{len(evidence.records)} of {manifest.space['search']['n_trials']}",
        "reached the full budget": str(counts["COMPLETE"]),
        "stopped early": str(counts["PRUNED"]),
        "failed": str(counts["FAIL"]),
        "time": _duration(manifest.seconds),
    }
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    objectives = " and ".join(
        f"{direction} {name}" for name, direction in evidence.objectives.items()
    )
    return (
        f"<header><h1>{escape(manifest.name)}</h1>"
        f"<p>A search to {escape(objectives)} for <b>{escape(manifest.data)}</b>, "
        f"{int(table['rows']):,} rows and {int(table['columns']):,} columns. "
        f"Sampler {escape(manifest.sampler)}. Last written {when}.</p>"
        f'<dl class="facts">{cells}</dl></header>'
    )


def _notes(evidence: Evidence) -> str:
    warned = [*evidence.notes]
    if evidence.pictures is not None:
        warned += evidence.pictures.comparison.warnings
    if not warned:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in warned)
    return f'<ul class="notes">{items}</ul>'


def _chosen(evidence: Evidence) -> str:
    if evidence.chosen is None or evidence.manifest.chosen is None:
        return "<p>None yet.</p>"
    scores = {k: v for k, v in evidence.scores.items() if isinstance(v, int | float)}
    spread = evidence.scores.get("spread", {})
    if evidence.pictures is not None:
        scores = {**evidence.pictures.comparison.scores, **scores}
    levels = evidence.levels
    options = ComparisonOptions.model_validate(evidence.manifest.space.get("comparison", {}))
    rows = []
    for name, value in scores.items():
        better = "higher" if options.higher_is_better(name) else "lower"
        if name == "dcr_share":
            better = "0.5 is chance; lower"
        own = f"{value:.4f}" + (f" ± {spread[name]:.4f}" if name in spread else "")
        cells = [f"<th scope=row>{escape(name)}<small>{better} is better</small></th>"]
        cells.append(f"<td><b>{own}</b></td>")
        for kind in (levels.resample, levels.fresh, levels.independent):
            level = kind.get(name)
            text = "" if level is None else f"{level.mean:.4f} ± {level.spread:.4f}"
            cells.append(f"<td>{text}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th scope=col>{word}</th>" for word in _LEVEL_WORDS)
    said = levels.verdicts({k: float(v) for k, v in scores.items()})
    if evidence.pictures is not None:
        said.append(evidence.pictures.privacy.verdict)
        if evidence.pictures.usefulness is not None:
            said.append(evidence.pictures.usefulness.verdict)
    items = "".join(f"<li>{escape(text)}</li>" for text in said)
    return (
        f"<p>Trial {evidence.chosen}: {escape(str(evidence.manifest.chosen['reason']))}.</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f'<ul class="said">{items}</ul>'
        "<p class=aside><b>Resample</b>: real rows against a bootstrap of themselves, which nobody "
        "can honestly beat. <b>Fresh</b>: what another sample of the same population would score. "
        "<b>Independent</b>: columns shuffled one by one, a model without associations.</p>"
    )


_LEVEL_WORDS = ("score", "this model", "resample", "fresh", "independent")


def _fronts(evidence: Evidence) -> str:
    names = list(evidence.objectives)
    if not evidence.complete:
        return "<p>No trial has reached the full budget.</p>"
    if len(names) == 1:
        return _figure(_single(evidence, names[0]), "Every trial that reached the full budget.")
    charts = [_front(evidence, names[0], other) for other in names[1:]]
    legend = (
        '<p class="legend"><span><i class="complete"></i>full budget</span>'
        '<span><i class="front"></i>on the front</span><span><i class="chosen"></i>chosen</span>'
        '<span><i class="pruned"></i>stopped, at its last rung</span></p>'
    )
    return legend + "".join(charts)


def _front(evidence: Evidence, first: str, second: str) -> str:
    levels, front = evidence.levels, {record.number for record in evidence.front}
    complete = [r for r in evidence.complete if {first, second} <= r.objectives.keys()]
    x = [record.objectives[first] for record in complete]
    y = [record.objectives[second] for record in complete]
    if not x:
        return ""
    lines = []
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
    for record in evidence.records:
        values = last_values(record, [first, second])
        if values is None:
            continue
        kind: MarkKind = "pruned"
        if record.state == "COMPLETE":
            kind = "front" if record.number in front else "complete"
            kind = "chosen" if record.number == evidence.chosen else kind
        elif not all(0 <= a.place(v) <= 1 for a, v in zip(axes, values, strict=True)):
            outside += 1
        marks.append(Mark(values[0], values[1], _tip(record, [first, second], values), kind))
    if len(evidence.objectives) == 2:
        corners = sorted(record.values([first, second]) for record in evidence.front)
        points = [(point[0], point[1]) for point in corners]
        lines.insert(0, Line("front", points=points, steps=True))
    note = f"{outside} stopped trials lie outside. " if outside else ""
    return _figure(
        plane(*axes, marks, lines, alt=f"Trials by {first} and {second}"),
        f"{second} against {first}. {note}Hover or focus a point for its parameters.",
    )


def _single(evidence: Evidence, name: str) -> str:
    marks = [
        Mark(
            record.number,
            record.objectives[name],
            _tip(record, [name], record.values([name])),
            "chosen" if record.number == evidence.chosen else "complete",
        )
        for record in evidence.complete
        if name in record.objectives
    ]
    values, lines = [mark.y for mark in marks], []
    for level, known in _levels(evidence):
        if name in known:
            values.append(known[name].mean)
            lines.append(Line(level, y=known[name].mean, name=level))
    x = Axis.around("trial", [mark.x for mark in marks])
    return plane(x, Axis.around(name, values), marks, lines, alt=f"{name} of every trial")


def _levels(evidence: Evidence) -> list[tuple[LineKind, dict[str, Level]]]:
    """The levels that a chart makes room for."""
    return [("resample", evidence.levels.resample), ("fresh", evidence.levels.fresh)]


def _over_time(evidence: Evidence) -> str:
    volumes = evidence.hypervolumes()
    if len(volumes) < 2:
        return "<p>Too few trials.</p>"
    points = [(float(count), volume) for count, volume in volumes]
    x = Axis("finished trials", 1.0, float(len(volumes)))
    y = Axis("hypervolume", 0.0, 1.08 * max(volume for _, volume in points) or 1.0)
    chart = plane(x, y, [], [Line("volume", points=points, steps=True)], alt="Hypervolume by trial")
    return _figure(
        chart,
        "The volume of objectives that the front dominates, measured from just beyond the worst "
        "trial. Where it no longer rises, more trials of this space bring little.",
    )


def _states(evidence: Evidence) -> str:
    counts: Counter[tuple[str, str]] = Counter()
    for record in evidence.records:
        if record.state == "COMPLETE":
            counts["full budget", "complete"] += 1
        elif record.state == "FAIL":
            counts["failed", "fail"] += 1
        else:
            counts[f"stopped after {record.epochs} epochs", "pruned"] += 1
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
    return _figure(bars(rows, alt="Trials by how they ended"), "Trials by how they ended.") + lists


def _importances(evidence: Evidence) -> str:
    found = evidence.importances
    if found is None:
        return "<p>Too few trials to tell.</p>"
    charts = []
    for objective, shares in found.shares.items():
        ordered = sorted(shares.items(), key=lambda item: -item[1])
        rows = [Bar(name, share, f"{share:.0%}") for name, share in ordered]
        charts.append(_figure(bars(rows, alt=f"Importances for {objective}"), f"For {objective}."))
    few = " Few trials: take it as a hint." if found.n_trials < 30 else ""
    return (
        f"<p>How much worse a model of the objective predicts when a parameter's values are "
        f"shuffled, on {found.n_trials} trials after {found.epoch} epochs.{few}</p>"
        f'<div class="grid2">{"".join(charts)}</div>'
    )


def _slices(evidence: Evidence) -> str:
    parameters = evidence.manifest.space["parameters"]
    order = list(parameters)
    if evidence.importances is not None:
        known = evidence.importances.shares.values()
        order.sort(key=lambda name: -sum(shares[name] for shares in known))
    charts = [
        _figure(_slice(evidence, name, parameters[name], objective), f"{objective} by {name}")
        for name in order[:_MOST_SLICES]
        for objective in evidence.objectives
        if any(name in record.parameters for record in evidence.complete)
    ]
    if not charts:
        return "<p>No trial has reached the full budget.</p>"
    left = len(parameters) - _MOST_SLICES
    more = f"<p>The {left} other parameters matter less.</p>" if left > 0 else ""
    return f'<div class="grid2">{"".join(charts)}</div>{more}'


def _slice(evidence: Evidence, name: str, parameter: Mapping[str, Any], objective: str) -> str:
    records = [r for r in evidence.complete if name in r.parameters and objective in r.objectives]
    if not records:
        return ""
    if parameter["type"] == "categorical":
        choices = list(parameter["choices"])
        names = tuple(_value(choice) for choice in choices)
        x = Axis(name, -0.6, len(choices) - 0.4, names=names)
    else:
        low, high = float(parameter["low"]), float(parameter["high"])
        room = 1.03 if parameter.get("log") else 0.03 * (high - low)
        if low == high:
            x = Axis.around(name, [low])
        elif parameter.get("log"):
            x = Axis(name, low / room, high * room, log=True)
        else:
            x = Axis(name, low - room, high + room)
    front = {record.number for record in evidence.front}
    marks = []
    for record in records:
        value = record.parameters[name]
        if parameter["type"] == "categorical":
            place = float(choices.index(value)) if value in choices else 0.0
        else:
            place = float(value)  # type: ignore[arg-type]
        kind: MarkKind = "front" if record.number in front else "complete"
        kind = "chosen" if record.number == evidence.chosen else kind
        score = record.objectives[objective]
        marks.append(Mark(place, score, _tip(record, [objective], [score]), kind))
    y = Axis.around(objective, [mark.y for mark in marks])
    return plane(x, y, marks, alt=f"{objective} by {name}")


def _pictures(pictures: Pictures) -> list[str]:
    light, dark = pictures.comparison, pictures.dark
    n_left = pictures.n_columns - len(pictures.columns)
    left = f" The {n_left} columns nearest to the real ones are left out." if n_left else ""
    sections = []
    for kind, title, what in (
        ("pdf", "Columns", "How often values occur"),
        ("cdf", "Columns, cumulated", "The share of rows up to each value"),
    ):
        images = "".join(
            _image(
                light.plot_collections[kind][name],
                dark.plot_collections[kind][name],
                f"{what} in column {name}, real and synthetic",
            )
            for name in pictures.columns
        )
        text = f"{what}, in the real table and in {pictures.n_rows:,} rows of the chosen model; "
        text += "the columns that are farthest off come first."
        sections.append(
            _section(title, f"<p>{text}{left}</p><div class=columns>{images}</div>", kind)
        )
    heat = "".join(
        _image(
            light.plot_collections["correlation_heatmaps"][name],
            dark.plot_collections["correlation_heatmaps"][name],
            f"Associations between columns: {name}",
        )
        for name in light.plot_collections["correlation_heatmaps"]
    )
    sections.append(_section("Associations", f'<div class="heat">{heat}</div>', "associations"))
    for name, title, alt in (
        ("pca", "Rows in the plane", "Rows on two principal components, real and synthetic"),
        ("descriptive_statistics", "Statistics", "Statistics of continuous columns, real against "),
    ):
        alt = alt + "synthetic" if alt.endswith(" ") else alt
        image = _image(light.plots[name], dark.plots[name], alt)
        sections.append(_section(title, f'<div class="wide"><div>{image}</div></div>', name))
    return sections


def _configuration(evidence: Evidence) -> str:
    parameters: Mapping[str, Any] = {}
    for record in evidence.records:
        if record.number == evidence.chosen:
            parameters = record.parameters
    rows = (
        "".join(
            f"<tr><th scope=row>{escape(name)}</th><td>{escape(_value(parameters[name]))}</td>"
            f"<td>{escape(_searched(parameter))}</td></tr>"
            for name, parameter in evidence.manifest.space["parameters"].items()
            if name in parameters or not parameters
        )
        if parameters
        else ""
    )
    table = (
        '<div class="wide"><table><thead><tr><th scope=col>parameter</th>'
        "<th scope=col>chosen</th><th scope=col>searched</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
        if rows
        else ""
    )
    documents = {
        "The whole configuration": evidence.config,
        "The search space": evidence.manifest.space,
        "Versions": evidence.manifest.versions,
    }
    details = "".join(
        f"<details><summary>{name}</summary><pre>{escape(_json(document))}</pre></details>"
        for name, document in documents.items()
        if document
    )
    return table + details


def _usage(evidence: Evidence) -> str:
    best = str(evidence.directory / "best")
    shell = f'python -m tabvae_ray.generate --model "{best}" --rows 100000 --out synthetic.parquet'
    code = (
        "from tabvae_ray import load_synthesizer\n\n"
        f"synthesizer = load_synthesizer({best!r})\n"
        "rows = synthesizer.generate(100_000, seed=0)"
    )
    return f"<pre>{escape(shell)}</pre><pre>{escape(code)}</pre>"


def _all_trials(evidence: Evidence) -> str:
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
        f"<details><summary>{len(evidence.records)} trials</summary>"
        f'<div class="wide"><table class="dense"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{more}</details>"
    )


def _section(title: str, content: str, anchor: str) -> str:
    return f'<section id="{anchor}"><h2>{escape(title)}</h2>{content}</section>'


def _figure(content: str, caption: str) -> str:
    if not content:
        return ""
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def _image(light: bytes, dark: bytes, alt: str) -> str:
    sources = [base64.b64encode(content).decode() for content in (light, dark)]
    width, height = (int.from_bytes(light[at : at + 4], "big") for at in (16, 20))
    return (
        '<picture><source media="screen and (prefers-color-scheme: dark)" '
        f'srcset="data:image/png;base64,{sources[1]}">'
        f'<img src="data:image/png;base64,{sources[0]}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}"></picture>'
    )


def _tip(record: TrialRecord, names: Sequence[str], values: Sequence[float]) -> str:
    lines = [f"trial {record.number}, {record.epochs} epochs"]
    lines += [f"{name} {value:.4f}" for name, value in zip(names, values, strict=True)]
    lines += [f"{name} = {_value(value)}" for name, value in record.parameters.items()]
    return "\n".join(lines)


def _parameters(record: TrialRecord) -> str:
    return ", ".join(
        f"{name.partition('.')[2] or name}={_value(value)}"
        for name, value in record.parameters.items()
    )


def _searched(parameter: Mapping[str, Any]) -> str:
    if parameter["type"] == "categorical":
        return ", ".join(map(_value, parameter["choices"]))
    scale = ", logarithmic" if parameter.get("log") else ""
    return f"{parameter['low']:g} to {parameter['high']:g}{scale}"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _json(value, None).strip('"')


def _json(document: Any, indent: int | None = 1) -> str:
    return json.dumps(document, indent=indent, ensure_ascii=False)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
