"""The page of a comparison: scores in words, verdicts, rules and pictures."""

from dataclasses import replace

from tabvae_ray.comparison.assessment import Assessment
from tabvae_ray.page.cards import (
    Card,
    attack_card,
    likeness_card,
    unknown_card,
    usefulness_card,
)
from tabvae_ray.page.environment import render_page
from tabvae_ray.page.pictures import drawn_pictures, picture_sections
from tabvae_ray.page.tables import StackedTable, TableRow

__all__ = ["comparison_page"]

_DIGITS = 3


def comparison_page(assessment: Assessment, *, real: str, synthetic: str) -> str:
    """Return the page as HTML that needs no network.

    Args:
        assessment: The comparison.
        real: Where the real table is from.
        synthetic: Where the synthetic one is from.
    """
    prepared, comparison = assessment.prepared, assessment.with_column_distances()
    pictures = drawn_pictures(prepared, assessment.synthetic, comparison, assessment.levels)
    has_held_out = assessment.privacy.n_held_out > 0
    name = "correlation_distance"
    described = ""
    if name in comparison.scores:
        described = assessment.levels.describe(name, comparison.scores[name])
    columns, tables = picture_sections(pictures, described, source="the synthetic table")
    return render_page(
        "comparison.html.j2",
        real=_file_name(real),
        synthetic=_file_name(synthetic),
        cards=_cards(assessment),
        facts={
            "real rows": f"{prepared.real.n_rows:,}",
            "synthetic rows": f"{assessment.synthetic.n_rows:,}",
            "columns compared": f"{len(prepared.real.names):,}",
            "held-out rows": f"{assessment.privacy.n_held_out:,}" if has_held_out else "none",
        },
        notes=list(comparison.warnings),
        scores=_scores(assessment),
        has_levels=bool(assessment.levels.n_rows),
        verdicts=assessment.verdicts,
        kinds=assessment.kind_lines(),
        # Without the heading for a terminal.
        rules=assessment.rule_lines()[2:],
        column_pictures=columns,
        table_pictures=tables,
    )


def _cards(assessment: Assessment) -> tuple[Card, ...]:
    """Return the answers to a reader's first questions; likeness needs the reference levels."""
    scores, levels, comparison = assessment.scores, assessment.levels, assessment.comparison
    title, anchor = "How private?", "verdicts"
    near = assessment.privacy
    if comparison.membership is None:
        private = unknown_card(
            title,
            "Not measured: give --held-out, real rows that the synthetic table was not made from. "
            f"{near.verdict if near.is_close else near.copies_verdict}",
            anchor,
        )
        if near.is_close:
            private = replace(private, tone="poor")
    else:
        private = attack_card(
            title, "only synthetic rows", comparison.membership, near, anchor=anchor
        )
    advice = "name the column that you would predict, by --target."
    useful = usefulness_card(comparison.usefulness, levels, advice=advice, anchor=anchor)
    if not levels.n_rows:
        return useful, private
    return likeness_card(scores, levels, anchor="scores"), useful, private


def _file_name(place: str) -> str:
    """Return the last part of a path or URI: the page may be given away."""
    return place.rstrip("/").rpartition("/")[2]


def _scores(assessment: Assessment) -> StackedTable:
    """Return the scores beside their reference levels, each with its meaning in words."""
    levels, rows = assessment.levels, []
    kinds = (levels.resample, levels.fresh, levels.independent) if levels.n_rows else ()
    for name, value in assessment.comparison.scores.items():
        cells = [f"{value:.{_DIGITS}f}"]
        for kind in kinds:
            level = kind.get(name)
            text = "" if level is None else f"{level.mean:.{_DIGITS}f}"
            spread = f" ± {level.spread:.{_DIGITS}f}" if level and level.spread else ""
            cells.append(f"{text}{spread}")
        rows.append(TableRow(name, assessment.meaning(name), tuple(cells)))
    heads = ("score", "synthetic table", *(("resample", "fresh", "independent") if kinds else ()))
    return StackedTable(heads, tuple(rows))
