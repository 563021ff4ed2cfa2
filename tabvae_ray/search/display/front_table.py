"""Terminal tables of the Pareto front, split so that no column is truncated."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.results.memorising import nats_gap
from tabvae_ray.search.display.live import number
from tabvae_ray.search.optimize.selection import Candidate
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["front_tables", "legend_lines", "parameter_lines"]

_LEVELS = {
    "resample": "real rows against a bootstrap of themselves: the noise floor",
    "fresh": "what another sample of the same population would score",
    "independent": "columns shuffled one by one: nothing learnt about associations",
}
# Columns of the table although no objective or constraint names them.
_ALSO_SHOWN = {
    "membership": (
        "membership",
        "how often an attacker who has the model tells a training row from another; 0.5 is chance "
        "(a quick attack on every trial; that of the privacy line is a harder one)",
    ),
    "kl": ("KL, nats", "what the latent tells about a row; below 0.01 the model does not use it"),
}
# Width of a column's title; a value such as 0.05161 ± 0.0008 takes as much.
_NAME_WIDTH = 16
# Characters between two columns.
_GUTTER = 3


def front_tables(
    found: Sequence[Candidate],
    chosen: int,
    space: SearchSpace,
    levels: ReferenceLevels,
    *,
    width: int,
) -> list[Table]:
    """Return tables of the candidates' scores, gaps and KL, and the levels of real rows.

    The gap is what held-out rows cost more than training rows, in nats per row at beta = 1.
    ``membership`` is the AUC of the strongest attack on the model, if it was measured. The KL
    divergence is what the latent tells about a row; near 0, the model does not use it.

    Args:
        found: The candidates.
        chosen: Number of the chosen trial.
        space: The search space.
        levels: What real rows score against themselves, shown in rows below the trials.
        width: Characters of a line. Columns that do not fit go to another table.
    """
    kinds = _shown_levels(space, levels)
    trials = [
        f"{'* ' if c.record.number == chosen else ''}{c.record.number}" for c in found
    ] + kinds
    columns = []
    scores = _scores(space)
    if any("membership" in c.means for c in found) and "membership" not in scores:
        scores.append("membership")
    for name in scores:
        cells = [_cell(c.means.get(name), c.spreads.get(name, 0.0)) for c in found]
        for kind in kinds:
            level = getattr(levels, kind).get(name)
            cells.append("-" if level is None else _cell(level.mean, level.spread))
        columns.append((name, cells))
    gaps = [nats_gap(candidate.record) for candidate in found]
    if any(gap is not None for gap in gaps):
        cells = ["-" if gap is None else f"{gap[0]:+.4g}" for gap in gaps] + ["-"] * len(kinds)
        columns.append(("gap, nats", cells))
    divergences = [candidate.means.get("kl") for candidate in found]
    if "kl" not in _scores(space) and any(kl is not None for kl in divergences):
        cells = ["-" if kl is None else f"{kl:.3g}" for kl in divergences] + ["-"] * len(kinds)
        columns.append(("KL, nats", cells))
    first = ("trial", trials)
    left = width - _width(first)
    parts = _by_width(columns, left)
    in_lines = _by_width([(_in_lines(title), cells) for title, cells in columns], left)
    # Names are broken only where that saves a table, or where a name alone is too wide.
    if len(in_lines) < len(parts) or any(_width(c) > left for part in parts for c in part):
        parts = in_lines
    return [_table([first, *some], len(found)) for some in parts]


def legend_lines(
    found: Sequence[Candidate], space: SearchSpace, levels: ReferenceLevels
) -> list[str]:
    """Return a line per reference level of the table, and one per column that is no objective."""
    lines = [f"{kind}: {_LEVELS[kind]}" for kind in _shown_levels(space, levels)]
    if any(nats_gap(candidate.record) is not None for candidate in found):
        lines.append(
            "gap, nats: what a held-out row costs the model more than a training row; near 0 it "
            "does not memorise"
        )
    lines += [
        f"{title}: {meaning}"
        for name, (title, meaning) in _ALSO_SHOWN.items()
        if name not in _scores(space) and any(name in c.means for c in found)
    ]
    return lines


def parameter_lines(found: Sequence[Candidate], chosen: int) -> list[str]:
    """Return a line per candidate with its parameters."""
    lines = []
    for candidate in found:
        record = candidate.record
        mark = "*" if record.number == chosen else " "
        values = ", ".join(
            f"{name.rpartition('.')[2]}={number(value)}"
            for name, value in sorted(record.parameters.items())
        )
        lines.append(f"{mark} {record.number}: {values}")
    return lines


Column = tuple[str, list[str]]


def _table(columns: Sequence[Column], n_candidates: int) -> Table:
    # The box adds one character between columns.
    padding = (0, _GUTTER - 1, 0, 0)
    table = Table(box=box.SIMPLE_HEAD, padding=padding, show_edge=False, pad_edge=False)
    for title, _ in columns:
        table.add_column(title, justify="right", overflow="fold")
    for i, cells in enumerate(zip(*(cells for _, cells in columns), strict=True)):
        table.add_row(*cells, end_section=i + 1 == n_candidates)
    return table


def _by_width(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """Split the columns into as few parts as the width allows, with at least one in each."""
    parts: list[list[Column]] = [[]]
    for column in columns:
        if parts[-1] and sum(map(_width, [*parts[-1], column])) > width:
            parts.append([])
        parts[-1].append(column)
    return parts


def _width(column: Column) -> int:
    title, cells = column
    return max(map(len, [*title.split("\n"), *cells])) + _GUTTER


def _scores(space: SearchSpace) -> list[str]:
    """Return the scores to show: objectives first, then constraints."""
    return list(dict.fromkeys([*space.objectives, *space.constraints]))


def _shown_levels(space: SearchSpace, levels: ReferenceLevels) -> list[str]:
    names = _scores(space)
    return [kind for kind in _LEVELS if any(name in getattr(levels, kind) for name in names)]


def _cell(mean: float | None, spread: float) -> str:
    if mean is None:
        return "-"
    return f"{mean:.4g} ± {spread:.2g}" if spread else f"{mean:.4g}"


def _in_lines(name: str) -> str:
    """Break a name after underscores into lines of at most ``_NAME_WIDTH``."""
    lines = [""]
    for part in name.replace("_", "_\0").split("\0"):
        if lines[-1] and len(lines[-1] + part) > _NAME_WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
