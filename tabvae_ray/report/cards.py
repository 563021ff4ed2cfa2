"""The cards at the top of the page: a verdict for each question that a reader comes with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tabvae_ray.comparison.reference_levels import Level
from tabvae_ray.comparison.score_words import place_of, score_in_words
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.comparison.scores.membership.verdicts import (
    attack_in_words,
    attack_tone,
    strongest,
)
from tabvae_ray.report.contents import ReportContents

__all__ = ["Card", "cards", "ended_by"]

Tone = Literal["good", "fair", "poor", "unknown"]

# Fewer finished trials tell nothing about the course of a search.
_FEW_TRIALS = 8
_NEGLIGIBLE_GAIN = 0.005


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


def cards(contents: ReportContents) -> tuple[Card, ...]:
    """Return the cards: likeness, usefulness, privacy, and the search itself."""
    return _likeness(contents), _usefulness(contents), _privacy(contents), _search(contents)


def _likeness(contents: ReportContents) -> Card:
    title, anchor = "How like the real table?", "chosen"
    name = "correlation_distance"
    value = _scores(contents).get(name)
    fresh, shuffled = _mean(contents.levels.fresh, name), _mean(contents.levels.independent, name)
    if value is None or fresh is None or shuffled is None or shuffled <= fresh:
        return _unknown(title, "Not measured: there is no model or no table yet.", anchor)
    share = (value - fresh) / (shuffled - fresh)
    place = place_of(share)
    verdict = f"The associations between columns are {place.words}."
    distance = _scores(contents).get("mean_js_distance")
    columns = distance and score_in_words("mean_js_distance", distance, contents.levels)
    if columns:
        verdict += f" Single columns are {columns}."
    return Card(
        title,
        place.tone,
        verdict,
        f"correlation distance {value:.3f}",
        _clipped(1 - share),
        f"columns shuffled {shuffled:.3f}",
        f"fresh rows {fresh:.3f}",
        anchor,
    )


def _usefulness(contents: ReportContents) -> Card:
    title, anchor = "How useful?", "usefulness"
    found = None if contents.pictures is None else contents.pictures.usefulness
    if found is None:
        advice = "Not measured: give the search the column that you would predict, by --target."
        return _unknown(title, advice, anchor)
    # That of fresh samples comes from the smaller models of the search.
    value = found.tstr
    floor = _mean(contents.levels.independent, "tstr") or 0.0
    span = found.trtr - floor
    share = (found.trtr - value) / span if span > 0 else 0.0
    place = place_of(share, useful=True)
    return Card(
        title,
        place.tone,
        f"To train a model that predicts {found.target}, these rows are {place.words}. It was "
        f"tested on {found.n_tested:,} real rows.",
        f"{found.metric} {value:.3f}",
        _clipped(1 - share),
        f"columns shuffled {floor:.3f}",
        f"real rows {found.trtr:.3f}",
        anchor,
    )


def _privacy(contents: ReportContents) -> Card:
    title, anchor = "How private?", "privacy"
    kept = contents.scores.get("membership_attacks", {})
    white_box, black_box = (
        MembershipAttacks.from_mapping(kept[kind]) if kind in kept else None
        for kind in ("white_box", "black_box")
    )
    attack = strongest(white_box, black_box)
    if attack is not None:
        words = attack_in_words(*attack)
        auc = attack[1].auc
        return Card(
            title,
            attack_tone(attack[1]),
            f"{words[0].upper()}{words[1:]} This measures, it does not guarantee.",
            f"strongest attack, AUC {auc:.3f}",
            _clipped(2 - 2 * auc),
            "betrays all 1",
            "chance 0.5",
            anchor,
        )
    share = contents.fresh_scores.get("dcr_share")
    if share is None and contents.pictures is not None:
        share = contents.pictures.privacy.dcr_share
    if share is None:
        return _unknown(title, "Not measured: no rows were held out of training.", anchor)
    position = 1 - 2 * abs(share - 0.5)
    verdict = (
        f"{share:.0%} of the rows are nearer to a training row than to a held-out row; 50% is "
        "chance. Leaks can pass this test, and attacks on membership were not measured."
    )
    return Card(
        title,
        "good" if share <= 0.55 else "fair" if share <= 0.65 else "poor",
        verdict,
        f"nearer to training {share:.3f}",
        _clipped(position),
        "copies 1",
        "chance 0.5",
        anchor,
    )


def _search(contents: ReportContents) -> Card:
    title, anchor = "How did the search go?", "trials"
    done, planned = len(contents.records), contents.space.settings.n_trials
    if not contents.complete:
        return _unknown(title, "No trial has reached the full budget.", anchor)
    volumes = [volume for _, volume in contents.hypervolumes()]
    end = ended_by(contents)
    complete = len(contents.complete)
    verdict = f"{done} of {planned} trials, {complete} to the end{f'; {end}' if end else ''}. "
    tone: Tone = "fair"
    if len(volumes) < _FEW_TRIALS:
        verdict += "So few trials are a beginning: more time is likely to help."
    else:
        before = volumes[-1 - len(volumes) // 4]
        gain = (volumes[-1] - before) / volumes[-1] if volumes[-1] else 0.0
        if gain <= _NEGLIGIBLE_GAIN:
            verdict += "The last quarter of them brought nothing new."
            tone = "good"
        else:
            verdict += "The last quarter of them still improved the front: go on if you can."
    return Card(title, tone, verdict, "", _clipped(done / planned), "", f"{planned} trials", anchor)


def ended_by(contents: ReportContents) -> str:
    """Return why a search ended before its last trial; empty if it did not, or still runs."""
    settings, state = contents.space.settings, contents.manifest.state
    if state != "finished" or len(contents.records) >= settings.n_trials:
        return ""
    budget = settings.time_budget
    return "ended early" if budget is None else f"ended by its time budget of {budget:g} s"


def _scores(contents: ReportContents) -> dict[str, float]:
    """Return the chosen model's scores: on fresh samples where they are known."""
    drawn = {} if contents.pictures is None else contents.pictures.comparison.scores
    return {**drawn, **contents.fresh_scores}


def _mean(levels: Mapping[str, Level], name: str) -> float | None:
    level = levels.get(name)
    return None if level is None else level.mean


def _clipped(position: float) -> float:
    return min(max(position, 0.0), 1.0)


def _unknown(title: str, verdict: str, anchor: str) -> Card:
    return Card(title, "unknown", verdict, "", None, "", "", anchor)
