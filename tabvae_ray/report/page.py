"""The page: one HTML file that contains everything it shows.

Python computes what there is to show, and the templates lay it out. They escape every value; only
the charts, the style and the script are inserted as they are.
"""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime

from tabvae_ray.comparison.scores.disclosure.verdicts import listed
from tabvae_ray.page.environment import render_page
from tabvae_ray.page.pictures import PictureSection, picture_sections
from tabvae_ray.report import chosen_model, parameter_charts, trials
from tabvae_ray.report.cards import cards
from tabvae_ray.report.contents import ReportContents
from tabvae_ray.results.refits import refit_text
from tabvae_ray.results.search_manifest import TABLE_FILE

__all__ = ["render"]


@dataclass(frozen=True)
class Header:
    """The head of the page.

    Args:
        name: Name of the search.
        objectives: Objectives with their directions.
        data: Name of the table's file.
        size: Rows and columns of the table.
        updated: When the search was last written.
    """

    name: str
    objectives: str
    data: str
    size: str
    updated: str


def render(contents: ReportContents) -> str:
    """Return the page as HTML."""
    column_pictures, table_pictures = _pictures(contents)
    return render_page(
        "page.html.j2",
        "tabvae_ray.report",
        header=_header(contents),
        cards=cards(contents),
        notes=_notes(contents),
        chosen=chosen_model.chosen_model(contents),
        privacy=chosen_model.privacy(contents),
        usefulness=chosen_model.usefulness(contents),
        rules=chosen_model.rules(contents),
        last_column=_last_column(contents),
        fronts=trials.fronts(contents),
        hypervolume=trials.over_time(contents),
        states=trials.states(contents),
        course=trials.course(contents),
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
    manifest = contents.manifest
    rows, columns = (int(manifest.table[part]) for part in ("rows", "columns"))
    whole = int(manifest.table.get("whole_rows", rows))
    sample = f", a sample of {whole:,} rows" if whole > rows else ""
    return Header(
        name=manifest.name,
        objectives=_objectives(contents),
        data=_table_name(contents),
        size=f"{rows:,} rows and {columns:,} columns{sample}",
        updated=datetime.fromtimestamp(manifest.updated, UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _table_name(contents: ReportContents) -> str:
    """Return the name of the table's file, not where it lies, as the page may be given away."""
    if (contents.directory / TABLE_FILE).exists():
        return "a table in memory"
    return contents.manifest.data.rstrip("/").rpartition("/")[2]


def _last_column(contents: ReportContents) -> str:
    """Return the name of the last column with a meaning, which often is what one would predict."""
    columns = contents.manifest.spec.get("columns", [])
    names = [
        column["name"]
        for column in columns
        if column["kind"] != "identifier" and len(column.get("categories", "ab")) > 1
    ]
    return shlex.quote(str(names[-1])) if names else "outcome"


def _objectives(contents: ReportContents) -> str:
    """Return the objectives as words, such as ``minimize a and b, and to maximize c``."""
    by_way: dict[str, list[str]] = {}
    for name, way in contents.objectives.items():
        by_way.setdefault(way, []).append(name)
    ways = (f"{way} {listed(names)}" for way, names in by_way.items())
    return ", and to ".join(ways)


def _notes(contents: ReportContents) -> list[str]:
    pictures, refit = contents.pictures, refit_text(contents.manifest.chosen)
    warnings = () if pictures is None else pictures.comparison.warnings
    # First, because the cards above are of another model than the one to use.
    return [*filter(None, [refit]), *contents.notes, *warnings]


def _pictures(contents: ReportContents) -> tuple[list[PictureSection], list[PictureSection]]:
    if contents.pictures is None:
        return [], []
    scores = {**contents.pictures.comparison.scores, **contents.fresh_scores}
    name = "correlation_distance"
    described = contents.levels.describe(name, scores[name])
    return picture_sections(contents.pictures, described, source="the chosen model")
