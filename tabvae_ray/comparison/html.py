"""Scores beside their reference levels, as a table of HTML and as lines of text."""

import re
from collections.abc import Mapping, Sequence
from html import escape

from tabvae_ray.comparison.options import ComparisonOptions
from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.comparison.score_words import OF_COLUMNS, score_in_words

__all__ = ["html_table", "score_table"]

_LEVELS = {
    "resample": "floor: real rows resampled",
    "fresh": "another sample",
    "independent": "ceiling: columns shuffled",
}
_TEXT = "padding: 0.2em 0.8em; text-align: left"
_NUMBER = "padding: 0.2em 0.8em; text-align: right; white-space: nowrap"
_NUMBERS = re.compile(r"[-\d.,± ]*")


def score_table(
    scores: Mapping[str, float],
    levels: ReferenceLevels,
    options: ComparisonOptions,
    spread: Mapping[str, float] | None = None,
) -> str:
    """Return a table of the scores, which are better, what real rows score, and what that means.

    Args:
        scores: Scores by name.
        levels: Reference levels; those that are known have a column.
        options: The options that the scores were computed with.
        spread: Standard deviations of the scores over fresh samples.
    """
    kinds = [kind for kind in _LEVELS if any(name in getattr(levels, kind) for name in scores)]
    rows = []
    for name, value in scores.items():
        around = (spread or {}).get(name)
        shown = f"{value:.4f}" + (f" ± {around:.2g}" if around else "")
        beside = [getattr(levels, kind).get(name) for kind in kinds]
        cells = ["" if level is None else f"{level.mean:.4f}" for level in beside]
        if name in OF_COLUMNS and "independent" in kinds:
            # Shuffled columns are no worse in these than real rows.
            cells[-1] = "-"
        words = score_in_words(name, value, levels)
        meaning = [words or ""] if kinds else []
        rows.append([name, shown, better(name, options), *cells, *meaning])
    heads = ["score", "value", "better", *(_LEVELS[kind] for kind in kinds)]
    return html_table([*heads, "meaning"] if kinds else heads, rows)


def better(name: str, options: ComparisonOptions) -> str:
    """Return in a word which values of a score are better."""
    if name in ("dcr_share", "membership", "membership_black_box"):
        return "near 0.5"
    return "higher" if options.higher_is_better(name) else "lower"


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in which columns of numbers are aligned at the right."""
    styles = [
        _NUMBER if all(map(_NUMBERS.fullmatch, cells)) else _TEXT
        for cells in zip(*rows, strict=True)
    ] or [_TEXT] * len(heads)
    body = "".join(f"<tr>{_cells('td', row, styles)}</tr>" for row in rows)
    # Heads of numbers are words, which may be broken.
    wrapping = [style.partition("; white-space")[0] for style in styles]
    head = f"<thead><tr>{_cells('th', heads, wrapping)}</tr></thead>"
    return f'<table style="border-collapse: collapse">{head}<tbody>{body}</tbody></table>'


def _cells(tag: str, texts: Sequence[str], styles: Sequence[str]) -> str:
    return "".join(
        f'<{tag} style="{style}">{escape(text)}</{tag}>'
        for text, style in zip(texts, styles, strict=True)
    )
