"""The sentences of a model card about differential privacy."""

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from tabvae_ray.comparison.scores.membership.bounds import most_right_guesses

__all__ = ["guarantee_in_words", "limit_of_privacy", "privacy_of", "retained_privately"]

# Up to where epsilon is a strong promise, and from where it is a weak one.
_STRONG, _WEAK = 1.0, 5.0
_NO_BOUND = """\
- Training was not differentially private. Attacks on membership measure known ways to learn who is
  in the table; they set no bound on others.
"""


def privacy_of(provenance: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a private training spent; None if the model is not private."""
    spent = provenance.get("privacy")
    return spent if isinstance(spent, Mapping) and "epsilon" in spent else None


def guarantee_in_words(spent: Mapping[str, Any]) -> str:
    """Return epsilon and delta, and what they protect."""
    text = (
        f"epsilon {spent['epsilon']:.4g}, delta {spent['delta']:.2g}, for tables that differ in "
        "one row"
    )
    if "trial_epsilon" in spent:
        text += f" (the whole search; one of its trainings alone: {spent['trial_epsilon']:.4g})"
    return text


def limit_of_privacy(spent: Mapping[str, Any] | None) -> str:
    """Return the line about privacy among the limits of a model."""
    if spent is None:
        return _NO_BOUND
    epsilon = float(spent["epsilon"])
    right = most_right_guesses(epsilon, float(spent.get("delta", 0.0)))
    text = (
        f"- Training was differentially private. Epsilon {epsilon:.4g} is {_strength(epsilon)}. "
        "Guesses whether a row was in the table are right in at most "
        f"{math.ceil(1000 * right) / 10:.1f} of 100 cases, whatever else is known; 50 is chance. "
        "The guarantee is about rows: a person with several rows has less. What holds for most "
        "people of the table can be learnt all the same."
    )
    return fill(text, 100, subsequent_indent="  ", break_on_hyphens=False) + "\n"


def _strength(epsilon: float) -> str:
    """Return in words how little a model tells of any one row."""
    if epsilon <= _STRONG:
        return (
            "a strong promise: whoever sees the model or its rows learns nearly the same as from a "
            "training without any one of the rows"
        )
    if epsilon < _WEAK:
        return (
            "a limited promise: the model and its rows may tell much of a row to someone who knows "
            "nearly all else"
        )
    return "a weak promise: it hardly limits what the model and its rows may tell of a row"


def retained_privately(spent: Mapping[str, Any]) -> Sequence[str]:
    """Return the section about what the export retains of the table."""
    return [
        "## What the export retains of your table",
        "",
        "- the names, kinds and types of the columns, and what the spec declared of them",
        "- ranges, bins, categories and their shares, from counts with noise of standard deviation "
        + _number(spent, "encoding_noise"),
        "- the number of rows, with noise of epsilon " + _number(spent, "rows_epsilon"),
        "- the weights of the network, from clipped gradients of rows with noise of "
        f"{_number(spent, 'noise_multiplier')} times the largest one",
        "",
        "All of it together is within the guarantee. Values that the spec declares are taken as "
        "known to everybody: they must not come from the table.",
    ]


def _number(spent: Mapping[str, Any], name: str) -> str:
    value = spent.get(name)
    return f"{value:.3g}" if isinstance(value, int | float) else "unknown size"
