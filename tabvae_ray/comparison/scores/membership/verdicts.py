"""Findings of membership inference, in words that need no knowledge of the attacks."""

from collections.abc import Mapping
from typing import Literal

from tabvae_ray.comparison.scores.membership.success import MembershipAttacks

__all__ = [
    "NOT_MEASURED",
    "attack_in_words",
    "attack_tone",
    "grade",
    "membership_verdict",
    "strongest",
]

NOT_MEASURED = (
    "Whether the model betrays who is in the table was not measured: that needs held-out rows, "
    "which no model is trained on (validation.holdout_fraction, or compare --held-out)."
)

# Where fewer rows of a side are attacked, only large leaks show.
_FEW_ROWS = 100
_STRONG = 0.75
# An interval that reaches beyond cannot exclude a considerable leak.
_UNSURE = 0.65


def strongest(
    white_box: MembershipAttacks | None, black_box: MembershipAttacks | None
) -> tuple[str, MembershipAttacks] | None:
    """Return what the most successful attacker has, and the attacks; None without any attack.

    An attack that is surely better than chance counts more than one that may be luck.

    Args:
        white_box: Attacks of someone who has the model.
        black_box: Attacks of someone who has synthetic rows only.
    """
    found = _by_holder(white_box, black_box)
    if not found:
        return None
    holder = max(found, key=lambda name: (found[name].low > 0.5, found[name].auc))
    return holder, found[holder]


def attack_in_words(holder: str, attacks: MembershipAttacks) -> str:
    """Return the success of the strongest attack, and its interval, as a clause."""
    share, low, high = _in_100(attacks)
    success = (
        f"someone who has {holder} and two real rows, one of which is in the training rows, picks "
        f"the right one in {share} of 100 cases"
    )
    if attacks.low > 0.5:
        return f"{success} (95% interval {low} to {high}); 50 is chance."
    if attacks.auc <= 0.5:
        return f"{success}, no more than by guessing (95% interval {low} to {high})."
    # Otherwise 60 of 100 reads like a leak beside "no leak found".
    return (
        f"{success}. Guessing gives 50, and the difference may be luck: the 95% interval, {low} to "
        f"{high}, includes 50."
    )


def attack_tone(attacks: MembershipAttacks) -> Literal["good", "fair", "poor"]:
    """Return how bad a leak is, judged by the interval of the strongest attack.

    It is ``good`` if the interval holds chance and excludes a considerable leak.
    """
    if attacks.low > 0.5:
        return "poor" if attacks.auc >= _STRONG else "fair"
    return "good" if attacks.high <= _UNSURE else "fair"


def membership_verdict(
    white_box: MembershipAttacks | None, black_box: MembershipAttacks | None
) -> str:
    """Return what the strongest attack means, and how sure that is.

    Args:
        white_box: Attacks of someone who has the model.
        black_box: Attacks of someone who has synthetic rows only.
    """
    best = strongest(white_box, black_box)
    if best is None:
        return NOT_MEASURED
    holder, worst = best
    sentences = [f"{grade(worst)}: {attack_in_words(holder, worst)}"]
    for other, attacks in _by_holder(white_box, black_box).items():
        if other != holder:
            share, low, high = _in_100(attacks)
            sentences.append(f"With {other} it is {share} of 100 ({low} to {high}).")
    rows = (
        f"Measured on {worst.n_members:,} training rows and {worst.n_non_members:,} held-out rows"
    )
    if worst.n_reference:
        rows += f", with {worst.n_reference:,} other real rows in the attacker's hands"
    few = min(worst.n_members, worst.n_non_members) < _FEW_ROWS
    sentences.append(f"{rows}{'; so few rows show only large leaks' if few else ''}.")
    return " ".join(sentences)


def grade(attacks: MembershipAttacks) -> str:
    """Return how much attacks betray, in a few words."""
    if attacks.low <= 0.5:
        if attack_tone(attacks) == "good":
            return "No leak found"
        return "No leak found, but with so few rows a considerable one cannot be excluded"
    if attacks.auc >= _STRONG:
        return "Strong leak of membership"
    return "Some leak of membership"


def _by_holder(
    white_box: MembershipAttacks | None, black_box: MembershipAttacks | None
) -> Mapping[str, MembershipAttacks]:
    given = {"the trained model": white_box, "only synthetic rows": black_box}
    return {holder: attacks for holder, attacks in given.items() if attacks is not None}


def _in_100(attacks: MembershipAttacks) -> list[str]:
    """Return the success in 100 cases, and the ends of its interval.

    An interval that begins just above chance must not read as if it began there.
    """
    digits = 1 if f"{100 * attacks.low:.0f}" == "50" else 0
    return [f"{100 * share:.{digits}f}" for share in (attacks.auc, attacks.low, attacks.high)]
