"""Marks by which generated identifiers avoid real ones without a list of the real ones.

Each text falls into one of many cells, by a hash. A cell is marked if a real identifier falls into
it, and no generated identifier comes from a marked cell. Of a marked cell one cannot tell which of
its texts is real: with eight digits and a million real identifiers, 25 texts share a cell. The
marks take 4 bits per real identifier.

Alone, these marks would betray who is in the table: someone who knows an identifier looks whether
its cell is marked. Other cells are therefore marked as well, at random, until 19 of 20 are. A
mark then tells next to nothing: the cell of an identifier that is not in the table has one in 19
of 20 cases. Fewer are added where the pattern would have too few texts left.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tabvae_ray.table.identifiers.texts import Points, code_points, hashed, key_of, mixed

__all__ = ["MarkedCells"]

_CELLS_PER_TEXT = 4
_MAX_CELLS = 2**31
# Share of the cells that are marked, and texts per real identifier that stay usable.
_MARKED_SHARE = 0.95
_USABLE_TEXTS = 20


class MarkedCells(BaseModel):
    """Cells into which real identifiers fall, among others.

    Args:
        n_cells: Number of cells, a multiple of 8.
        salt: Key of the hash.
        marks: A bit per cell, in base64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_cells: int = Field(ge=8, le=_MAX_CELLS, multiple_of=8)
    salt: int = Field(ge=0, lt=2**64)
    marks: str = Field(repr=False)

    @classmethod
    def of(cls, texts: Sequence[str], n_possible: int) -> Self:
        """Mark the cells of texts, and others.

        Args:
            texts: The real identifiers.
            n_possible: Number of texts that identifiers are drawn from.
        """
        points = code_points(texts)
        # The same texts in any order give the same marks.
        total = int(np.add.reduce(mixed(hashed(points, 1))))
        salt = key_of("marked cells", total, len(points))
        n_cells = min(-(-len(points) * _CELLS_PER_TEXT // 8) * 8, _MAX_CELLS)
        marks = np.zeros(n_cells, dtype=np.bool_)
        marks[(hashed(points, salt) % np.uint64(n_cells)).astype(np.int64)] = True
        share = min(_MARKED_SHARE, 1 - _USABLE_TEXTS * len(points) / n_possible)
        # The salt is stored. What decides about other cells must not follow from it.
        rng = np.random.default_rng(key_of("other cells", total, len(points)))
        free = np.flatnonzero(~marks)
        n_others = min(max(0, int(share * n_cells) - (n_cells - len(free))), len(free))
        marks[rng.choice(free, n_others, replace=False)] = True
        packed = base64.b64encode(np.packbits(marks).tobytes()).decode("ascii")
        return cls(n_cells=n_cells, salt=salt, marks=packed)

    def bits(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return the marks.

        Raises:
            ValueError: If they are not one bit per cell.
        """
        try:
            data = base64.b64decode(self.marks.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise ValueError("marks: must be base64") from None
        if len(data) * 8 != self.n_cells:
            raise ValueError(f"marks: must have {self.n_cells} bits, but has {len(data) * 8}")
        return np.unpackbits(np.frombuffer(data, dtype=np.uint8)).astype(np.bool_)

    def cells(self, points: Points) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the cell of each text."""
        return (hashed(points, self.salt) % np.uint64(self.n_cells)).astype(np.int64)
