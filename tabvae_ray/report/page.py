"""The page: one HTML file that contains everything it shows.

Python computes what there is to show, and the templates lay it out. They escape every value; only
the charts, the style and the script are inserted as they are.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from tabvae_ray.command_line.lines import duration
from tabvae_ray.page.environment import render_page
from tabvae_ray.page.pictures import PictureSection, picture_sections
from tabvae_ray.report import chosen_model, parameter_charts, trials
from tabvae_ray.report.contents import ReportContents

__all__ = ["render"]


@dataclass(frozen=True)
class Header:
    """The head of the page.

    Args:
        name: Name of the search.
        objectives: Objectives with their directions.
        data: Where the table was read from.
        size: Rows and columns of the table.
        sampler: The sampler, and why it is that one.
        updated: When the search was last written.
        facts: Text by name.
    """

    name: str
    objectives: str
    data: str
    size: str
    sampler: str
    updated: str
    facts: dict[str, str]


def render(contents: ReportContents) -> str:
    """Return the page as HTML."""
    column_pictures, table_pictures = _pictures(contents)
    return render_page(
        "page.html.j2",
        "tabvae_ray.report",
        header=_header(contents),
        notes=_notes(contents),
        chosen=chosen_model.chosen_model(contents),
        privacy=chosen_model.privacy(contents),
        usefulness=chosen_model.usefulness(contents),
        fronts=trials.fronts(contents),
        hypervolume=trials.over_time(contents),
        states=trials.states(contents),
        failures=trials.failures(contents),
        importances=parameter_charts.importance_charts(contents),
        slices=parameter_charts.slices(contents),
        column_pictures=column_pictures,
        table_pictures=table_pictures,
        parameters=chosen_model.parameters(contents),
        documents=chosen_model.documents(contents),
        usage=chosen_model.usage(contents),
        table=trials.all_trials(contents),
    )


def _header(contents: ReportContents) -> Header:
    manifest, counts = contents.manifest, Counter(r.state for r in contents.records)
    rows, columns = int(manifest.table["rows"]), int(manifest.table["columns"])
    return Header(
        name=manifest.name,
        objectives=" and ".join(f"{way} {name}" for name, way in contents.objectives.items()),
        data=manifest.data,
        size=f"{rows:,} rows and {columns:,} columns",
        sampler=manifest.sampler,
        updated=datetime.fromtimestamp(manifest.updated, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        facts={
            "state": manifest.state,
            "trials": f"{len(contents.records)} of {contents.space.settings.n_trials}",
            "reached the full budget": str(counts["COMPLETE"]),
            "stopped early": str(counts["PRUNED"]),
            "failed": str(counts["FAIL"]),
            "time": duration(manifest.seconds),
        },
    )


def _notes(contents: ReportContents) -> list[str]:
    pictures = contents.pictures
    return [*contents.notes, *([] if pictures is None else pictures.comparison.warnings)]


def _pictures(contents: ReportContents) -> tuple[list[PictureSection], list[PictureSection]]:
    if contents.pictures is None:
        return [], []
    scores = {**contents.pictures.comparison.scores, **contents.fresh_scores}
    name = "correlation_distance"
    described = contents.levels.describe(name, scores[name])
    return picture_sections(contents.pictures, described, source="the chosen model")
