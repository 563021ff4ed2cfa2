"""Cells of a column as text: their distinct values and how often each occurs."""

import copy
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabvae_ray.errors import DataError
from tabvae_ray.table.formats.truth_words import TRUTHS
from tabvae_ray.table.values.decimals import as_decimals

__all__ = ["NULL_WORDS", "Cells", "Mask"]

Mask = np.ndarray[Any, np.dtype[np.bool_]]

# The words that pandas takes for missing.
NULL_WORDS = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan"
    "|null".split("|")
)

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$"
_PLAIN_NUMBER = re.compile(rf"(?!\s*[+-]?0\d){_NUMBER[1:-1]}")
_INTEGER = r"^\s*[+-]?\d+\s*$"


class Cells:
    """Cells of a column as the file has them.

    Args:
        name: Name of the column.
        texts: Text of each cell, null where the cell is empty.

    Attributes:
        distinct: The different texts.
        counts: Number of cells with each of them.
    """

    def __init__(self, name: str, texts: pa.ChunkedArray) -> None:
        self.name = name
        encoded = pc.dictionary_encode(texts).combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = pa.concat_arrays(encoded.chunks)
        self.distinct: pa.Array = encoded.dictionary
        self._codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        self.counts = np.bincount(
            self._codes[self._codes >= 0], minlength=len(self.distinct)
        ).astype(np.int64)

    def match(self, pattern: str) -> Mask:
        """Return which of the distinct texts match a regular expression."""
        return _mask(pc.match_substring_regex(self.distinct, pattern))

    def among(self, words: Collection[str]) -> Mask:
        """Return which of the distinct texts are one of some words."""
        return _mask(pc.is_in(self.distinct, value_set=pa.array(sorted(words), pa.string())))

    def standing_for(self, markers: Collection[str]) -> Mask:
        """Return which of the distinct texts are one of some markers, or the same number.

        Digits with a leading zero are codes, and stand for themselves alone.
        """
        found = self.among({*markers, *(text.strip() for text in markers)})
        numbers = {float(text) for text in markers if _PLAIN_NUMBER.fullmatch(text)}
        if numbers:
            places = np.flatnonzero(self.are_numbers & ~self.match(r"^\s*[+-]?0\d") & ~found)
            if len(places):
                values = [float(self.distinct[int(place)].as_py()) for place in places]
                found[places] = np.isin(values, list(numbers))
        return found

    @property
    def are_null_words(self) -> Mask:
        """Distinct texts that usually stand for a missing value, such as ``NA``."""
        return self.among(NULL_WORDS)

    @property
    def are_blank(self) -> Mask:
        """Distinct texts of white space."""
        return self.match(r"^\s*$")

    @property
    def are_numbers(self) -> Mask:
        """Distinct texts that are finite numbers."""
        return self.match(_NUMBER)

    def count(self, chosen: Mask) -> int:
        """Return the number of cells with one of the chosen texts."""
        return int(self.counts[chosen].sum())

    def words(self, chosen: Mask) -> list[str]:
        """Return the chosen texts, the most frequent first."""
        places = np.flatnonzero(chosen)
        order = places[np.argsort(-self.counts[places], kind="stable")]
        return [self.distinct[int(place)].as_py() for place in order]

    def tally(self, chosen: Mask) -> dict[str, int]:
        """Return how many cells have each of the chosen texts."""
        return {str(self.distinct[int(i)]): int(self.counts[i]) for i in np.flatnonzero(chosen)}

    def respelled(self, texts: Sequence[str]) -> "Cells":
        """Return a copy with other texts in place of the distinct ones, in the same order."""
        made = copy.copy(self)
        made.distinct = pa.array(texts, pa.string())
        return made

    def texts(self) -> pa.Array:
        """Return the text of each cell, null where it is empty."""
        codes = pa.array(self._codes, mask=self._codes < 0)
        return self.distinct.take(codes)

    def text(self, missing: Mask) -> pd.Series:
        """Return the column as text, without the texts that stand for a missing value."""
        values = np.asarray(self.distinct.to_pylist(), dtype=object)
        return self._spread(pd.Series(values, dtype="str"), missing)

    def numbers(self, missing: Mask) -> pd.Series:
        """Return the column as numbers: int64, ``Int64`` with missing values, or float64.

        Raises:
            DataError: If a remaining text is not a number.
        """
        present = pd.Series(self.distinct.to_pylist(), dtype="str")[~missing]
        try:
            parsed = pd.to_numeric(present)
        except ValueError:
            raise DataError(f"column {self.name!r}: must be numbers") from None
        whole = pd.api.types.is_integer_dtype(parsed.dtype) and self.match(_INTEGER)[~missing].all()
        has_missing = bool((self._codes < 0).any() or missing.any())
        if whole and has_missing:
            dtype = "UInt64" if parsed.dtype == np.uint64 else "Int64"
        else:
            dtype = str(parsed.dtype) if whole else "float64"
        converted: pd.Series = parsed.astype(pd.api.types.pandas_dtype(dtype))
        return self._spread(converted.reindex(range(len(missing)), fill_value=0), missing)

    def decimals(self, missing: Mask) -> pd.Series:
        """Return the column as decimals with all their digits.

        Raises:
            DataError: If a remaining text is not a number.
        """
        present = pd.Series(self.distinct.to_pylist(), dtype=object).mask(missing, None)
        return self._spread(as_decimals(present, f"column {self.name!r}"), missing)

    def truths(self, missing: Mask) -> pd.Series | None:
        """Return the column as booleans, None if a remaining text is neither true nor false."""
        words = [text.strip().lower() for text in self.distinct.to_pylist()]
        if any(word not in TRUTHS for word, gone in zip(words, missing, strict=True) if not gone):
            return None
        values = [TRUTHS.get(word, False) for word in words]
        has_missing = bool((self._codes < 0).any() or missing.any())
        return self._spread(pd.Series(values, dtype="boolean" if has_missing else "bool"), missing)

    def _spread(self, values: pd.Series, missing: Mask) -> pd.Series:
        codes = np.append(np.where(missing, -1, np.arange(len(missing))), -1)[self._codes]
        allows = bool((codes < 0).any())
        taken: Sequence[Any] = values.array.take(codes, allow_fill=allows)
        return pd.Series(taken, name=self.name)


def _mask(found: pa.Array) -> Mask:
    mask: Mask = found.to_numpy(zero_copy_only=False).astype(bool)
    return mask
