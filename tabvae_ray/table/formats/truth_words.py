"""Truth values that a CSV file writes in two words, such as ``yes`` and ``no``.

The format of such a column is ``yes/no``, with the word for true first.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TRUTHS", "parse_truth_format", "spelled_truths", "truth_format", "truth_of_word"]

# In small letters.
TRUTHS = {word: True for word in ("true", "t", "yes", "y", "1")} | {
    word: False for word in ("false", "f", "no", "n", "0")
}

_PAIRS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("1", "0"))
_COUNTERPARTS = {word: other for pair in _PAIRS for word, other in (pair, pair[::-1])}


def truth_format(words: Collection[str]) -> str | None:
    """Return the format of a column; None if it is that of Python, or more than two words.

    A single word gets its counterpart.

    Args:
        words: The different texts of the column.
    """
    known = [(TRUTHS[word.lower()], word) for word in words if word.lower() in TRUTHS]
    both = dict(known)
    if len(known) == 1:
        ((truth, word),) = known
        both[not truth] = other = _like(_COUNTERPARTS[word.lower()], word)
        known.append((not truth, other))
    if len(known) != 2 or len(both) != 2 or both == {True: "True", False: "False"}:
        return None
    return f"{both[True]}/{both[False]}"


def parse_truth_format(written: str) -> tuple[str, str] | None:
    """Return the words for true and for false; None if a text is no such format."""
    words = written.split("/")
    if len(words) != 2:
        return None
    is_true, is_false = (TRUTHS.get(word.lower()) for word in words)
    return (words[0], words[1]) if is_true is True and is_false is False else None


def truth_of_word(text: str, written: str | None) -> bool | None:
    """Return the truth value that a text stands for in a format, None if it is no word of it."""
    words = None if written is None else parse_truth_format(written)
    return None if words is None or text not in words else text == words[0]


def spelled_truths(values: "pd.Series", written: str) -> "pd.Series":
    """Write truth values as words; missing ones stay missing."""
    words = parse_truth_format(written)
    assert words is not None
    known: dict[Any, str] = {True: words[0], False: words[1]}
    texts: pd.Series = values.astype(object).map(known, na_action="ignore")
    return texts


def _like(word: str, example: str) -> str:
    """Return a word in capital letters where an example has them."""
    if example.istitle() and len(example) > 1:
        return word.capitalize()
    return word.upper() if example.isupper() else word
