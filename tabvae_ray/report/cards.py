"""The cards at the top of the report: likeness, usefulness, privacy, and the search itself."""

from dataclasses import replace

from tabvae_ray.command_line.lines import counted
from tabvae_ray.comparison.scores.membership.verdicts import strongest
from tabvae_ray.page.cards import (
    Card,
    Tone,
    attack_card,
    clipped,
    likeness_card,
    unknown_card,
    usefulness_card,
)
from tabvae_ray.report.attacks import kept_attacks
from tabvae_ray.report.contents import ReportContents

__all__ = ["Card", "cards", "ended_by"]

# Fewer finished trials tell nothing about the course of a search.
_FEW_TRIALS = 8
_NEGLIGIBLE_GAIN = 0.005


def cards(contents: ReportContents) -> tuple[Card, ...]:
    """Return the cards: likeness, usefulness, privacy, and the search itself."""
    useful = None if contents.pictures is None else contents.pictures.usefulness
    advice = "give the search the column that you would predict, by --target."
    return (
        likeness_card(_scores(contents), contents.levels, anchor="chosen"),
        usefulness_card(useful, contents.levels, advice=advice, anchor="usefulness"),
        _privacy(contents),
        _search(contents),
    )


def _privacy(contents: ReportContents) -> Card:
    title, anchor = "How private?", "privacy"
    attack = strongest(*kept_attacks(contents.scores))
    if attack is not None:
        return attack_card(title, *attack, anchor=anchor)
    share = contents.fresh_scores.get("dcr_share")
    if share is None and contents.pictures is not None:
        share = contents.pictures.privacy.dcr_share
    if share is None:
        return unknown_card(title, "Not measured: no rows were held out of training.", anchor)
    verdict = (
        f"{share:.0%} of the rows are nearer to a training row than to a held-out row; 50% is "
        "chance. Leaks can pass this test, and attacks on membership were not measured."
    )
    return Card(
        title,
        "good" if share <= 0.55 else "fair" if share <= 0.65 else "poor",
        verdict,
        f"nearer to training {share:.3f}",
        clipped(2 - 2 * share),
        "copies 1",
        "chance 0.5",
        anchor,
    )


def _search(contents: ReportContents) -> Card:
    title, anchor = "How did the search go?", "trials"
    done, planned = len(contents.records), contents.space.settings.n_trials
    end = ended_by(contents)
    plan = contents.manifest.plan
    if not contents.complete:
        over = contents.manifest.state == "finished"
        verdict = f"No trial has reached the full budget{'' if over else ' yet'}"
        verdict += f": the search {end}." if end else "."
        if contents.scores:
            verdict += " The model is as far as its trial came: more time is likely to help."
        card = unknown_card(title, verdict, anchor)
        return replace(card, tone="poor") if over else card
    complete = len(contents.complete)
    verdict = f"{done} of {planned} trials, {complete} to the end{f'; {end}' if end else ''}. "
    if plan is not None:
        verdict += (
            f"Its time was enough for {plan['epochs']} of {counted(plan['wanted'], 'epoch')} each. "
        )
    tone: Tone = "fair"
    if done < _FEW_TRIALS:
        verdict += "So few trials are a beginning: more time is likely to help."
    elif contents.late_gain() <= _NEGLIGIBLE_GAIN:
        verdict += "The last quarter of the trials brought nothing new."
        # Longer training might.
        tone = "good" if plan is None else "fair"
    else:
        verdict += "The last quarter of the trials still improved the front: go on if you can."
    return Card(title, tone, verdict, "", clipped(done / planned), "", f"{planned} trials", anchor)


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
