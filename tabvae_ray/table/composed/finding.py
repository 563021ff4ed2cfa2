"""Search for the template of a column of text that is put together from others of its row."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.composed.template import Field, Template

__all__ = ["find_template"]

# Rows that are looked at first, the least number of them, and tries to put a template together.
_SAMPLE, _MIN_ROWS, _MOST_TRIES = 200, 50, 2_000
# A column varies if so many rows of the sample have other values than the usual one.
_MIN_OTHERS = 5
_DATES = (
    *("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d%m%Y", "%y%m%d", "%Y-%m", "%Y%m"),
    *("%Y", "%H%M", "%y", "%m", "%d", "%H", "%M", "%S", "%b"),
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT.*")
_MOST_FIRST, _MOST_WIDTH, _MOST_DECIMALS = 4, 12, 8


def find_template(
    texts: pd.Series, others: Mapping[str, pd.Series], whole: Collection[str] = ()
) -> Template | None:
    """Return the template that all texts of a column have, None if there is none.

    Args:
        texts: The column, None where it is missing.
        others: Text of the other columns.
        whole: Those of them whose first characters alone say nothing.
    """
    present = np.flatnonzero(texts.notna().to_numpy())
    if len(present) < _MIN_ROWS:
        return None
    rows = np.random.default_rng(0).permutation(present)[:_SAMPLE]
    own = texts.iloc[rows].tolist()
    parts: dict[str, list[str]] = {}
    for name, of in others.items():
        some = of.iloc[rows]
        # A row without one of the parts has no such text.
        if not Field(name).is_writable or some.isna().any():
            continue
        if len(rows) - some.value_counts().iloc[0] >= _MIN_OTHERS:
            parts[name] = some.tolist()
    found = _Search(own, parts, whole).found()
    if found is None:
        return None
    try:
        made, known = found.texts(others), texts.notna()
    except ValueError:
        # Rows that were not looked at have text in place of numbers or date-times.
        return None
    same = (made == texts) | (made.isna() & ~known)
    return found if bool(same.all()) else None


class _Search:
    """Puts a template together from left to right, the longest fields first."""

    def __init__(
        self, own: Sequence[str], parts: Mapping[str, Sequence[str]], whole: Collection[str]
    ) -> None:
        self._own, self._parts, self._whole, self._tries = own, parts, whole, 0

    def found(self) -> Template | None:
        """Return the first template that fits."""
        parts = self._from([0] * len(self._own))
        if parts is None or not any(isinstance(part, Field) for part in parts):
            return None
        joined: list[Field | str] = []
        for part in parts:
            if isinstance(part, str) and joined and isinstance(joined[-1], str):
                joined[-1] += part
            else:
                joined.append(part)
        return Template(tuple(joined))

    def _from(self, places: list[int]) -> list[Field | str] | None:
        """Return what follows some places of the texts; None if no template has it."""
        self._tries += 1
        ends = [place == len(text) for place, text in zip(places, self._own, strict=True)]
        if all(ends):
            return []
        if self._tries > _MOST_TRIES:
            return None
        rest = [text[place:] for place, text in zip(places, self._own, strict=True)]
        fields = [each for name in self._parts for each in self._fields(name, rest)]
        for field, lengths in sorted(fields, key=lambda item: -sum(item[1])):
            after = self._from([a + b for a, b in zip(places, lengths, strict=True)])
            if after is not None:
                return [field, *after]
        if any(ends) or {text[0] for text in rest} & {"{", "}"}:
            return None
        if len({text[0] for text in rest}) > 1:
            return None
        after = self._from([place + 1 for place in places])
        return None if after is None else [rest[0][0], *after]

    def _fields(self, name: str, rest: Sequence[str]) -> Iterator[tuple[Field, list[int]]]:
        """Yield the fields of a column with which all texts begin, and their lengths."""
        texts = self._parts[name]
        first = texts[0]
        for words in _ways(first, rest[0]):
            field = Field(name, words)
            if field.is_cut and name in self._whole:
                continue
            try:
                if not rest[0].startswith(field.of(first)):
                    continue
                made = [field.of(text) for text in texts]
            except ValueError:
                continue
            pairs = zip(rest, made, strict=True)
            if all(text.startswith(start) for text, start in pairs) and _vary(made):
                yield field, [len(text) for text in made]


def _vary(texts: Sequence[str]) -> bool:
    counts = pd.Series(texts).value_counts()
    return bool(len(texts) - counts.iloc[0] >= _MIN_OTHERS and counts.index.str.len().min() > 0)


def _ways(first: str, rest: str) -> list[tuple[str, ...]]:
    """Return the ways to change a column's text that the first row allows, the longest first."""
    if _MOMENT.fullmatch(first):
        return [(word,) for word in _DATES]
    ways: list[tuple[str, ...]] = [()]
    if first.lstrip("-").replace(".", "", 1).isdigit():
        digits = len(rest) - len(rest.lstrip("0123456789"))
        if first.isdigit() and len(first) <= digits <= _MOST_WIDTH:
            ways += [(f"0{width}",) for width in range(digits, max(len(first) - 1, 1), -1)]
        else:
            ways += [(f".{n}f",) for n in range(_MOST_DECIMALS, -1, -1)]
        return ways
    if first[:1].lower() != rest[:1].lower():
        return ways if first[:1].isalnum() else [*ways, ("letters",)]
    cases: list[tuple[str, ...]] = [(), ("lower",), ("upper",), ("letters",)]
    ways = list(cases)
    for n in range(_MOST_FIRST, 0, -1):
        ways += [(*case, str(n)) for case in cases]
    return ways
