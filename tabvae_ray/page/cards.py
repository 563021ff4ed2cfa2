"""Cards at the top of a page: a verdict for each question that a reader comes with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels
from tabvae_ray.comparison.score_words import Place, is_above, place, place_of
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.comparison.scores.membership.verdicts import attack_in_words, attack_tone, grade
from tabvae_ray.comparison.scores.privacy import Privacy
from tabvae_ray.comparison.scores.usefulness import Usefulness

__all__ = [
    "NO_MODEL",
    "Card",
    "Tone",
    "attack_card",
    "clipped",
    "likeness_card",
    "unknown_card",
    "usefulness_card",
]

Tone = Literal["good", "fair", "poor", "unknown"]

NO_MODEL = "there is no model or no table yet."
# A predictor that makes no mistake found a column that tells the target.
_NO_MISTAKE = 0.9995
# What a predictor reaches that has learnt nothing, where no levels were computed.
_FLOORS: Mapping[str, tuple[str, float]] = {
    "AUC": ("guessing", 0.5),
    "R2": ("always the mean", 0.0),
    "macro-F1": ("never right", 0.0),
}


@dataclass(frozen=True)
class Card:
    """A verdict in words, with its number between a floor and a ceiling.

    Args:
        title: The question.
        tone: The verdict as a colour.
        verdict: The verdict, a sentence.
        number: The number behind it, with its name; empty without one.
        position: Position of the number between floor (0) and ceiling (1); None without one.
        floor: Name and value of the floor.
        ceiling: Name and value of the ceiling.
        anchor: The section with the evidence.
    """

    title: str
    tone: Tone
    verdict: str
    number: str
    position: float | None
    floor: str
    ceiling: str
    anchor: str


def likeness_card(scores: Mapping[str, float], levels: ReferenceLevels, *, anchor: str) -> Card:
    """Return how like the real table the rows are: pairs of columns, columns, and whole rows."""
    title, name = "How like the real table?", "correlation_distance"
    pairs, columns, rows = (
        place(which, scores[which], levels) if which in scores else None
        for which in (name, "mean_js_distance", "detection")
    )
    if name not in levels.independent:
        # A single column has no associations.
        pairs = None
    found = [
        (f"{what} {part.words}.", part)
        for what, part in (
            ("The associations between columns are", pairs),
            ("Single columns are", columns),
            ("Whole rows, to a classifier, are", rows),
        )
        if part is not None
    ]
    if not found:
        return unknown_card(title, f"Not measured: {NO_MODEL}", anchor)
    tone: Tone = found[0][1].tone
    if tone == "good" and _are_far(columns, rows):
        tone = "fair"
    card = Card(title, tone, " ".join(words for words, _ in found), "", None, "", "", anchor)
    if pairs is None or pairs.share is None:
        return card
    # Fewer than 8 rows have no fresh sample.
    end, real = ("fresh", levels.fresh) if name in levels.fresh else ("resampled", levels.resample)
    return replace(
        card,
        number=f"correlation distance {scores[name]:.3f}",
        position=clipped(1 - pairs.share),
        floor=f"columns shuffled {levels.independent[name].mean:.3f}",
        ceiling=f"{end} rows {real[name].mean:.3f}",
    )


def _are_far(columns: Place | None, rows: Place | None) -> bool:
    """Return whether the associations alone would tell too good a story of the rows."""
    # A classifier finds what nobody would call poor, so rows that are between do not count.
    return (columns is not None and columns.tone != "good") or (
        rows is not None and rows.tone == "poor"
    )


def usefulness_card(
    found: Usefulness | None, levels: ReferenceLevels, *, advice: str, anchor: str
) -> Card:
    """Return how useful the rows are to predict the target; ``advice`` if there is none."""
    title = "How useful?"
    if found is None:
        return unknown_card(title, f"Not measured: {advice}", anchor)
    # That of fresh samples comes from the smaller models of a search.
    value = found.tstr
    floor, name = levels.independent.get("tstr"), "columns shuffled"
    if floor is None:
        name, lowest = _FLOORS[found.metric]
        floor = Level(lowest, 0.0)
    real = Level(found.trtr, levels.fresh.get("tstr", floor).spread)
    tested = f"It was tested on {found.n_tested:,} real rows."
    if not is_above(floor, real, best=1.0, sign=-1.0):
        return unknown_card(
            title,
            f"Real rows hardly tell {found.target} ({found.metric} {real.mean:.3f}; {name} "
            f"{floor.mean:.3f}), so these rows ({value:.3f}) cannot show how useful they are. "
            f"{tested}",
            anchor,
        )
    if real.mean >= _NO_MISTAKE:
        tested += (
            f" Real rows predict it without a mistake: other columns tell {found.target}, and "
            "another target would show more."
        )
    share = (real.mean - value) / (real.mean - floor.mean)
    found_place = place_of(share, useful=True)
    return Card(
        title,
        found_place.tone,
        f"To train a model that predicts {found.target}, these rows are {found_place.words}. "
        f"{tested}",
        f"{found.metric} {value:.3f}",
        clipped(1 - share),
        f"{name} {floor.mean:.3f}",
        f"real rows {real.mean:.3f}",
        anchor,
    )


def attack_card(
    title: str, holder: str, attacks: MembershipAttacks, near: Privacy | None, *, anchor: str
) -> Card:
    """Return what the strongest attack on membership found.

    Args:
        title: The question.
        holder: What the attacker has.
        attacks: The attacks.
        near: How near the rows come to real rows, if that is known.
        anchor: The section with the evidence.
    """
    tone: Tone = attack_tone(attacks)
    verdict = f"{grade(attacks)}: {attack_in_words(holder, attacks)}"
    if near is not None and near.is_one_sided:
        # No attack found it, or the held-out rows were none.
        verdict += f" {near.share_verdict}"
        tone = "fair" if tone == "good" else tone
    return Card(
        title,
        tone,
        f"{verdict} This measures, it does not guarantee.",
        f"strongest attack, AUC {attacks.auc:.3f}",
        clipped(2 - 2 * attacks.auc),
        "betrays all 1",
        "chance 0.5",
        anchor,
    )


def unknown_card(title: str, verdict: str, anchor: str) -> Card:
    """Return a card without a number."""
    return Card(title, "unknown", verdict, "", None, "", "", anchor)


def clipped(position: float) -> float:
    """Return a position on the bar of a card, which ends at 0 and 1."""
    return min(max(position, 0.0), 1.0)
