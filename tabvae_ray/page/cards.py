"""Cards at the top of a page: a verdict for each question that a reader comes with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels
from tabvae_ray.comparison.score_words import (
    SHUFFLED,
    THE_MEAN,
    Place,
    is_above,
    known,
    place,
    place_of,
    worst_use,
)
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.comparison.scores.membership.verdicts import attack_in_words, attack_tone, grade
from tabvae_ray.comparison.scores.privacy import Privacy, share_text, share_tone
from tabvae_ray.comparison.scores.usefulness import Usefulness

__all__ = [
    "NO_MODEL",
    "Card",
    "Tone",
    "attack_card",
    "clipped",
    "likeness_card",
    "nearer_share",
    "share_card",
    "unknown_card",
    "usefulness_card",
]

Tone = Literal["good", "fair", "poor", "unknown"]
_FROM_THE_BEST: Sequence[Tone] = ("good", "fair", "poor")

NO_MODEL = "there is no model yet, or its table cannot be read."
# A predictor that makes hardly a mistake found a column that tells the target; of few rows, it may
# be luck.
_HARDLY_A_MISTAKE, _ENOUGH_TESTED = 0.9995, 100
# What a predictor reaches that has learnt nothing. That of macro-F1 depends on the categories.
_FLOORS: Mapping[str, tuple[str, float]] = {"AUC": ("guessing", 0.5), "R2": (THE_MEAN, 0.0)}
# Floors as the bar names them.
_SHORT = {SHUFFLED: "columns shuffled", THE_MEAN: "always the mean"}


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
    end, real = (
        ("fresh", levels.fresh) if known(levels.fresh.get(name)) else ("resampled", levels.resample)
    )
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
    tested = f"It was tested on {found.n_tested:,} real rows."
    nothing, shuffled = _FLOORS.get(found.metric), known(levels.independent.get("tstr"))
    if nothing is not None and (shuffled is None or found.trtr <= nothing[1]):
        than, floor = nothing[0], Level(nothing[1], 0.0)
    elif shuffled is not None:
        than, floor = worst_use(shuffled)
    else:
        return unknown_card(
            title,
            f"These rows reach {found.metric} {value:.3f}, real rows {found.trtr:.3f}. There is no "
            f"verdict without shuffled columns to compare with. {tested}",
            anchor,
        )
    name, real = _SHORT.get(than, than), Level(found.trtr, levels.fresh.get("tstr", floor).spread)
    if not is_above(floor, real, best=1.0, sign=-1.0):
        return unknown_card(
            title,
            f"Real rows hardly tell {found.target} ({found.metric} {real.mean:.3f}; {name} "
            f"{floor.mean:.3f}), so these rows ({value:.3f}) cannot show how useful they are. "
            f"{tested}",
            anchor,
        )
    if real.mean >= _HARDLY_A_MISTAKE and found.n_tested >= _ENOUGH_TESTED:
        tested += (
            f" Real rows predict it with hardly a mistake: other columns tell {found.target}, and "
            "another target would show more."
        )
    share = (real.mean - value) / (real.mean - floor.mean)
    found_place = place_of(share, than=than)
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
    title: str,
    holder: str,
    attacks: MembershipAttacks,
    near: Privacy | None,
    *,
    anchor: str,
    fresh: float | None = None,
) -> Card:
    """Return what the strongest attack on membership found, or the nearest rows if that is worse.

    Args:
        title: The question.
        holder: What the attacker has.
        attacks: The attacks.
        near: How near the rows come to real rows, if that is known.
        anchor: The section with the evidence.
        fresh: The share of fresh samples that is nearer to training rows, if that is known.
    """
    tone: Tone = attack_tone(attacks)
    found, words = nearer_share(near, fresh), attack_in_words(holder, attacks)
    verdict = f"{grade(attacks)}: {words}"
    if found is not None and found[1] != "good":
        said = _share_in_words(*found)
        if attacks.low > 0.5:
            verdict += f" {_capitalised(said)}"
        else:
            # Otherwise the card would begin with what it takes back.
            verdict = f"The attacks found no leak, but {said} {_capitalised(words)}"
            if tone != "good":
                verdict += " With so few rows a considerable leak cannot be excluded."
    verdict += " This measures, it does not guarantee."
    if found is not None and _is_worse(found[1], tone):
        return share_card(title, *found, anchor=anchor, verdict=verdict)
    return Card(
        title,
        tone,
        verdict,
        f"strongest attack, AUC {attacks.auc:.3f}",
        clipped(2 - 2 * attacks.auc),
        "betrays all 1",
        "chance 0.5",
        anchor,
    )


def share_card(title: str, share: float, tone: Tone, *, anchor: str, verdict: str = "") -> Card:
    """Return how many rows are nearer to training rows.

    Args:
        title: The question.
        share: The share, see :func:`nearer_share`.
        tone: Its verdict as a colour.
        anchor: The section with the evidence.
        verdict: The verdict in words; without it, there were no attacks.
    """
    alone = (
        f"{_capitalised(_share_in_words(share, tone))} Leaks can pass this test, and attacks on "
        "membership were not measured."
    )
    return Card(
        title,
        tone,
        verdict or alone,
        f"nearer to training {share:.3f}",
        clipped(1 - 2 * abs(share - 0.5)),
        "copies 1" if share >= 0.5 else "copies of held-out rows 0",
        "chance 0.5",
        anchor,
    )


def nearer_share(near: Privacy | None, fresh: float | None) -> tuple[float, Tone] | None:
    """Return the share of rows that are nearer to training rows, and how bad it is.

    Of the rows of a page and of fresh samples it is the worse one; None if neither is known.

    Args:
        near: How near the rows of the page come to real rows.
        fresh: The share of fresh samples.
    """
    shares = [fresh, None if near is None else near.dcr_share]
    error = None if near is None else near.standard_error
    found = [
        (share, share_tone(share, error))
        for share in shares
        if share is not None and math.isfinite(share)
    ]
    return max(found, key=lambda pair: _FROM_THE_BEST.index(pair[1]), default=None)


def _share_in_words(share: float, tone: Tone) -> str:
    """Return a share of rows that are nearer to training rows, to follow "but"."""
    of_all = (
        f"{share_text(share, places=0)} of the rows are nearer to a training row than to a "
        "held-out row (chance: 50%)"
    )
    if tone == "good":
        return f"{of_all}."
    if share < 0.5:
        return f"only {of_all}: was the model trained on the held-out rows?"
    much = "the model repeats its training rows" if tone == "poor" else "there is some memorising"
    return f"{much}: {of_all}."


def _is_worse(one: Tone, other: Tone) -> bool:
    return _FROM_THE_BEST.index(one) > _FROM_THE_BEST.index(other)


def _capitalised(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def unknown_card(title: str, verdict: str, anchor: str) -> Card:
    """Return a card without a number."""
    return Card(title, "unknown", verdict, "", None, "", "", anchor)


def clipped(position: float) -> float:
    """Return a position on the bar of a card, which ends at 0 and 1."""
    return min(max(position, 0.0), 1.0)
