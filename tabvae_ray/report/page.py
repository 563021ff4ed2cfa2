"""The page: one HTML file with everything in it."""

from collections import Counter
from datetime import UTC, datetime
from html import escape

from tabvae_ray.report import chosen_model, trials
from tabvae_ray.report.contents import ReportContents
from tabvae_ray.report.markup import duration, section
from tabvae_ray.report.style import SCRIPT, STYLE

__all__ = ["render"]


def render(evidence: ReportContents) -> str:
    """The page as text."""
    title = f"Search {evidence.manifest.name}"
    sections = [
        _head(evidence),
        _notes(evidence),
        section("The chosen model", chosen_model.chosen(evidence), "chosen"),
        section("Privacy", chosen_model.privacy(evidence), "privacy"),
        section("Usefulness", chosen_model.usefulness(evidence), "usefulness"),
        section("The front", trials.fronts(evidence), "front"),
        section("Over time", trials.over_time(evidence), "time"),
        section("What became of the trials", trials.states(evidence), "trials"),
        section("Which parameters matter", trials.importances(evidence), "parameters"),
        section("Parameter by parameter", trials.slices(evidence), "slices"),
        *chosen_model.pictures(evidence),
        section("Configuration", chosen_model.configuration(evidence), "configuration"),
        section("How to use the model", chosen_model.usage(evidence), "usage"),
        section("All trials", trials.all_trials(evidence), "all"),
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


def _head(evidence: ReportContents) -> str:
    manifest, counts = evidence.manifest, Counter(r.state for r in evidence.records)
    table = manifest.table
    when = datetime.fromtimestamp(manifest.updated, UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = {
        "state": manifest.state,
        "trials": f"{len(evidence.records)} of {manifest.space['search']['n_trials']}",
        "reached the full budget": str(counts["COMPLETE"]),
        "stopped early": str(counts["PRUNED"]),
        "failed": str(counts["FAIL"]),
        "time": duration(manifest.seconds),
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


def _notes(evidence: ReportContents) -> str:
    warned = [*evidence.notes]
    if evidence.pictures is not None:
        warned += evidence.pictures.comparison.warnings
    if not warned:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in warned)
    return f'<ul class="notes">{items}</ul>'
