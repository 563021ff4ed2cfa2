"""Findings of the attacks on named columns, in words that need no knowledge of the attacks."""

from collections.abc import Sequence
from typing import Any

from tabvae_ray.comparison.scores.disclosure.attacks import DisclosureAttacks
from tabvae_ray.comparison.scores.disclosure.risk import DisclosureRisk

__all__ = ["NOT_ATTACKED", "disclosure_document", "disclosure_verdict", "listed", "risk_in_words"]

NOT_ATTACKED = (
    "The risk of the columns that the spec names under `privacy` was not measured: that needs "
    "held-out rows (validation.holdout_fraction, or compare --held-out)."
)


def disclosure_verdict(found: DisclosureAttacks) -> str:
    """Return what someone who has synthetic rows finds out about people in the table."""
    known = listed(found.columns.known)
    sentences = [
        f"Someone who has synthetic rows and knows {known} of a person guesses {name} rightly in "
        f"{_rates(risk)}: {risk_in_words(risk)}.{_weakness(risk)}"
        for name, risk in found.inference.items()
    ]
    link, single = found.linkability, found.singling_out
    sentences.append(
        f"A row of {known} and the same person's row of {listed(found.columns.secret)} are linked "
        f"by their nearest synthetic row in {_rates(link)}: {risk_in_words(link)}."
    )
    if single is None:
        sentences.append("No description of these columns fits a single synthetic row.")
    else:
        sentences.append(
            f"A description that fits a single synthetic row fits a single real row in "
            f"{_rates(single)}: {risk_in_words(single)}."
        )
    return " ".join(sentences)


def disclosure_document(found: DisclosureAttacks) -> dict[str, Any]:
    """Return the verdict and the numbers for JSON."""
    return {"verdict": disclosure_verdict(found), **found.to_mapping()}


def risk_in_words(risk: DisclosureRisk) -> str:
    """Return a risk with its interval, and whether there is any."""
    low, high = risk.interval
    if risk.is_rough:
        return (
            f"the added risk is {risk.value:.2f}, but a rough estimate, because few rows are held "
            "out for so many training rows"
        )
    shown = "no added risk shown" if low <= 0 else "an added risk"
    return f"{shown}, {risk.value:.2f} (95% interval {low:.2f} to {high:.2f})"


def _rates(risk: DisclosureRisk) -> str:
    return (
        f"{_in_100(risk.attack_rate)} of 100 cases if the person is in the training rows, and in "
        f"{_in_100(risk.control_rate)} of 100 if not"
    )


def _weakness(risk: DisclosureRisk) -> str:
    """Return a sentence if the attack is no better than blind guesses."""
    if risk.baseline is None or risk.attack_rate > risk.baseline:
        return ""
    return (
        f" Blind guesses are right in {_in_100(risk.baseline)} of 100, so this attack is too weak "
        "to tell."
    )


def _in_100(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.1 or share == 0 else f"{100 * share:.1f}"


def listed(names: Sequence[str]) -> str:
    """Return one name or more as words, such as ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
