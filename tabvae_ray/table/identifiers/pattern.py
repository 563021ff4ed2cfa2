r"""Patterns of identifiers: a subset of regular expressions with finitely many matches.

The subset has literals, ``\d`` and ``\w`` (ASCII), escaped characters, classes such as
``[A-F0-9]``, groups, alternatives with ``|``, and the repetitions ``{3}``, ``{2,5}`` and ``?``.
"""

import math
import string
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

__all__ = ["PatternError", "Shape", "escaped", "parse_pattern"]

_MAX_PATTERN, _MAX_SHAPES, _MAX_POSITIONS, _MAX_WORDS = 200_000, 256, 512, 20_000
_CLASSES = {"d": string.digits, "w": string.ascii_letters + string.digits + "_"}
_SPECIAL = set("\\[](){}|?*+.^$")

Position = tuple[str, ...]


class PatternError(ValueError):
    """Error in a pattern."""


@dataclass(frozen=True)
class Shape:
    """Texts that take one of some choices at each position.

    Args:
        positions: Choices at each position: single characters, or words.
    """

    positions: tuple[Position, ...]

    @property
    def size(self) -> int:
        """Number of texts."""
        return math.prod(len(choices) for choices in self.positions)

    @property
    def characters(self) -> set[str]:
        """Characters that occur in a text."""
        return {char for choices in self.positions for word in choices for char in word}


def escaped(text: str) -> str:
    """Return the pattern that only a text matches."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in text)


# The patterns of a column are learnt, checked, described and drawn from, each time by its shapes.
@lru_cache(maxsize=256)
def parse_pattern(pattern: str) -> tuple[Shape, ...]:
    """Return shapes that together have exactly the texts that match, each text once.

    Raises:
        PatternError: If it is not in the subset, or is too long.
    """
    if len(pattern) > _MAX_PATTERN:
        raise PatternError(f"must have at most {_MAX_PATTERN:,} characters")
    body = pattern.removeprefix("^")
    if body.endswith("$") and not body.endswith("\\$"):
        body = body[:-1]
    parser = _Parser(body)
    found = parser.alternatives(0)
    if parser.at < len(body):
        raise PatternError(f"has a {body[parser.at]!r} without its partner")
    try:
        disjoint = _disjoint(found, fixed=False)
    except PatternError:
        disjoint = _disjoint(found, fixed=True)
    if not any(shape.positions for shape in disjoint):
        raise PatternError("matches only the empty text")
    return tuple(disjoint)


def _disjoint(found: list[tuple[Position, ...]], *, fixed: bool) -> list[Shape]:
    """Return shapes that share no text; with ``fixed``, each has texts of one length."""
    disjoint: list[Shape] = []
    for positions in found:
        is_whole = not fixed and _is_clear(positions)
        parts = [Shape(positions)] if is_whole else _fixed_widths(positions)
        for known in list(disjoint):
            parts = [rest for part in parts for rest in _without(part, known)]
            _check_count(len(parts) + len(disjoint))
        disjoint += parts
        _check_count(len(disjoint))
    return disjoint


def _check_count(n: int) -> None:
    if n > _MAX_SHAPES:
        raise PatternError(f"has more than {_MAX_SHAPES} alternatives and lengths")


class _Parser:
    """Recursive descent through a pattern; each result is a list of alternatives."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def alternatives(self, depth: int) -> list[tuple[Position, ...]]:
        if depth > 10:
            raise PatternError("nests groups more than 10 deep")
        found = self.sequence(depth)
        while self._next() == "|":
            self.at += 1
            found += self.sequence(depth)
            if len(found) > _MAX_WORDS:
                raise PatternError(f"has more than {_MAX_WORDS:,} alternatives")
        return list(dict.fromkeys(found)) if depth else _bounded(found)

    def sequence(self, depth: int) -> list[tuple[Position, ...]]:
        found: list[tuple[Position, ...]] = [()]
        while self._next() not in ("", "|", ")"):
            low, high, atom = self._repeated(depth)
            repeated: list[tuple[Position, ...]] = [()]
            results: list[tuple[Position, ...]] = [()] if low == 0 else []
            for count in range(1, high + 1):
                repeated = _bounded([head + tail for head in repeated for tail in atom])
                results += repeated if count >= low else []
            found = _bounded([head + tail for head in found for tail in results])
        return found

    def _repeated(self, depth: int) -> tuple[int, int, list[tuple[Position, ...]]]:
        atom = self._atom(depth)
        low = high = 1
        if self._next() == "?":
            self.at, low = self.at + 1, 0
        elif self._next() == "{":
            end = self.text.find("}", self.at)
            first, comma, last = self.text[self.at + 1 : max(end, 0)].partition(",")
            counts = [first, last] if comma else [first, first]
            if not all(count.isascii() and count.isdigit() for count in counts):
                raise PatternError("needs both ends in braces, as in {3} or {2,5}")
            if any(len(count) > 3 for count in counts):
                raise PatternError(f"must have at most {_MAX_POSITIONS} characters in a text")
            low, high = map(int, counts)
            if low > high:
                raise PatternError(f"has {{{low},{high}}}, whose first number is the larger one")
            self.at = end + 1
        if self._next() in ("*", "+"):
            raise PatternError(
                f"has a {self._next()!r}, which has no upper end; write {{1,8}} or the like"
            )
        if high > _MAX_POSITIONS:
            raise PatternError(f"must have at most {_MAX_POSITIONS} characters in a text")
        return low, high, atom

    def _atom(self, depth: int) -> list[tuple[Position, ...]]:
        char = self._take()
        if char == "(":
            if self.text.startswith("?:", self.at):
                self.at += 2
            found = self.alternatives(depth + 1)
            if self._take() != ")":
                raise PatternError("has a '(' without its ')'")
            words = [_only_text(positions) for positions in found]
            if len(found) > 1 and all(words):
                return [(tuple(dict.fromkeys(word for word in words if word)),)]
            return _bounded(found)
        if char == "[":
            return [(self._class(),)]
        if char == "\\":
            return [(tuple(self._escape()),)]
        if char in _SPECIAL:
            raise PatternError(f"has a {char!r} that is not supported here; write \\{char} for it")
        return [((char,),)]

    def _escape(self) -> str:
        char = self._take()
        if char in _CLASSES:
            return _CLASSES[char]
        if char == "" or (char.isascii() and char.isalnum()):
            raise PatternError(f"has \\{char}, which is not supported; use classes such as [A-Z]")
        return char

    def _class(self) -> Position:
        chars: list[str] = []
        if self._next() == "^":
            raise PatternError("has a class of all characters but some, [^...]; list those wanted")
        while (char := self._take()) != "]":
            if char == "":
                raise PatternError("has a '[' without its ']'")
            part = self._escape() if char == "\\" else char
            if self._next() == "-" and self.text[self.at + 1 : self.at + 2] not in ("", "]"):
                self.at += 1
                last = self._take()
                last = self._escape() if last == "\\" else last
                if len(part) > 1 or len(last) > 1 or not ord(part) <= ord(last) < ord(part) + 1000:
                    raise PatternError(f"has a range {part}-{last} that is not one of characters")
                part = "".join(map(chr, range(ord(part), ord(last) + 1)))
            chars += part
        if not chars:
            raise PatternError("has an empty class []")
        return tuple(dict.fromkeys(chars))

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self) -> str:
        char = self._next()
        self.at += 1
        return char


def _bounded(found: list[tuple[Position, ...]]) -> list[tuple[Position, ...]]:
    found = list(dict.fromkeys(found))
    _check_count(len(found))
    if any(len(positions) > _MAX_POSITIONS for positions in found):
        raise PatternError(f"must have at most {_MAX_POSITIONS} characters in a text")
    return found


def _only_text(positions: tuple[Position, ...]) -> str:
    if any(len(choices) != 1 for choices in positions):
        return ""
    return "".join(choices[0] for choices in positions)


def _is_clear(positions: tuple[Position, ...]) -> bool:
    """Return True if a text shows which choice it takes at each position."""
    for choices, following in pairwise(positions):
        if len({len(word) for word in choices}) > 1:
            inside = {char for word in choices for char in word}
            if inside & {word[0] for word in following}:
                return False
    return True


def _fixed_widths(positions: tuple[Position, ...]) -> list[Shape]:
    """Divide a shape into shapes whose choices at a position have one length."""
    found: list[tuple[Position, ...]] = [()]
    for choices in positions:
        widths = sorted({len(word) for word in choices})
        parts = [tuple(word for word in choices if len(word) == width) for width in widths]
        # A single word is as many characters.
        split = [tuple((c,) for c in part[0]) if len(part) == 1 else (part,) for part in parts]
        found = _bounded([head + part for head in found for part in split])
    kept: list[Shape] = []
    for part in map(Shape, found):
        rest = [part]
        for known in kept:
            rest = [piece for shape in rest for piece in _without(shape, known)]
        kept += rest
    return kept


def _without(shape: Shape, other: Shape) -> list[Shape]:
    """Return shapes that together have the texts of a shape that another does not have.

    Raises:
        PatternError: If they may share texts, but differ in where their words end.
    """
    if _are_apart(shape, other):
        return [shape]
    pairs = list(zip(shape.positions, other.positions, strict=False))
    widths = [{len(word) for word in own + theirs} for own, theirs in pairs]
    if len(shape.positions) != len(other.positions) or any(len(width) > 1 for width in widths[:-1]):
        raise PatternError("has alternatives that may give the same text; make them differ")
    rest: list[Shape] = []
    head: tuple[Position, ...] = ()
    for i, (own, theirs) in enumerate(pairs):
        outside = tuple(word for word in own if word not in theirs)
        if outside:
            rest.append(Shape((*head, outside, *shape.positions[i + 1 :])))
        head = (*head, tuple(word for word in own if word in theirs))
    return rest


def _are_apart(one: Shape, other: Shape) -> bool:
    """Return True if it is plain that two shapes share no text."""
    (low, high), (other_low, other_high) = _lengths(one), _lengths(other)
    if high < other_low or other_high < low:
        return True
    return any(not (a & b) for a, b in zip(_leading(one), _leading(other), strict=False))


def _lengths(shape: Shape) -> tuple[int, int]:
    widths = [[len(word) for word in choices] for choices in shape.positions]
    return sum(map(min, widths)), sum(map(max, widths))


def _leading(shape: Shape) -> list[set[str]]:
    """Return the possible characters at each place, up to the first word of varying length."""
    found: list[set[str]] = []
    for choices in shape.positions:
        shortest = min(map(len, choices))
        found += [{word[i] for word in choices} for i in range(shortest)]
        if any(len(word) != shortest for word in choices):
            break
    return found
