"""The rule ``search.select``, which chooses a model of the Pareto front."""

import math
from collections.abc import Mapping, Sequence

from tabvae_ray.errors import ConfigError, brief, closest

__all__ = ["check_given_select", "check_select", "parse_select"]

_RULES = ("ideal", "knee", "constraint")
# The objectives of a space file that names none.
_DEFAULT_OBJECTIVES = ("mean_js_distance", "correlation_distance")


def check_select(text: str, *documents: object) -> None:
    """Check a rule against the content of space files, as far as that needs no other package.

    Args:
        text: The rule.
        documents: The content of each file; nothing is checked if one is no space file.

    Raises:
        ConfigError: If it is no rule for the objectives of the files together.
    """
    names: dict[str, None] = {}
    further: dict[str, None] = {}
    constrained = False
    for document in documents:
        if not isinstance(document, Mapping):
            return
        own = _objectives(document, dict.fromkeys(_DEFAULT_OBJECTIVES))
        added = _objectives(document.get("with_target", {}), {})
        if own is None or added is None:
            return
        names |= own
        further |= added
        constrained |= bool(document.get("constraints"))
    check_given_select(text, list(names), list(further), constrained=constrained)


def _objectives(section: object, default: dict[str, None]) -> dict[str, None] | None:
    """Return the names of a section's objectives, or None if it is no such section."""
    found = section.get("objectives", default) if isinstance(section, Mapping) else None
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        return None
    return dict.fromkeys(found)


def check_given_select(
    text: str, names: Sequence[str], further: Sequence[str], *, constrained: bool
) -> None:
    """Check a rule that the user has given instead of that of the space.

    Until the table is read, it may be one for a table with a target or for one without.

    Args:
        text: The rule.
        names: The objectives.
        further: Those that a target adds.
        constrained: True if there are constraints.

    Raises:
        ConfigError: If it is a rule for neither.
    """
    try:
        parse_select(text, names, constrained=constrained)
    except ConfigError:
        if not further:
            raise
        parse_select(text, [*names, *further], constrained=constrained)


def parse_select(
    text: str, names: Sequence[str], *, constrained: bool = False
) -> str | int | list[float]:
    """Read the rule ``search.select``.

    Args:
        text: The rule.
        names: The objectives.
        constrained: True if there are constraints.

    Returns:
        ``ideal``, ``knee`` or ``constraint``; the number of an objective; or a weight for each.

    Raises:
        ConfigError: If it is none of them, or ``constraint`` without constraints.
    """
    if text == "constraint" and text not in names:
        if not constrained:
            raise ConfigError("select: constraint needs constraints, but the space file has none")
        return text
    if text in ("ideal", "knee"):
        return text
    if text in names:
        return list(names).index(text)
    kind, _, rest = text.strip().partition(" ")
    if kind == "weights":
        try:
            weights = [float(part) for part in rest.split(",")]
        except ValueError:
            weights = []
        is_sum = all(w >= 0 for w in weights) and 0 < sum(weights) < math.inf
        if len(weights) == len(names) and is_sum:
            return weights
        raise ConfigError(
            f"select: weights must be {len(names)} numbers >= 0, one for each of "
            f"{', '.join(names)}, as in 'weights {','.join('1' for _ in names)}', "
            f"but got {brief(text)}"
        )
    known = [*_RULES, *names, "weights A,B"]
    raise ConfigError(
        f"select: must be one of {', '.join(known)}, but got {brief(text)}{closest(text, known)}"
    )
