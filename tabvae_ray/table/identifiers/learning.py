"""Patterns of real identifiers, learnt from their texts."""

import math
import re
import string
from collections import Counter, defaultdict
from collections.abc import Sequence

from tabvae_ray.table.identifiers.pattern import Shape, escaped, parse_pattern
from tabvae_ray.table.identifiers.source import WeightedPattern

__all__ = ["below", "learn_patterns", "longer"]

# Characters of a position, or longer words.
Choice = str | tuple[str, ...]
# Characters by the kinds of the tokens, a place, and whether they begin the token.
Alphabets = dict[tuple[tuple[str, ...], int, bool], str]

_MAX_PATTERNS = 64
# Characters that fewer texts share are not kept: they may be those of a real identifier.
_FEW_TEXTS = 5
_MAX_LENGTH = 256
# A text has a pattern of its own, rather than that of longer or shorter runs, if few texts do.
_FEW_KINDS = 12
# Values per choice from which on the choices that occur are all that there are.
_SATURATED = 20
# Lengths of texts that share no shape.
_N_LENGTHS = 10
# Share of texts whose character at a place may be left out because few texts share it.
_MOST_LEFT_OUT = 0.05
# Logarithm of the probability from which on something is taken for chance.
_CHANCE = math.log(1e-4)
# Texts per real value that a pattern should have.
_ENOUGH = 1000
_PLENTY = 10**6
# Kinds of tokens of an IPv4 address, the largest number of a part, and its three-digit numbers.
_ADDRESS = ("9", ".", "9", ".", "9", ".", "9")
_LARGEST_PART = 255
_LONG_PARTS = tuple(map(str, range(100, _LARGEST_PART + 1)))
_TOKENS = re.compile(r"[0-9]+|[A-Za-z]+|.", re.DOTALL)
_RUNS = re.compile(r"[0-9A-Za-z]+|.", re.DOTALL)
_CLASSES = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.ascii_uppercase,
    string.ascii_lowercase,
    string.digits + string.ascii_uppercase,
    string.digits + string.ascii_lowercase,
    string.ascii_letters,
    string.digits + string.ascii_letters,
)


def learn_patterns(
    texts: Sequence[str], owners: Sequence[int] | None = None
) -> list[WeightedPattern]:
    """Return the patterns of the most frequent shapes of texts, the most frequent one first.

    Texts of one shape have the same length, the same separators at the same places, and letters
    and digits at the same places, unless these change from text to text as in a hash. Shapes of
    few texts are left out. If all are, the patterns have the usual lengths and characters.

    Args:
        texts: The texts.
        owners: The entity that each text belongs to. One text of each shape and entity counts.
    """
    if owners is not None:
        texts = _one_each(texts, owners)
    texts = [text for text in texts if 0 < len(text) <= _MAX_LENGTH] or ["00000000"]
    if start := _common_start(texts):
        ends = learn_patterns([text.removeprefix(start) for text in texts])
        return [end.model_copy(update={"pattern": escaped(start) + end.pattern}) for end in ends]
    tokens = _tokens_of(texts)
    shapes: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for text in texts:
        shapes[_kinds(text, tokens, lengths=True)].append(text)
    common = sorted(shapes.items(), key=lambda item: (-len(item[1]), item[0]))[:_MAX_PATTERNS]
    shared = [item for item in common if len(set(item[1])) >= _FEW_TEXTS]
    if len(shared) == 0 and len(set(texts)) >= _FEW_TEXTS:
        if not all(text.isascii() and text.isdigit() for text in texts):
            return _without_shape(texts)
        length = sorted(map(len, texts))[len(texts) // 2]
        rest = "" if length == 1 else f"[0-9]{{{length - 1}}}"
        return [WeightedPattern(pattern=f"[1-9]{rest}", weight=len(texts))]
    common = shared or common
    shown = [text for _, group in common for text in group]
    alphabets, parts = _alphabets(shown, tokens), _address_parts(shown, tokens)
    return [
        WeightedPattern(pattern=_pattern(group, tokens, alphabets, parts), weight=len(group))
        for _, group in common
    ]


def _tokens_of(texts: Sequence[str]) -> re.Pattern[str]:
    """Return how texts are split: letters and digits apart, unless they mix as in a hash."""
    kinds = {_kinds(text, _TOKENS) for text in texts[:1000]}
    return _RUNS if len(kinds) > _FEW_KINDS else _TOKENS


def _one_each(texts: Sequence[str], owners: Sequence[int]) -> list[str]:
    """Return one text of each owner and shape, whatever the lengths of its parts.

    A shape and a character that enough of these have are then those of as many owners.
    """
    tokens = _tokens_of(texts)
    found: dict[tuple[int, tuple[str, ...]], str] = {}
    for text, owner in zip(texts, owners, strict=True):
        found.setdefault((owner, _kinds(text, tokens)), text)
    return list(found.values())


def _common_start(texts: Sequence[str]) -> str:
    """Return the letters that all of enough texts begin with, and what is before them.

    Without them, the characters of a run are seen, as those of ``0x3f9a``.
    """
    low, high = min(texts), max(texts)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    start = low[:same].rstrip(string.digits)
    is_shared = start[-1:].isalpha() and len(set(texts)) >= _FEW_TEXTS and start not in texts
    return start if is_shared else ""


def longer(pattern: str) -> str:
    """Return a pattern of texts with one more character at the last place that varies."""
    choices = parse_pattern(pattern)[0].positions
    varying = [i for i, words in enumerate(choices) if len(words) > 1 and len(words[0]) == 1]
    if not varying:
        return pattern + "[0-9]"
    last = varying[-1]
    return _written([*map(_as_choice, [*choices[: last + 1], *choices[last:]])])


def _as_choice(words: tuple[str, ...]) -> Choice:
    return "".join(words) if all(len(word) == 1 for word in words) else words


def below(pattern: str, largest: int) -> str | None:
    """Return the part of a pattern of digits that is below a number, to its first digit.

    None if there is no such part.
    """
    choices = ["".join(position) for position in parse_pattern(pattern)[0].positions]
    digits = str(largest)
    if choices[0] == "-" or len(choices) < len(digits):
        return pattern if len(choices) - (choices[0] == "-") < len(digits) else None
    first = "".join(char for char in choices[0] if char < digits[0])
    if len(choices) > len(digits) or not first:
        return None
    return _written([first, *choices[1:]])


def _kinds(text: str, tokens: re.Pattern[str], lengths: bool = False) -> tuple[str, ...]:
    """Return the kind of each token: a separator itself, or the kind of a run of characters."""
    kinds = []
    for token in tokens.findall(text):
        kind = token
        if token.isascii() and token.isalnum():
            kind = "9" if token.isdigit() and tokens is _TOKENS else "a"
            kind = f"{kind}{len(token)}" if lengths else kind
        kinds.append(kind)
    return tuple(kinds)


def _alphabets(texts: list[str], tokens: re.Pattern[str]) -> Alphabets:
    """Return the characters of each run, over all lengths.

    The first one has an alphabet of its own, as names begin with a capital.
    """
    seen: defaultdict[tuple[tuple[str, ...], int, bool], Counter[str]] = defaultdict(Counter)
    for text in texts:
        kinds = _kinds(text, tokens)
        for place, token in enumerate(tokens.findall(text)):
            seen[kinds, place, True].update(token[0])
            seen[kinds, place, False].update(token[1:] or token)
    return {key: _alphabet(counts, tokens) for key, counts in seen.items()}


def _alphabet(counts: Counter[str], tokens: re.Pattern[str]) -> str:
    """Return the alphabet of a run: what occurs if it was seen often enough, or else its class."""
    known = _class_of(counts, tokens)
    if 4 < len(counts) and counts.total() >= _SATURATED * len(known):
        return _shared(counts) or known
    return known


def _class_of(counts: Counter[str], tokens: re.Pattern[str]) -> str:
    """Return the smallest class that has all characters of a run."""
    chars = "".join(sorted(counts))
    known = next((known for known in _CLASSES if set(chars) <= set(known)), chars)
    if tokens is _TOKENS and chars.isalpha():
        # Or else its texts might be those of a run of digits.
        known = "".join(filter(str.isalpha, known))
    return known


def _address_parts(texts: list[str], tokens: re.Pattern[str]) -> set[tuple[tuple[str, ...], int]]:
    """Return the parts of IPv4 addresses, by kinds of tokens and place.

    Four numbers between points are an address if it is hardly by chance that none is above 255.
    """
    largest: dict[tuple[str, ...], int] = {}
    n_long: Counter[tuple[str, ...]] = Counter()
    places: dict[tuple[str, ...], int] = {}
    for text in texts:
        kinds = _kinds(text, tokens)
        start = places.get(kinds)
        if start is None:
            starts = [i for i in range(len(kinds) - 6) if kinds[i : i + 7] == _ADDRESS]
            start = places[kinds] = starts[0] if starts else -1
        if start >= 0:
            parts = tokens.findall(text)[start : start + 7 : 2]
            n_long[kinds] += sum(len(part) == 3 for part in parts)
            is_padded = any(len(part) > 1 and part[0] == "0" for part in parts)
            found = _LARGEST_PART + 1 if is_padded else max(map(int, parts))
            largest[kinds] = max(largest.get(kinds, 0), found)
    share = math.log(len(_LONG_PARTS) / 900)
    return {
        (kinds, places[kinds] + i)
        for kinds, number in largest.items()
        if number <= _LARGEST_PART and n_long[kinds] * share < _CHANCE
        for i in (0, 2, 4, 6)
    }


def _pattern(
    texts: list[str],
    tokens: re.Pattern[str],
    alphabets: Alphabets,
    address_parts: set[tuple[tuple[str, ...], int]],
) -> str:
    kinds = _kinds(texts[0], tokens)
    split = [tokens.findall(text) for text in texts]
    chosen: list[Choice] = []
    wide: list[Choice] = []
    for place, parts in enumerate(zip(*split, strict=True)):
        distinct = set(parts)
        if len(distinct) == 1 and (len(texts) > 1 or not parts[0].isalnum()):
            chosen += parts[0]
            wide += parts[0]
            continue
        if (kinds, place) in address_parts and len(parts[0]) == 3:
            chosen.append(_LONG_PARTS)
            wide.append(_LONG_PARTS)
            continue
        for i, column in enumerate(zip(*parts, strict=True)):
            counts = Counter(column)
            class_of = alphabet = alphabets[kinds, place, i == 0]
            if 2 * sum(counts[char] for char in alphabet) < counts.total():
                # It is that of more frequent shapes, which hardly have the characters of this one.
                class_of = alphabet = _class_of(counts, tokens)
            if i == 0 and alphabet[0] == "0" and alphabet.isdigit() and "0" not in counts:
                class_of = alphabet[1:]
            chosen.append(_choices(counts, class_of))
            wide.append("".join(sorted({*class_of, *_shared(counts)})))
    # From the right, because numbers grow there first.
    for i in reversed(range(len(chosen))):
        if Shape(tuple(map(tuple, chosen))).size >= max(_ENOUGH * len(texts), _PLENTY):
            break
        chosen[i] = wide[i]
    return _written(chosen)


def _choices(counts: Counter[str], class_of: str) -> str:
    """Return the characters of one place: those that occur, or the class that they are of.

    Others of a class are left out where it is hardly by chance that they do not occur.
    """
    n, seen, shared = counts.total(), "".join(sorted(counts)), _shared(counts)
    if n >= _SATURATED * len(class_of):
        return shared or class_of
    inside = [
        known
        for known in _CLASSES
        if set(seen) <= set(known) < set(class_of) and _is_no_chance(len(known), class_of, n)
    ]
    class_of = inside[0] if inside else class_of
    if not _is_no_chance(len(seen), class_of, n):
        return class_of
    n_left_out = n - sum(counts[char] for char in shared)
    return shared if shared and n_left_out <= _MOST_LEFT_OUT * n else class_of


def _shared(counts: Counter[str]) -> str:
    """Return the characters that enough texts have, in ascending order."""
    return "".join(sorted(char for char, n in counts.items() if n >= _FEW_TEXTS))


def _is_no_chance(n_chars: int, class_of: str, n_texts: int) -> bool:
    """Return True if texts hardly happen to have so few characters of a class at a place."""
    size = len(class_of)
    if n_chars >= size:
        return False
    return math.log(math.comb(size, n_chars)) + n_texts * math.log(n_chars / size) < _CHANCE


def _without_shape(texts: Sequence[str]) -> list[WeightedPattern]:
    """Return patterns of texts that share no shape, such as sentences."""
    counts = Counter(char for text in texts for char in set(text))
    chars = "".join(char for char in _shared(counts) if char >= " ")
    letters = "".join(filter(str.isalnum, chars)) or string.ascii_letters + string.digits
    lengths = sorted(map(len, texts))
    # Quantiles, because the length of a single text may tell whose it is.
    places = [len(lengths) * (2 * i + 1) // (2 * _N_LENGTHS) for i in range(_N_LENGTHS)]
    usual = Counter(lengths[place] for place in places)
    return [
        WeightedPattern(
            pattern=_written([letters, *[chars or letters] * (length - 2), letters][:length]),
            weight=max(2, n * len(texts) // _N_LENGTHS),
        )
        for length, n in usual.items()
    ]


def _written(choices: Sequence[Choice]) -> str:
    """Write choices per position as a pattern."""
    parts: list[tuple[str, int]] = []
    for chars in choices:
        if isinstance(chars, tuple):
            parts.append((f"({'|'.join(map(escaped, chars))})", 1))
            continue
        part = escaped(chars) if len(chars) == 1 else f"[{_ranges(chars)}]"
        if parts and parts[-1][0] == part and len(chars) > 1:
            parts[-1] = (part, parts[-1][1] + 1)
        else:
            parts.append((part, 1))
    return "".join(part + (f"{{{n}}}" if n > 1 else "") for part, n in parts)


def _ranges(chars: str) -> str:
    """Write characters, in ascending order, as the inside of a class."""
    runs: list[list[str]] = []
    for char in sorted(chars):
        if runs and ord(char) == ord(runs[-1][-1]) + 1:
            runs[-1].append(char)
        else:
            runs.append([char])
    return "".join(
        f"{_in_class(run[0])}-{_in_class(run[-1])}"
        if len(run) > 2
        else "".join(map(_in_class, run))
        for run in runs
    )


def _in_class(char: str) -> str:
    return f"\\{char}" if char in "\\]^-[" else char
