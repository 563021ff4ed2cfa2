"""Sources of identifiers without patterns, and without numbers, that too few values have."""

import math

from tabvae_ray.table.identifiers.learning import longer
from tabvae_ray.table.identifiers.pattern import parse_pattern
from tabvae_ray.table.identifiers.source import IdentifierSource, WeightedPattern

__all__ = ["published_source"]

# Longer patterns that are used once the others have no text left.
_N_LONGER = 8


def published_source(
    source: IdentifierSource, min_rows: int, largest: int | None = None
) -> IdentifierSource:
    """Return a source whose learnt patterns come from enough values.

    If none does, identifiers are digits or letters of any kind. A counter begins at a round number,
    because the number before the next one is that of a single row.

    Args:
        source: The source; declared patterns have a weight of 1 each.
        min_rows: Least number of values of a pattern.
        largest: Largest number of the column's dtype; None for text.
    """
    if source.counter is not None:
        counter = _rounded_up(source.counter, min_rows)
        return source.model_copy(update={"counter": min(counter, largest or counter)})
    learnt = [part for part in source.patterns if part.weight > 1]
    kept = [part for part in learnt if part.weight >= min_rows]
    if len(kept) == len(learnt):
        return source
    if not kept:
        kept = [_of_any_kind(learnt, largest)]
    longest = max(kept, key=lambda part: len(part.pattern)).pattern
    for _ in range(_N_LONGER):
        longest = longer(longest)
        if largest is not None and len(str(largest)) <= len(parse_pattern(longest)[0].positions):
            break
        kept.append(WeightedPattern(pattern=longest, weight=0))
    return source.model_copy(update={"patterns": tuple(kept)})


def _of_any_kind(learnt: list[WeightedPattern], largest: int | None) -> WeightedPattern:
    pattern = "[0-9A-Za-z]{8}"
    if largest is not None:
        n_digits = min(8, len(str(largest)) - 1)
        pattern = "[1-9]" + (f"[0-9]{{{n_digits - 1}}}" if n_digits > 1 else "")
    return WeightedPattern(pattern=pattern, weight=sum(part.weight for part in learnt))


def _rounded_up(counter: int, min_rows: int) -> int:
    """Return the next multiple of a power of ten, among whose numbers half are those of rows."""
    unit = int(10 ** math.ceil(math.log10(2 * max(min_rows, 1))))
    return -(-counter // unit) * unit
