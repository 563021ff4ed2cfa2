"""The cards at the top of the report: likeness, usefulness, privacy, and the search itself."""

from dataclasses import replace

from tabvae_ray.command_line.lines import counted
from tabvae_ray.comparison.scores.disclosure.verdicts import listed
from tabvae_ray.comparison.scores.membership.verdicts import strongest
from tabvae_ray.page.cards import (
    NO_MODEL,
    Card,
    Tone,
    attack_card,
    clipped,
    likeness_card,
    nearer_share,
    share_card,
    unknown_card,
    usefulness_card,
)
from tabvae_ray.report.attacks import kept_attacks
from tabvae_ray.report.contents import ReportContents
from tabvae_ray.results.constraints import broken_in_words

__all__ = ["Card", "cards", "ended_by"]

# Fewer finished trials tell nothing about the course of a search.
_FEW_TRIALS = 8
_NEGLIGIBLE_GAIN = 0.005
# Of searches that are not over, to follow "the search".
_STATES = {
    "interrupted": "was interrupted, and goes on by --resume",
    "running": "is still running",
    "failed": "failed",
}


def cards(contents: ReportContents) -> tuple[Card, ...]:
    """Return the cards: likeness, usefulness, privacy, and the search itself."""
    useful = None if contents.pictures is None else contents.pictures.usefulness
    advice = "give the search the column that you would predict, by --target."
    if contents.pictures is None and contents.target is not None:
        advice = NO_MODEL
    return (
        likeness_card(_scores(contents), contents.levels, anchor="chosen"),
        usefulness_card(useful, contents.levels, advice=advice, anchor="usefulness"),
        _privacy(contents),
        _search(contents),
    )


def _privacy(contents: ReportContents) -> Card:
    title, anchor = "How private?", "privacy"
    near = None if contents.pictures is None else contents.pictures.privacy
    fresh = contents.fresh_scores.get("dcr_share")
    attack = strongest(*kept_attacks(contents.scores))
    if attack is not None:
        return attack_card(title, *attack, near, fresh=fresh, anchor=anchor)
    found = nearer_share(near, fresh)
    if found is None:
        why = NO_MODEL if near is None else "no rows were held out of training."
        return unknown_card(title, f"Not measured: {why}", anchor)
    return share_card(title, *found, anchor=anchor)


def _search(contents: ReportContents) -> Card:
    title, anchor = "How did the search go?", "trials"
    done = len(contents.records)
    # A resume may ask for fewer trials than have ended.
    planned = max(done, contents.space.settings.n_trials)
    state, plan = contents.manifest.state, contents.manifest.plan
    end = ended_by(contents) or _STATES.get(state, "")
    broken = _broken(contents)
    if not contents.complete:
        over = state == "finished"
        verdict = f"No trial has reached the full budget{'' if over else ' yet'}"
        verdict += f": the search {end}." if end else "."
        verdict += broken
        if contents.scores:
            verdict += " The model is as far as its trial came: more time is likely to help."
        card = unknown_card(title, verdict, anchor)
        return replace(card, tone="poor") if over else card
    verdict = f"{done} of {planned} trials, {len(contents.complete)} to the end"
    verdict += f"; {end.removeprefix('was ').removeprefix('is ')}. " if end else ". "
    tone: Tone = "fair"
    if done < _FEW_TRIALS:
        verdict += "So few trials are a beginning: more time is likely to help."
    elif contents.late_gain() <= _NEGLIGIBLE_GAIN:
        verdict += "The last quarter of them brought nothing new."
        # Longer training might.
        tone = "good" if plan is None else "fair"
    else:
        verdict += "The last quarter of them still improved the front: go on if you can."
    if plan is not None:
        epochs = counted(plan["wanted"], "epoch")
        verdict += f" The time was enough for {plan['epochs']} of {epochs} each."
    if broken:
        verdict, tone = f"{verdict}{broken}", "poor"
    end_of_bar = counted(planned, "trial")
    return Card(title, tone, verdict, "", clipped(done / planned), "", end_of_bar, anchor)


def _broken(contents: ReportContents) -> str:
    """Return a sentence on the constraints that the chosen model breaks; empty if it keeps all."""
    names = broken_in_words(contents.fresh_scores, contents.space)
    many = "constraints" if len(names) > 1 else "constraint"
    return f" The chosen model breaks the {many} {listed(names)}." if names else ""


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
