"""Findings of membership inference, in words that need no knowledge of the attacks."""

from collections.abc import Mapping

from tabvae_ray.comparison.scores.membership.success import MembershipAttacks

__all__ = ["NOT_MEASURED", "membership_verdict"]

NOT_MEASURED = (
    "Whether the model betrays who is in the table was not measured: that needs held-out rows, "
    "which no model is trained on (validation.holdout_fraction, or compare --held-out)."
)

# Where fewer rows of a side are attacked, only large leaks show.
_FEW_ROWS = 100
_STRONG = 0.75


def membership_verdict(
    white_box: MembershipAttacks | None, black_box: MembershipAttacks | None
) -> str:
    """Return what the strongest attack means, and how sure that is.

    Args:
        white_box: Attacks of someone who has the model.
        black_box: Attacks of someone who has synthetic rows only.
    """
    found: Mapping[str, MembershipAttacks] = {
        holder: attacks
        for holder, attacks in (
            ("the trained model", white_box),
            ("only synthetic rows", black_box),
        )
        if attacks is not None
    }
    if not found:
        return NOT_MEASURED
    holder = max(found, key=lambda name: found[name].auc)
    worst = found[holder]
    sentences = [
        f"{_grade(worst)}: someone who has {holder} and two real rows, one of which is in the "
        f"training rows, picks the right one in {_in_100(worst.auc)} of 100 cases (95% interval "
        f"{_in_100(worst.low)} to {_in_100(worst.high)}); 50 is chance."
    ]
    sentences += [
        f"With {other} it is {_in_100(attacks.auc)} of 100 ({_in_100(attacks.low)} to "
        f"{_in_100(attacks.high)})."
        for other, attacks in found.items()
        if other != holder
    ]
    rows = (
        f"Measured on {worst.n_members:,} training rows and {worst.n_non_members:,} held-out rows"
    )
    if worst.n_reference:
        rows += f", with {worst.n_reference:,} other real rows in the attacker's hands"
    few = min(worst.n_members, worst.n_non_members) < _FEW_ROWS
    sentences.append(f"{rows}{'; so few rows show only large leaks' if few else ''}.")
    return " ".join(sentences)


def _grade(attacks: MembershipAttacks) -> str:
    if attacks.low <= 0.5:
        return "No leak found"
    if attacks.auc >= _STRONG:
        return "Strong leak of membership"
    return "Some leak of membership"


def _in_100(share: float) -> str:
    return f"{100 * share:.0f}"
