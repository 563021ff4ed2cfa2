"""Candidates of smooth functions, from a few hundred rows, for all columns at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.rules.column_views import Floats
from tabvae_ray.table.rules.finding.curves.fitting import WIDEST, Space, closest_fit, curve_input
from tabvae_ray.table.rules.forms.curves.curve import SCALES, powers, products_of

__all__ = ["Candidate", "Screen"]

_SAMPLE = 256
# Degree of polynomials of one and of two columns.
_DEGREES = {1: 5, 2: 3}
# Share of the variance that a function explains of a column of which a tenth are exceptions.
_EXPLAINED = 0.75
# Candidates of one column that are fitted to the sample without its exceptions.
_MOST = 12
_ROUNDS = 10
# Share of the sample that must be near, in units of what is allowed: more powers come nearer.
_NEAR, _SHARE = 5.0, 0.75
# The logarithm of a column whose largest value is less than so many times the smallest is linear.
_NARROW = 1.1
# Pairs of columns that are tried at once, which takes some megabytes.
_AT_ONCE = 64


@dataclass(frozen=True)
class Candidate:
    """A column that may be a smooth function of others.

    Args:
        of: Places of the others.
        space: What is done to the numbers.
        apart: How far the column is from it in the middle of a sample.
    """

    of: tuple[int, ...]
    space: Space
    apart: float


class Screen:
    """Some rows of columns of numbers.

    Args:
        numbers: ``(N, C)`` the columns in shuffled order, NaN where missing, each with enough
            values.
        results: Places of the columns to be explained, and how far each may be from a result.
    """

    def __init__(self, numbers: Floats, results: dict[int, float]) -> None:
        few = np.argsort(np.isnan(numbers).sum(axis=1), kind="stable")[:_SAMPLE]
        self._sample, self._results = numbers[few], results
        self._filled = np.where(np.isnan(self._sample), np.nanmedian(numbers, axis=0), self._sample)
        self._logarithms = []
        for own in numbers.T:
            low, high = np.nanmin(own), np.nanmax(own)
            self._logarithms.append((False, True) if low > 0 and high > _NARROW * low else (False,))
        self._powers: dict[tuple[int, bool], Floats] = {}
        for place, logarithms in enumerate(self._logarithms):
            for logarithm in logarithms:
                part = curve_input(numbers[:, place], 1, logarithm=logarithm)
                if part is None:
                    continue
                scaled = np.clip(part.scaled(self._filled[:, place]), -WIDEST, WIDEST)
                self._powers[place, logarithm] = powers([scaled], [_DEGREES[1]])
        aims: list[Floats] = []
        self._aims: list[tuple[int, Space]] = []
        for place in results:
            for of, scale in SCALES.items():
                if scale.suits(numbers[:, place]):
                    aim = scale.taken(self._filled[:, place], results[place])
                    # Some exceptions may be further away than all else together.
                    aim = np.clip(aim, *np.quantile(aim, [0.1, 0.9]))
                    aims.append((aim - aim.mean()) / max(aim.std(), 1e-300))
                    self._aims.append((place, Space(of, ())))
        self._targets = np.stack(aims, axis=1)

    def candidates(self, n_of: int) -> Iterator[tuple[int, list[Candidate]]]:
        """Yield columns and what they may be a function of, the nearest first.

        Args:
            n_of: Number of the other columns, one or two.
        """
        found: dict[int, list[tuple[float, tuple[int, ...], Space]]] = {}
        for tried, explained in self._explained(n_of):
            for row, k in np.argwhere(explained >= _EXPLAINED):
                of, logarithms = tried[row]
                place, space = self._aims[k]
                if place not in of:
                    entry = (float(explained[row, k]), of, Space(space.of, logarithms))
                    found.setdefault(place, []).append(entry)
        for place, entries in found.items():
            entries.sort(key=lambda entry: -entry[0])
            near = [self._near(place, of, space) for _, of, space in entries[:_MOST]]
            kept = [candidate for candidate in near if candidate is not None]
            if kept:
                yield place, sorted(kept, key=lambda candidate: candidate.apart)

    def _explained(
        self, n_of: int
    ) -> Iterator[tuple[list[tuple[tuple[int, ...], tuple[bool, ...]]], Floats]]:
        """Yield columns with their logarithms, and the share ``(B, T)`` that they explain."""
        places = range(self._sample.shape[1])
        tried = [
            (of, logarithms)
            for of in combinations(places, n_of)
            for logarithms in product(*(self._logarithms[place] for place in of))
        ]
        for start in range(0, len(tried), _AT_ONCE):
            part = tried[start : start + _AT_ONCE]
            terms = np.stack([self._terms(of, logarithms) for of, logarithms in part])
            orthonormal = np.linalg.qr(terms)[0]
            shares = np.matmul(orthonormal.transpose(0, 2, 1), self._targets)
            yield part, np.square(shares).sum(axis=1) / len(self._targets)

    def _terms(self, of: Sequence[int], logarithms: Sequence[bool]) -> Floats:
        degree = _DEGREES[len(of)]
        keys = zip(of, logarithms, strict=True)
        return products_of([self._powers[key][:, : degree + 1] for key in keys])

    def _near(self, place: int, of: tuple[int, ...], space: Space) -> Candidate | None:
        """Return a candidate if it is near most of the sample, but for exceptions."""
        own, within = self._sample[:, place], self._results[place]
        known = ~np.isnan(self._sample[:, [place, *of]]).any(axis=1)
        terms: npt.NDArray[np.float64] = self._terms(of, space.logarithms)[known]
        if len(terms) < 4 * terms.shape[1]:
            return None
        orthonormal = np.linalg.qr(terms)[0]
        with np.errstate(all="ignore"):
            found = closest_fit(orthonormal, own[known], space.of, within, _ROUNDS)
            results = SCALES[space.of].back(orthonormal @ found)
        apart = np.abs(results - own[known])
        if (apart <= _NEAR * within).mean() < _SHARE:
            return None
        return Candidate(of, space, float(np.median(apart)))
