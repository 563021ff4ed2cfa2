"""Attacks on the people in the table, as facts of the section on privacy."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from tabvae_ray.comparison.scores.disclosure.attacks import DisclosureAttacks
from tabvae_ray.comparison.scores.disclosure.verdicts import risk_in_words
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.comparison.scores.privacy import share_text
from tabvae_ray.documents import read_versioned
from tabvae_ray.results.trial_record import Number
from tabvae_ray.storage import Location

__all__ = ["disclosure_facts", "kept_attacks", "membership_facts", "read_scores"]


@with_config(ConfigDict(extra="allow"))
class _ModelScores(TypedDict, total=False):
    spread: dict[str, Number]


_SCORES_FILE = TypeAdapter(_ModelScores)


def read_scores(model: Location) -> dict[str, Any]:
    """Read the document ``scores.json`` of an export.

    Raises:
        StorageError: If it cannot be read.
        DataError: If it is another document.
    """
    what = "the scores of a model"
    scores = read_versioned(model / "scores.json", _SCORES_FILE, 1, what)
    return dict(scores)


def kept_attacks(
    scores: Mapping[str, Any],
) -> tuple[MembershipAttacks | None, MembershipAttacks | None]:
    """Return the attacks with the model and those with synthetic rows, where they were measured.

    Args:
        scores: The document ``scores.json`` of the export.
    """
    kept = scores.get("membership_attacks", {})
    white_box, black_box = (
        MembershipAttacks.from_mapping(kept[kind]) if kind in kept else None
        for kind in ("white_box", "black_box")
    )
    return white_box, black_box


def membership_facts(attacks: Mapping[str, Any]) -> dict[str, str]:
    """Return the success of the attacks that the search kept with the export."""
    holders = {"white_box": "with the model", "black_box": "with synthetic rows"}
    facts = {}
    for kind, holder in holders.items():
        if kind in attacks:
            found = MembershipAttacks.from_mapping(attacks[kind])
            best = found.attacks[found.strongest]
            facts[f"strongest attack {holder} ({found.strongest}), AUC"] = (
                f"{found.auc:.3f}, 95% interval {found.low:.3f} to {found.high:.3f}; chance is 0.5"
            )
            facts[f"training rows it finds {holder} at 1% and 0.1% false alarms"] = (
                f"{share_text(best.tpr_at_1_percent, places=1)} and "
                f"{share_text(best.tpr_at_01_percent, places=1)}; chance finds "
                f"{share_text(found.chance_at(0.01), places=1)} and "
                f"{share_text(found.chance_at(0.001), places=1)}"
            )
    return facts


def disclosure_facts(attacks: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the risks of the columns that the spec names under ``privacy``."""
    if attacks is None:
        return {}
    found = DisclosureAttacks.from_mapping(attacks)
    return {
        f"risk of {name}": f"{risk_in_words(risk)}; success {risk.attack_rate:.3f} on training "
        f"rows, {risk.control_rate:.3f} on held-out rows"
        for name, risk in found.risks.items()
    }
