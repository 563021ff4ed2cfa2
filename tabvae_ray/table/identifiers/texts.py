"""Texts of a shape by number, in the order of a keyed permutation."""

import hashlib
import math
from typing import Any

import numpy as np

from tabvae_ray.table.identifiers.pattern import Shape

__all__ = ["Permutation", "code_points", "hashed", "key_of", "texts_of"]

Words = np.ndarray[Any, np.dtype[np.uint64]]
Points = np.ndarray[Any, np.dtype[np.uint32]]

# Fewer texts than this are shuffled as a whole.
_SMALL = 65_536
_ROUNDS = 4
# Parts of a number are below 2**60, so that sums of two do not overflow.
_PART_BITS = 60


def key_of(*parts: object) -> int:
    """Return 64 bits that depend on all parts."""
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def mixed(words: Words) -> Words:
    """Mix the bits of 64-bit words (the finaliser of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def hashed(points: Points, key: int) -> Words:
    """Hash each row of code points; zeros at the end do not count."""
    words = np.full(len(points), key, dtype=np.uint64)
    for column in points.T:
        step = mixed(words ^ (column.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)))
        words = np.where(column != 0, step, words)
    return words


def code_points(texts: Any) -> Points:
    """Return texts as rows of code points, with zeros at the end."""
    array = np.asarray(texts, dtype=np.str_)
    width = max(1, array.dtype.itemsize // 4)
    fixed = np.ascontiguousarray(array.astype(f"<U{width}"))
    return fixed.view(np.uint32).reshape(len(array), width)


def texts_of(points: Points) -> Any:
    """Return the texts of rows of code points."""
    width = points.shape[1]
    return np.ascontiguousarray(points).view(f"<U{width}").reshape(-1)


class Permutation:
    """Texts of a shape in a random order that a key determines.

    Each number gives one text and no other number gives the same. A Feistel network computes it,
    so that no table of all texts is needed.

    Args:
        shape: The texts.
        key: Determines the order.
    """

    def __init__(self, shape: Shape, key: int) -> None:
        self.shape, self.key = shape, key
        self.size = shape.size
        self._tables = [
            code_points(np.array(choices, dtype=np.str_)) for choices in shape.positions
        ]
        self._order: Any = None
        if self.size <= _SMALL:
            self._order = np.random.default_rng(key).permutation(self.size).astype(np.uint64)
        self._parts = _divided([len(choices) for choices in shape.positions], self.size)

    def points(self, numbers: Words) -> Points:
        """Return the texts with some numbers below ``size``, as code points."""
        moduli = [math.prod(part) for part in self._parts]
        left = self._order[numbers.astype(np.int64)] if self._order is not None else numbers
        limbs: list[Words] = []
        for modulus in moduli:
            limbs.append(left % np.uint64(modulus))
            left = left // np.uint64(modulus)
        if self._order is None:
            self._shuffle(limbs, moduli)
        columns: list[Points] = []
        tables = iter(self._tables)
        for limb, part in zip(limbs, self._parts, strict=True):
            for radix in part:
                columns.append(next(tables)[(limb % np.uint64(radix)).astype(np.int64)])
                limb = limb // np.uint64(radix)
        points = np.concatenate(columns, axis=1)
        if any(bool((table == 0).any()) for table in self._tables):
            # Words of different lengths leave gaps.
            order = np.argsort(points == 0, axis=1, kind="stable")
            points = np.take_along_axis(points, order, axis=1)
        return points

    def _shuffle(self, limbs: list[Words], moduli: list[int]) -> None:
        for turn in range(_ROUNDS):
            for i, modulus in enumerate(moduli):
                state = np.full(len(limbs[0]), self.key ^ (turn * 1024 + i), dtype=np.uint64)
                for j, limb in enumerate(limbs):
                    if j != i:
                        state = mixed(state + limb + np.uint64(0x9E3779B97F4A7C15))
                shift = mixed(state) % np.uint64(modulus)
                limbs[i] = (limbs[i] + shift) % np.uint64(modulus)


def _divided(radices: list[int], size: int) -> list[list[int]]:
    """Divide positions into at least two parts of about equal size, each below 2**60."""
    n_parts = max(2, math.ceil(math.log2(max(size, 2)) / (_PART_BITS - 16)))
    target = math.log2(max(size, 2)) / n_parts
    parts: list[list[int]] = [[]]
    for radix in radices:
        bits = math.log2(math.prod(parts[-1]))
        if parts[-1] and bits + math.log2(radix) / 2 > target:
            parts.append([])
        parts[-1].append(radix)
    return parts
