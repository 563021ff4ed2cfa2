"""Cards at the top of a page: a verdict for each question that a reader comes with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels
from tabvae_ray.comparison.score_words import place_of, score_in_words
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.comparison.scores.membership.verdicts import attack_in_words, attack_tone, grade
from tabvae_ray.comparison.scores.usefulness import Usefulness

__all__ = [
    "Card",
    "Tone",
    "attack_card",
    "clipped",
    "likeness_card",
    "unknown_card",
    "usefulness_card",
]

Tone = Literal["good", "fair", "poor", "unknown"]


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
    share = _share(name, scores, levels)
    if share is None:
        return unknown_card(title, "Not measured: there is no model or no table yet.", anchor)
    place = place_of(share)
    card = Card(
        title,
        place.tone,
        f"The associations between columns are {place.words}.",
        f"correlation distance {scores[name]:.3f}",
        clipped(1 - share),
        f"columns shuffled {levels.independent[name].mean:.3f}",
        f"fresh rows {levels.fresh[name].mean:.3f}",
        anchor,
    )
    distance = scores.get("mean_js_distance")
    columns = distance and score_in_words("mean_js_distance", distance, levels)
    if columns:
        card = replace(card, verdict=f"{card.verdict} Single columns are {columns}.")
    told = _share("detection", scores, levels)
    if told is not None:
        rows = place_of(told)
        card = replace(
            card, verdict=f"{card.verdict} Whole rows, to a classifier, are {rows.words}."
        )
        if rows.tone == "poor" and card.tone == "good":
            card = replace(card, tone="fair")
    return card


def usefulness_card(
    found: Usefulness | None, levels: ReferenceLevels, *, advice: str, anchor: str
) -> Card:
    """Return how useful the rows are to predict the target; ``advice`` if there is none."""
    title = "How useful?"
    if found is None:
        return unknown_card(title, f"Not measured: {advice}", anchor)
    # That of fresh samples comes from the smaller models of a search.
    value = found.tstr
    floor = _mean(levels.independent, "tstr") or 0.0
    span = found.trtr - floor
    share = (found.trtr - value) / span if span > 0 else 0.0
    place = place_of(share, useful=True)
    return Card(
        title,
        place.tone,
        f"To train a model that predicts {found.target}, these rows are {place.words}. It was "
        f"tested on {found.n_tested:,} real rows.",
        f"{found.metric} {value:.3f}",
        clipped(1 - share),
        f"columns shuffled {floor:.3f}",
        f"real rows {found.trtr:.3f}",
        anchor,
    )


def attack_card(title: str, holder: str, attacks: MembershipAttacks, *, anchor: str) -> Card:
    """Return what the strongest attack on membership found.

    Args:
        title: The question.
        holder: What the attacker has.
        attacks: The attacks.
        anchor: The section with the evidence.
    """
    return Card(
        title,
        attack_tone(attacks),
        f"{grade(attacks)}: {attack_in_words(holder, attacks)} This measures, it does not "
        "guarantee.",
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


def _share(name: str, scores: Mapping[str, float], levels: ReferenceLevels) -> float | None:
    """Return the share of the way from a fresh sample to shuffled columns; None if unknown."""
    value = scores.get(name)
    fresh, shuffled = _mean(levels.fresh, name), _mean(levels.independent, name)
    if value is None or fresh is None or shuffled is None:
        return None
    sign = -1.0 if name in levels.higher_is_better else 1.0
    span = sign * (shuffled - fresh)
    return sign * (value - fresh) / span if span > 0 else None


def _mean(levels: Mapping[str, Level], name: str) -> float | None:
    level = levels.get(name)
    return None if level is None else level.mean
