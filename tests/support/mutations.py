"""Seeded mutations of valid documents: as bytes, and as values."""

import copy
import json
import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tabvae_ray.documents import read_document
from tabvae_ray.errors import TabVAEError
from tabvae_ray.storage import Location

__all__ = ["as_json", "check_mutations", "mutated_bytes", "mutated_value"]

# Mutations of each file: all of them at night.
N = int(os.environ.get("TEST_MUTATIONS", "100"))
_ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    0.5,
    1e-320,
    2**53 + 1,
    2**63,
    2**64,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "0",
    "a\nb",
    "x" * 5000,
    "\0",
    "\ud800",
    "../..",
    "2024-13-45",
    [],
    {},
    [[[]]],
    [1] * 2000,
    {"a": {"a": 1}},
)


def check_mutations(
    source: Path, content: bytes, use: Callable[[], object], seed: str, n: int = N
) -> None:
    """Use ``n`` mutations of a file; half are of its bytes, half of its values.

    Each must work, or raise an error of this package with a short message.
    """
    document = None
    if source.suffix in (".json", ".yaml"):
        source.write_bytes(content)
        document = read_document(Location(source))
    for i in range(n):
        rng = random.Random(f"{seed} {i}")
        if i % 2 or document is None:
            changed = mutated_bytes(content, rng)
        else:
            changed = as_json(mutated_value(document, rng))
        source.write_bytes(changed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                use()
        except TabVAEError as error:
            message = str(error)
            assert message and len(message.splitlines()) <= 21 and len(message) < 10_000
        except Exception as error:
            raise AssertionError(f"mutation {i} of {source.name}: {changed[:600]!r}") from error


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flip, delete, insert or double a few bytes."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 3))):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice((1, 4, 40)))
        match rng.randrange(5):
            case 0 if start < len(changed):
                changed[start] ^= 1 << rng.randrange(8)
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end] * rng.choice((1, 3))
            case 3:
                changed[start:start] = rng.choice((b"\xff", b"9" * 5000, b"[" * 50, b"\n- ", b'"'))
            case _:
                del changed[start:]
    return bytes(changed)


def mutated_value(document: Any, rng: random.Random) -> Any:
    """Exchange, delete or double a value somewhere in a document, or change a key."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 2))):
        places = [(part, key) for part in _parts(changed) for key in _keys(part)]
        if not places:
            return rng.choice(_ODD)
        part, key = rng.choice(places)
        match rng.randrange(6):
            case 0:
                del part[key]
            case 1 if isinstance(part, list):
                part.append(part[key])
            case 2 if isinstance(part, dict):
                part[rng.choice(("x", "", "x" * 500, f"{key}_"))] = part.pop(key)
            case 3:
                donor, other = rng.choice(places)
                if other in _keys(donor):
                    part[key] = copy.deepcopy(donor[other])
            case 4:
                part[key] = _neighbour(part[key], rng)
            case _:
                part[key] = rng.choice(_ODD)
    return changed


def _neighbour(value: Any, rng: random.Random) -> Any:
    """Return a value like another one: of nearly its size, or in another type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        third = value / 3 if abs(value) < 2**64 else value
        return rng.choice((value + 1, -value, value * 10, third, str(value), [value]))
    if isinstance(value, str):
        return rng.choice((value[:-1], f"{value} ", value.upper(), [value], value * 2))
    if isinstance(value, list):
        return rng.choice(
            (value[1:], value[::-1], [value], {str(i): v for i, v in enumerate(value)})
        )
    return [value]


def _parts(document: Any) -> list[Any]:
    if not isinstance(document, dict | list):
        return []
    inner = document.values() if isinstance(document, dict) else document
    return [document, *(part for child in inner for part in _parts(child))]


def _keys(part: Any) -> list[Any]:
    return list(part) if isinstance(part, dict) else list(range(len(part)))


def as_json(document: Any) -> bytes:
    """Write a document as JSON, with NaN where it has it."""
    return json.dumps(document).encode()
