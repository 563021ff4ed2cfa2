"""Source of new identifiers, as an export keeps it."""

from pydantic import ConfigDict, Field

from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.table.identifiers.avoidance import MarkedCells
from tabvae_ray.table.identifiers.pattern import PatternError, parse_pattern

__all__ = ["IdentifierSource", "WeightedPattern"]

_MAX_PATTERNS = 256


class WeightedPattern(ShortRepr):
    """A pattern and how often it occurs.

    Args:
        pattern: A pattern, see :func:`tabvae_ray.table.identifiers.pattern.parse_pattern`.
        weight: Number of values with this pattern. Patterns of weight 0 are used once no text of
            the others is left.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pattern: str
    weight: int = Field(ge=0, le=2**40)


class IdentifierSource(ShortRepr):
    """Source of the values of an identifier column.

    Args:
        patterns: Patterns of the values; no text matches two of them.
        counter: Smallest number to count from, in place of patterns.
        missing_rate: Share of missing values.
        real: Cells of the real values, which no generated value comes from. None if the patterns
            have so many texts that a generated value is real with a chance below 1e-18, or if
            the counter begins after the real values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    patterns: tuple[WeightedPattern, ...] = Field((), max_length=_MAX_PATTERNS)
    counter: int | None = Field(None, ge=-(2**63), lt=2**64)
    missing_rate: float = Field(0.0, ge=0, lt=1)
    real: MarkedCells | None = None

    def check(self) -> None:
        """Check the patterns and the marks of a source that was read from a file.

        Raises:
            ValueError: If one is not valid.
        """
        if bool(self.patterns) == (self.counter is not None):
            raise ValueError("made_of: must have either patterns or a counter")
        for part in self.patterns:
            try:
                parse_pattern(part.pattern)
            except PatternError as error:
                raise ValueError(f"pattern {part.pattern[:80]!r} {error}") from None
        if self.real is not None:
            self.real.bits()
