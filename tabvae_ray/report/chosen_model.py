"""Sections about the chosen model: scores, privacy, usefulness, configuration and use."""

from dataclasses import dataclass

from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.comparison.scores.membership.verdicts import membership_verdict
from tabvae_ray.comparison.scores.privacy import share_text
from tabvae_ray.page.tables import StackedTable, TableRow
from tabvae_ray.report.attacks import disclosure_facts, kept_attacks, membership_facts
from tabvae_ray.report.contents import ReportContents
from tabvae_ray.report.formatting import json_text, value_text
from tabvae_ray.results.constraints import bounds_text, is_broken
from tabvae_ray.results.latent_use import latent_verdict
from tabvae_ray.results.memorising import GAP_LIMIT, gap_verdict, nats_gap
from tabvae_ray.results.refits import RefitRecord
from tabvae_ray.space.parameters import CategoricalParameter, Parameter
from tabvae_ray.table.rules.sentences import shortened

__all__ = [
    "ChosenModel",
    "RowFacts",
    "Usage",
    "chosen_model",
    "documents",
    "parameters",
    "privacy",
    "rules",
    "usage",
    "usefulness",
]

_MEANING = {
    "mean_js_distance": "difference of the single columns",
    "correlation_distance": "difference of the associations of all pairs",
    "column_shapes": "likeness of the single columns, as in SDMetrics",
    "pair_trends": "likeness of all pairs of columns, as in SDMetrics",
    "detection": "1 if a classifier cannot tell the rows from real ones",
    "tstr": "quality of a model trained on synthetic rows, on real ones",
    "rules_kept": "share of the rows that keep a rule of the real table, mean of all rules",
    "train_nats": "cost of a training row under the model",
    "holdout_nats": "cost of a held-out row under the model",
}
# These scores have sections of their own, which show more than a number.
_APART = ("dcr_share", "tstr")
# Rules beyond these are only counted.
_MOST_RULES = 50


@dataclass(frozen=True)
class ChosenModel:
    """The chosen trial with its scores.

    Args:
        number: Number of the trial.
        reason: Why it was chosen.
        scores: Its scores beside the reference levels.
        remarks: What the scores show, a sentence each.
        has_spread: Whether it was scored on several fresh samples.
    """

    number: int
    reason: str
    scores: StackedTable
    remarks: tuple[str, ...]
    has_spread: bool


@dataclass(frozen=True)
class RowFacts:
    """Findings about the rows that were generated for the page.

    Args:
        n_rows: Number of rows, as text.
        facts: Text by name; empty if nothing could be measured.
        remarks: What the facts show, a sentence each.
        first: The most important finding, which comes first.
    """

    n_rows: str
    facts: dict[str, str]
    remarks: tuple[str, ...] = ()
    first: str = ""


@dataclass(frozen=True)
class Usage:
    """Examples of how to generate rows with the model.

    Args:
        shell: A command line.
        python: A few lines of Python.
    """

    shell: str
    python: str


def chosen_model(contents: ReportContents) -> ChosenModel | None:
    """Return the chosen trial with its scores beside the reference levels; None without one."""
    if contents.chosen is None or contents.manifest.chosen is None:
        return None
    fresh, levels = contents.fresh_scores, contents.levels
    spread = contents.scores.get("spread", {})
    shown = dict(fresh)
    if contents.pictures is not None:
        more = contents.pictures.comparison.scores
        shown |= {k: v for k, v in more.items() if k not in shown and k not in _APART}
    # Those of attacks on the export alone are measured with it.
    exported = ReferenceLevels.from_mapping(contents.scores.get("reference_levels", {}))
    rows = []
    for name, value in shown.items():
        own = f"{value:.4f}" + (f" ± {_spread_text(spread[name])}" if spread.get(name) else "")
        cells = [own]
        for kind in ("resample", "fresh", "independent"):
            level = getattr(levels, kind).get(name, getattr(exported, kind).get(name))
            text = "" if level is None else f"{level.mean:.4f}"
            cells.append(f"{text} ± {level.spread:.4f}" if level and level.spread > 0 else text)
        rows.append(TableRow(name, _remark(contents, name, fresh=name in fresh), tuple(cells)))
    remarks = levels.verdicts(shown)
    remarks += [_verdict(contents, name) for name in contents.space.constraints if name in fresh]
    record = contents.chosen_record
    chance = levels.fresh.get("membership")
    memorises = None if record is None else gap_verdict(record, chance)
    decoder = contents.config.get("architecture", {}).get("decoder", "")
    for remark in (memorises, latent_verdict(contents.scores, decoder)):
        remarks += [] if remark is None else [f"{remark[0].upper()}{remark[1:]}."]
    heads = ("score", "this model", "resample", "fresh", "independent")
    return ChosenModel(
        contents.chosen,
        str(contents.manifest.chosen["reason"]),
        StackedTable(heads, tuple(rows)),
        tuple(remarks),
        any(spread.values()),
    )


def privacy(contents: ReportContents) -> RowFacts | None:
    """Report attacks on the training rows, and how near the model's rows come to them.

    There is nothing to report without the rows.
    """
    if contents.pictures is None:
        return None
    found, record = contents.pictures.privacy, contents.chosen_record
    others = "held-out rows" if found.n_held_out else "each real row from its closest other one"
    attacks = contents.scores.get("membership_attacks", {})
    disclosure = contents.scores.get("disclosure_attacks")
    facts = {**membership_facts(attacks), **disclosure_facts(disclosure)}
    if found.dcr_share is not None and found.standard_error is not None:
        nearer = f"{found.dcr_share:.2f} ± {found.standard_error:.2f}; chance is 0.5"
        facts["share nearer to training than to held-out rows"] = nearer
    fresh = contents.fresh_scores.get("dcr_share")
    if fresh is not None:
        facts["the same share on fresh samples (dcr_share)"] = f"{fresh:.3f}"
    facts["exact copies of training rows"] = (
        f"{found.exact_copies:,} ({share_text(found.exact_copies_share)})"
    )
    if found.held_out_copies_share is not None:
        facts["held-out rows equal to a training row"] = share_text(found.held_out_copies_share)
    facts["distance to the closest training row, fifth percentile"] = (
        f"{found.fifth_percentile:.4f}; of {others} {found.held_out_fifth_percentile:.4f}"
    )
    facts["rows compared"] = (
        f"{found.n_synthetic:,} synthetic, {found.n_training:,} training, "
        f"{found.n_held_out:,} held out"
    )
    gap = None if record is None else nats_gap(record)
    if gap is not None:
        facts["extra cost of held-out rows over training rows"] = (
            f"{gap[0]:+.2f} nats each, {gap[0] / abs(gap[1]):.1%} of {gap[1]:.2f}; up to "
            f"{GAP_LIMIT:.0%} is healthy"
        )
    constraint = contents.space.constraints.get("dcr_share")
    breaks = fresh is not None and constraint is not None and is_broken(fresh, constraint)
    # A verdict on one sample must not contradict a broken constraint.
    share_verdict = _verdict(contents, "dcr_share") if breaks else found.share_verdict
    named = () if disclosure is None else (str(disclosure["verdict"]),)
    remarks = *named, share_verdict, found.copies_verdict
    # Not the kept text, so that all parts of a page judge alike, whatever version searched.
    first = membership_verdict(*kept_attacks(contents.scores))
    if RefitRecord.of(contents.manifest.chosen) is not None:
        first = f"Of the searched model, before the refit on all rows: {first}"
    return RowFacts(f"{contents.pictures.n_rows:,}", facts, remarks, first)


def usefulness(contents: ReportContents) -> RowFacts | None:
    """Measure how well a model learns from the rows; None without the rows.

    Without a target there are no facts.
    """
    if contents.pictures is None:
        return None
    found, facts = contents.pictures.usefulness, {}
    if found is not None:
        facts = {
            f"trained on synthetic rows (tstr), {found.metric}": f"{found.tstr:.3f}",
            f"trained on real rows (trtr), {found.metric}": f"{found.trtr:.3f}",
            "target": found.target,
            "held-out real rows in the test": f"{found.n_tested:,}",
        }
        fresh = contents.fresh_scores.get("tstr")
        if fresh is not None:
            name = "trained on fresh synthetic rows, with the smaller models of the search"
            facts[name] = f"{fresh:.3f}"
    return RowFacts(f"{contents.pictures.n_rows:,}", facts)


def rules(contents: ReportContents) -> RowFacts | None:
    """Count the rows that break each rule, the worst rule first; None without rows or rules."""
    if contents.pictures is None:
        return None
    found = contents.pictures.comparison.rules
    if found is None or not found.broken:
        return None
    facts = {}
    for sentence, broken in list(found.broken.items())[:_MOST_RULES]:
        text = "cannot be checked" if broken is None else f"{broken:,}"
        if broken:
            text += f" ({share_text(broken / found.n_rows)})"
        real = found.real[sentence]
        share = f"; {share_text(real / found.n_real)} of the real rows" if real else ""
        facts[shortened(sentence)] = text + share
    n_left = len(found.broken) - _MOST_RULES
    remarks = (f"The {n_left:,} rules that fewer rows break are left out.",) if n_left > 0 else ()
    return RowFacts(f"{contents.pictures.n_rows:,}", facts, remarks)


def parameters(contents: ReportContents) -> StackedTable:
    """Return the values of the searched parameters with their ranges."""
    record = contents.chosen_record
    values = {} if record is None else record.parameters
    rows = tuple(
        TableRow(name, "", (value_text(values[name]), _range_text(parameter)))
        for name, parameter in contents.space.parameters.items()
        if name in values
    )
    return StackedTable(("parameter", "chosen", "searched"), rows)


def documents(contents: ReportContents) -> dict[str, str]:
    """Return the whole configuration, the search space and the versions as JSON, by title."""
    found = {
        "The whole configuration": contents.config,
        "The search space": contents.manifest.space,
        "Versions": contents.manifest.versions,
    }
    return {title: json_text(document) for title, document in found.items() if document}


def usage(contents: ReportContents) -> Usage:
    """Return examples of how to generate rows with the model."""
    best = str(contents.directory / "best")
    shell = f'tabvae generate --model "{best}" --rows 100000 --out synthetic.parquet'
    code = (
        "from tabvae_ray import load_synthesizer\n\n"
        f"synthesizer = load_synthesizer({best!r})\n"
        "rows = synthesizer.generate(100_000, seed=0)"
    )
    return Usage(shell, code)


def _remark(contents: ReportContents, name: str, *, fresh: bool) -> str:
    better = "higher is better" if contents.options.higher_is_better(name) else "lower is better"
    if name == "dcr_share":
        better = "0.5 is chance, 1 is copying"
    if name.startswith("membership"):
        better = "0.5 is chance, 1 betrays every training row"
    if name == "membership":
        chosen_by = name in {*contents.space.objectives, *contents.space.constraints}
        quick = (
            "a quick attack with the model, as on every trial; the verdict under Privacy may "
            "differ, as it is of the strongest attack, harder, and calibrated by half of the "
            "held-out rows"
        )
        better = f"{'see Privacy' if chosen_by else quick}; {better}"
    if name in _MEANING:
        better = f"{_MEANING[name]}; {better}"
    if name in contents.space.constraints:
        better += f"; must be {bounds_text(contents.space.constraints[name])}"
    return better if fresh else f"{better}; on the rows generated for this page"


def _verdict(contents: ReportContents, name: str) -> str:
    value, constraint = contents.fresh_scores[name], contents.space.constraints[name]
    kept = "is broken" if is_broken(value, constraint) else "is kept"
    return (
        f"The constraint that {name} be {bounds_text(constraint)} {kept}: "
        f"{value:.3f} on fresh samples."
    )


def _spread_text(spread: float) -> str:
    # Not 0.0000, which would be a score without luck.
    return f"{spread:.4f}" if spread >= 0.00005 else f"{spread:.0e}"


def _range_text(parameter: Parameter) -> str:
    if isinstance(parameter, CategoricalParameter):
        return ", ".join(map(value_text, parameter.choices))
    scale = ", logarithmic" if parameter.log else ""
    return f"{parameter.low:g} to {parameter.high:g}{scale}"
