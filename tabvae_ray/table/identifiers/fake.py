"""Patterns of names, e-mail addresses and telephone numbers from the words of Faker.

The words go into the pattern, and so into the export, which does not need Faker any more.
"""

from collections.abc import Callable
from typing import Any, Literal

from tabvae_ray.errors import DataError
from tabvae_ray.table.identifiers.learning import learn_patterns
from tabvae_ray.table.identifiers.pattern import escaped
from tabvae_ray.table.identifiers.source import WeightedPattern

__all__ = ["GeneratorName", "generator_patterns"]

GeneratorName = Literal["email", "name", "phone", "uuid"]

_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-4{_HEX}{{3}}-[89ab]{_HEX}{{3}}-{_HEX}{{12}}"
_DRAWS = 3000


def generator_patterns(name: GeneratorName, where: str) -> list[WeightedPattern]:
    """Return the patterns of a generator by name.

    Raises:
        DataError: If it needs Faker, which is not installed.
    """
    if name == "uuid":
        return [WeightedPattern(pattern=_UUID, weight=1)]
    try:
        from faker import Faker
    except ImportError:
        raise DataError(
            f"{where}: generator {name} needs Faker, which is not installed: "
            "pip install 'tabvae-ray[fake]'"
        ) from None
    fake = Faker("en_US")
    fake.seed_instance(0)
    if name == "phone":
        return learn_patterns([fake.numerify("(5##) ###-####") for _ in range(_DRAWS)])
    first, last = _words(fake.first_name), _words(fake.last_name)
    if name == "name":
        return [WeightedPattern(pattern=f"{first} {first} {last}", weight=1)]
    pattern = rf"{first.lower()}\.{last.lower()}[0-9]{{4}}@example\.(com|net|org)"
    return [WeightedPattern(pattern=pattern, weight=1)]


def _words(draw: Callable[[], Any]) -> str:
    """Return the alternatives of the words that a function draws."""
    drawn = {str(draw()) for _ in range(_DRAWS)}
    words = sorted(word for word in drawn if word.isascii() and word.isalpha())
    return f"({'|'.join(map(escaped, words))})"
