"""The parts of the page about the chosen model."""

from collections.abc import Mapping
from html import escape
from typing import Any

from tabvae_ray.comparison.plan import SCORES
from tabvae_ray.report.contents import ReportContents
from tabvae_ray.report.markup import (
    facts,
    figure,
    items,
    json_text,
    picture,
    section,
    stacked_table,
    value_text,
)
from tabvae_ray.results.memorising import GAP_LIMIT, gap_verdict, nats_gap

__all__ = ["chosen", "configuration", "pictures", "privacy", "usage", "usefulness"]

# They have parts of the page of their own, with more than a number.
_APART = ("dcr_share", "tstr")


def chosen(evidence: ReportContents) -> str:
    """Which trial it is, its scores beside the reference levels, and what they say."""
    if evidence.chosen is None or evidence.manifest.chosen is None:
        return "<p>None yet.</p>"
    again, levels = _rescored(evidence), evidence.levels
    spread = evidence.scores.get("spread", {})
    shown = dict(again)
    if evidence.pictures is not None:
        more = evidence.pictures.comparison.scores
        shown |= {k: v for k, v in more.items() if k not in shown and k not in _APART}
    rows = []
    for name, value in shown.items():
        own = f"{value:.4f}" + (f" ± {spread[name]:.4f}" if name in spread else "")
        cells = [own]
        for kind in (levels.resample, levels.fresh, levels.independent):
            level = kind.get(name)
            text = "" if level is None else f"{level.mean:.4f}"
            cells.append(f"{text} ± {level.spread:.4f}" if level and level.spread else text)
        rows.append((name, _remark(evidence, name, fresh=name in again), cells))
    said = levels.verdicts(shown)
    said += [_constraint_verdict(evidence, name) for name in evidence.constraints if name in again]
    record = evidence.chosen_record
    memorises = None if record is None else gap_verdict(record)
    said += [] if memorises is None else [f"{memorises[0].upper()}{memorises[1:]}."]
    n_samples = int(evidence.manifest.space["search"]["n_rescores"])
    return (
        f"<p>Trial {evidence.chosen}: {escape(str(evidence.manifest.chosen['reason']))}.</p>"
        + stacked_table(("score", "this model", "resample", "fresh", "independent"), rows)
        + items(said)
        + f"<p class=aside>With ±: mean and standard deviation over {n_samples} fresh samples. "
        "<b>Resample</b>: real rows against a bootstrap of themselves, which nobody "
        "can honestly beat. <b>Fresh</b>: what another sample of the same population would score. "
        "<b>Independent</b>: columns shuffled one by one, a model without associations.</p>"
    )


def privacy(evidence: ReportContents) -> str:
    """How near the model's rows come to those it was trained on."""
    if evidence.pictures is None:
        return ""
    found, record = evidence.pictures.privacy, evidence.chosen_record
    others = "held-out rows" if found.n_held_out else "each real row from its closest other one"
    rows = {}
    if found.dcr_share is not None and found.standard_error is not None:
        nearer = f"{found.dcr_share:.3f} ± {found.standard_error:.3f}; chance is 0.5"
        rows["nearer to training than to held-out rows"] = nearer
    again = _rescored(evidence).get("dcr_share")
    if again is not None:
        rows["the same on fresh samples (dcr_share)"] = f"{again:.3f}"
    rows["exact copies of training rows"] = (
        f"{found.exact_copies:,} ({found.exact_copies_share:.2%})"
    )
    if found.held_out_copies_share is not None:
        rows["held-out rows equal to a training row"] = f"{found.held_out_copies_share:.2%}"
    rows["distance to the closest training row, fifth percentile"] = (
        f"{found.fifth_percentile:.4f}; of {others} {found.held_out_fifth_percentile:.4f}"
    )
    rows["rows looked at"] = (
        f"{found.n_synthetic:,} synthetic, {found.n_training:,} training, "
        f"{found.n_held_out:,} held out"
    )
    gap = None if record is None else nats_gap(record)
    if gap is not None:
        rows["held-out rows cost above training rows"] = (
            f"{gap[0]:+.2f} nats each, {gap[0] / abs(gap[1]):.1%} of {gap[1]:.2f}; up to "
            f"{GAP_LIMIT:.0%} is healthy"
        )
    said = [found.copies_verdict]
    if "dcr_share" in evidence.constraints and _broken(evidence, "dcr_share"):
        said.insert(0, _constraint_verdict(evidence, "dcr_share"))
    else:
        said.insert(0, found.share_verdict)
    text = f"<p>In the {evidence.pictures.n_rows:,} rows that this page has drawn of the model:</p>"
    return text + facts(rows) + items(said)


def usefulness(evidence: ReportContents) -> str:
    """What can be learnt from the model's rows."""
    if evidence.pictures is None:
        return ""
    found = evidence.pictures.usefulness
    if found is None:
        return (
            "<p>No target is named, so nothing was learnt from the rows. Name a column to predict, "
            "as in <code>target: Age</code> in the spec file that <code>--spec</code> takes, to "
            "see how good a model trained on synthetic rows is on real ones.</p>"
        )
    rows = {
        f"trained on synthetic rows (tstr), {found.metric}": f"{found.tstr:.3f}",
        f"trained on real rows (trtr), {found.metric}": f"{found.trtr:.3f}",
        "target": found.target,
        "held-out real rows tested on": f"{found.n_tested:,}",
    }
    again = _rescored(evidence).get("tstr")
    if again is not None:
        rows["trained on synthetic rows, mean of fresh samples"] = f"{again:.3f}"
    text = f"<p>In the {evidence.pictures.n_rows:,} rows that this page has drawn of the model:</p>"
    return text + facts(rows)


def pictures(evidence: ReportContents) -> list[str]:
    """The model's rows beside the real ones, a section each."""
    found = evidence.pictures
    if found is None:
        return []
    light, dark = found.comparison, found.dark
    n_left = found.n_columns - len(found.columns)
    left = f" The {n_left} columns nearest to the real ones are left out." if n_left else ""
    sections = []
    for kind, title, what in (
        ("pdf", "Columns", "How often values occur"),
        ("cdf", "Columns, cumulated", "The share of rows up to each value"),
    ):
        images = "".join(
            picture(
                light.plot_collections[kind][name],
                dark.plot_collections[kind][name],
                f"{what} in column {name}, real and synthetic",
            )
            for name in found.columns
        )
        text = f"{what}, in the real table and in {found.n_rows:,} rows of the chosen model; "
        text += "the columns that are farthest off come first. JS: the column's Jensen-Shannon "
        text += "distance, and what resampled real rows have."
        sections.append(
            section(title, f"<p>{text}{left}</p><div class=columns>{images}</div>", kind)
        )
    distance = {**light.scores, **_rescored(evidence)}["correlation_distance"]
    described = evidence.levels.describe("correlation_distance", distance)
    for name, title, what in (
        (
            "correlation_heatmaps",
            "Associations",
            "How strongly each two columns depend on each other, in the real table, in the "
            "synthetic one, and synthetic less real. The whole difference, as "
            f"correlation_distance: {described}.",
        ),
        (
            "pca",
            "Rows in the plane",
            "Each point is a row, real ones blue and synthetic ones orange, seen along the two "
            "directions in which real rows vary most; at most 2,000 of each.",
        ),
        (
            "descriptive_statistics",
            "Statistics",
            "Each point is a continuous column: its real value across, its synthetic one upwards, "
            "in units of the column's real range. On the diagonal both are equal.",
        ),
    ):
        images = "".join(
            picture(one, dark.plot_collections[name][part], f"{title}: {part}")
            for part, one in light.plot_collections.get(name, {}).items()
        )
        if images:
            content = figure(f'<div class="{name} heat">{images}</div>', what)
            sections.append(section(title, content, name))
    return sections


def configuration(evidence: ReportContents) -> str:
    """What the search has set, and everything else."""
    record = evidence.chosen_record
    parameters: Mapping[str, Any] = {} if record is None else record.parameters
    rows = [
        (name, "", (value_text(parameters[name]), _searched(parameter)))
        for name, parameter in evidence.manifest.space["parameters"].items()
        if name in parameters
    ]
    table = stacked_table(("parameter", "chosen", "searched"), rows) if rows else ""
    documents = {
        "The whole configuration": evidence.config,
        "The search space": evidence.manifest.space,
        "Versions": evidence.manifest.versions,
    }
    details = "".join(
        f"<details><summary>{name}</summary><pre>{escape(json_text(document))}</pre></details>"
        for name, document in documents.items()
        if document
    )
    return table + details


def usage(evidence: ReportContents) -> str:
    """How to make rows with the model."""
    best = str(evidence.directory / "best")
    shell = f'python -m tabvae_ray.generate --model "{best}" --rows 100000 --out synthetic.parquet'
    code = (
        "from tabvae_ray import load_synthesizer\n\n"
        f"synthesizer = load_synthesizer({best!r})\n"
        "rows = synthesizer.generate(100_000, seed=0)"
    )
    return f"<pre>{escape(shell)}</pre><pre>{escape(code)}</pre>"


def _rescored(evidence: ReportContents) -> dict[str, float]:
    """The chosen model's scores on fresh samples, those that the search is about first."""
    asked = (*evidence.objectives, *evidence.constraints)
    known = {k: float(v) for k, v in evidence.scores.items() if isinstance(v, int | float)}
    return {name: known[name] for name in (*asked, *SCORES) if name in known}


def _remark(evidence: ReportContents, name: str, *, fresh: bool) -> str:
    better = "higher is better" if evidence.options.higher_is_better(name) else "lower is better"
    if name == "dcr_share":
        better = "0.5 is chance, 1 is copying"
    if name in evidence.constraints:
        better += f"; must be {_bounds(evidence.constraints[name])}"
    return better if fresh else f"{better}; of the rows that this page has drawn"


def _bounds(bounds: Mapping[str, float | None]) -> str:
    words = {"min": "at least", "max": "at most"}
    return " and ".join(f"{words[k]} {v:g}" for k, v in bounds.items() if v is not None)


def _broken(evidence: ReportContents, name: str) -> bool:
    value, bounds = _rescored(evidence).get(name), evidence.constraints[name]
    low, high = bounds.get("min"), bounds.get("max")
    if value is None:
        return False
    return (low is not None and value < low) or (high is not None and value > high)


def _constraint_verdict(evidence: ReportContents, name: str) -> str:
    kept = "is broken" if _broken(evidence, name) else "is kept"
    value, bounds = _rescored(evidence)[name], _bounds(evidence.constraints[name])
    return f"The constraint that {name} be {bounds} {kept}: {value:.3f} on fresh samples."


def _searched(parameter: Mapping[str, Any]) -> str:
    if parameter["type"] == "categorical":
        return ", ".join(map(value_text, parameter["choices"]))
    scale = ", logarithmic" if parameter.get("log") else ""
    return f"{parameter['low']:g} to {parameter['high']:g}{scale}"
