"""Sources of identifiers without patterns that too few values have."""

from tabvae_ray.table.identifiers.learning import longer
from tabvae_ray.table.identifiers.source import IdentifierSource, WeightedPattern

__all__ = ["published_source"]

# Longer patterns that are used once the others have no text left.
_N_LONGER = 8


def published_source(source: IdentifierSource, min_rows: int) -> IdentifierSource:
    """Return a source whose learnt patterns come from enough values.

    Args:
        source: The source; declared patterns have a weight of 1 each.
        min_rows: Least number of values of a pattern.
    """
    learnt = [part for part in source.patterns if part.weight > 1]
    kept = [part for part in learnt if part.weight >= min_rows]
    if not kept or len(kept) == len(learnt):
        return source
    longest = max(kept, key=lambda part: len(part.pattern)).pattern
    for _ in range(_N_LONGER):
        longest = longer(longest)
        kept.append(WeightedPattern(pattern=longest, weight=0))
    return source.model_copy(update={"patterns": tuple(kept)})
