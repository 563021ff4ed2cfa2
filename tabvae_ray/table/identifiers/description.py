"""Description of an identifier column: the source of its new values."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.dtypes import dtype_from_name, dtype_name
from tabvae_ray.table.identifiers.avoidance import MarkedCells
from tabvae_ray.table.identifiers.fake import GeneratorName, generator_patterns
from tabvae_ray.table.identifiers.learning import below, learn_patterns, longer
from tabvae_ray.table.identifiers.maker import IdentifierMaker, largest_of
from tabvae_ray.table.identifiers.pattern import PatternError, parse_pattern
from tabvae_ray.table.identifiers.recognition import integer_texts
from tabvae_ray.table.identifiers.source import IdentifierSource, WeightedPattern

__all__ = ["source_of"]

# Below this share of real texts among those of a pattern, no generated text is a real one.
_NEGLIGIBLE = 1e-18
# Consecutive numbers are continued; with as many texts of the same lengths, most would be real.
_DENSE = 0.5
# Rows that may be generated before a counter of 64 bits reaches its end.
_HEADROOM = 2**32
# Rows for which a learnt pattern has texts, by longer texts if need be.
_MAX_ROWS = 10**12


def source_of(
    values: pd.Series,
    pattern: str | None,
    generator: GeneratorName | None,
    where: str,
    owners: Sequence[int] | None = None,
) -> IdentifierSource | None:
    """Describe new values of an identifier column.

    Args:
        values: The real values.
        pattern: Declared pattern.
        generator: Declared generator.
        where: Name of the column in error messages.
        owners: The entity that each value belongs to, if the values of one count once.

    Returns:
        The source; None if the values are neither text nor whole numbers.

    Raises:
        DataError: If the declared pattern or generator does not suit the column.
    """
    numbers = integer_texts(values)
    texts = _texts(values) if numbers is None else numbers
    if texts is None:
        if pattern or generator:
            raise DataError(f"{where}: only text and whole numbers are generated as identifiers")
        return None
    rate = float(values.isna().mean())
    largest = None if numbers is None else largest_of(dtype_from_name(dtype_name(values.dtype)))
    if pattern is not None or generator is not None:
        patterns = _declared(pattern, generator, where)
        if largest is not None:
            _check_digits(patterns, largest, where)
    else:
        if numbers is not None and (counter := _next_number(numbers, largest)) is not None:
            return IdentifierSource(counter=counter, missing_rate=rate)
        present = None if owners is None else np.asarray(owners)[values.notna().to_numpy()].tolist()
        patterns = learn_patterns(texts, present)
    source = _avoiding(patterns, texts, rate)
    if pattern is None and generator is None:
        return _with_longer(source, texts, largest)
    try:
        IdentifierMaker(source, str(values.name), 0).check(len(values))
    except DataError as error:
        raise DataError(f"{where}: {str(error).partition(': ')[2]}") from None
    return source


def _texts(values: pd.Series) -> list[str] | None:
    present = values.dropna().astype(object).tolist()
    return present if all(isinstance(value, str) for value in present) else None


def _next_number(numbers: list[str], largest: int | None) -> int | None:
    """Return the number after the last one of a counter, None if they are not counted.

    Counters that soon reach the largest number of their dtype are none.
    """
    found = [int(number) for number in numbers]
    low, high = min(found), max(found)
    limit = min(2**64 - 1, 2**64 - 1 if largest is None else largest)
    if high >= limit - (_HEADROOM if limit >= 2**62 else 1):
        return None
    return high + 1 if len(set(found)) >= _DENSE * (high - low + 1) else None


def _declared(
    pattern: str | None, generator: GeneratorName | None, where: str
) -> list[WeightedPattern]:
    if pattern is None:
        assert generator is not None
        return generator_patterns(generator, where)
    try:
        parse_pattern(pattern)
    except PatternError as error:
        raise DataError(f"{where}: pattern {pattern[:80]!r} {error}") from None
    return [WeightedPattern(pattern=pattern, weight=1)]


def _check_digits(patterns: list[WeightedPattern], largest: int, where: str) -> None:
    """Check that each text of the patterns is another whole number.

    Raises:
        DataError: If that is not so.
    """
    for shape in (shape for part in patterns for shape in parse_pattern(part.pattern)):
        first = {word[0] for word in shape.positions[0]}
        is_number = all(char.isascii() and char.isdigit() for char in shape.characters)
        is_long = len(shape.positions) > 1 or max(map(len, shape.positions[0])) > 1
        longest = "".join(max(choices) for choices in shape.positions)
        if not is_number or (is_long and "0" in first):
            raise DataError(
                f"{where}: holds whole numbers, so that its pattern must have digits only and not "
                "begin with 0; declare `dtype: str` if it is text"
            )
        if int(longest) > largest:
            raise DataError(f"{where}: pattern has numbers above {largest}, the largest one")


def _avoiding(patterns: list[WeightedPattern], texts: list[str], rate: float) -> IdentifierSource:
    sizes = [sum(shape.size for shape in parse_pattern(part.pattern)) for part in patterns]
    real = None
    if len(texts) / min(sizes) > _NEGLIGIBLE:
        # Not those that are used only once the others have no text left.
        first = sum(size for size, part in zip(sizes, patterns, strict=True) if part.weight)
        real = MarkedCells.of(texts, first or sum(sizes))
    return IdentifierSource(patterns=tuple(patterns), missing_rate=rate, real=real)


def _with_longer(
    source: IdentifierSource, texts: list[str], largest: int | None
) -> IdentifierSource:
    """Add longer texts, which are used once those of the real lengths are used up."""
    patterns = list(source.patterns)
    if largest is not None:
        kept = [(below(part.pattern, largest), part.weight) for part in patterns]
        patterns = [WeightedPattern(pattern=p, weight=w) for p, w in kept if p is not None]
    longest = max(patterns or source.patterns, key=lambda part: _length(part.pattern)).pattern
    while True:
        made = _avoiding(patterns, texts, source.missing_rate) if patterns else None
        if made and IdentifierMaker(made, "", 0).capacity >= _MAX_ROWS:
            return made
        longest = longer(longest)
        extended = longest if largest is None else below(longest, largest)
        if extended is None or len(patterns) >= 128:
            return made or source
        patterns.append(WeightedPattern(pattern=extended, weight=0))


def _length(pattern: str) -> int:
    return len(parse_pattern(pattern)[0].positions)
