"""How far answers to the same rows agree: pure functions over values.

- Exact share: rows with equal values, ÷ rows.
- Cohen's kappa, for columns with few values: agreement beyond what the two would reach by chance, given how often each
  uses each value; 1 is perfect, 0 is chance (J. Cohen, "A coefficient of agreement for nominal scales", 1960).
- Similarity of texts: the F1 of their words as multisets, without case and punctuation (the measure of SQuAD:
  P. Rajpurkar et al., 2016, section 6.1). It needs no model, and knows nothing of meaning: synonyms count as different.
- Intervals: the percentile bootstrap over rows (B. Efron, "Bootstrap methods", 1979), drawn from a fixed seed. A row
  that was scored more than once is drawn with all its scores, since they are not independent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Final, Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

RESAMPLES: Final = 2000
CONFIDENCE: Final = 0.95

_WORD: Final = re.compile(r"\w+")


class Estimate(Struct, frozen=True):
    """A figure over `rows` rows with its bootstrap interval."""

    value: float
    low: float
    high: float
    rows: int


class Scores(Struct, frozen=True):
    """Scores from 0 to 1, summed and counted by row; a row without a score counts 0."""

    sums: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Sequence[Sequence[float]]) -> Self:
        """The scores of each row."""
        return cls(np.array([sum(row) for row in scores], dtype=float), np.array([len(row) for row in scores]))

    @property
    def rows(self) -> int:
        """Number of rows with a score."""
        return int((self.counts > 0).sum())

    def means(self, draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """The mean score of each draw of rows; not a number where a draw has no score."""
        with np.errstate(invalid="ignore"):
            means: NDArray[np.float64] = self.sums[draws].sum(axis=1) / self.counts[draws].sum(axis=1)
        return means


def exact_share(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Share of rows with equal values, 0 to 1; 1 where there are no rows."""
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first) if first else 1.0


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Cohen's kappa, -1 to 1. Where both give one value to all rows, chance explains everything: 1 by convention."""
    return float(_kappas(*_coded(first, second), np.arange(len(first))[None])[0]) if first else 1.0


def word_f1(first: str, second: str) -> float:
    """Similarity of two texts, 0 to 1: the F1 of their words as multisets."""
    words, others = Counter(_WORD.findall(first.casefold())), Counter(_WORD.findall(second.casefold()))
    if not words or not others:
        return float(words == others)
    return 2 * (words & others).total() / (words.total() + others.total())


def estimate(scores: Scores, *, confidence: float = CONFIDENCE, seed: int = 0) -> Estimate:
    """The mean score, with its interval.

    >>> estimate(Scores.of([[1], [1], [1], [0]])).value
    0.75
    """
    rows = np.arange(len(scores.counts))[None]
    resampled = scores.means(_draws(len(scores.counts), seed))
    return _estimate(float(scores.means(rows)[0]), resampled, scores.rows, confidence)


def difference(first: Scores, second: Scores, *, confidence: float = CONFIDENCE, seed: int = 0) -> Estimate:
    """The first mean score minus the second, over the same rows, with the interval of the difference."""
    rows = np.arange(len(first.counts))[None]
    draws = _draws(len(first.counts), seed)
    value = float((first.means(rows) - second.means(rows))[0])
    return _estimate(value, first.means(draws) - second.means(draws), min(first.rows, second.rows), confidence)


def estimate_kappa(first: Sequence[Hashable], second: Sequence[Hashable], *, seed: int = 0) -> Estimate:
    """Cohen's kappa with its interval."""
    resampled = _kappas(*_coded(first, second), _draws(len(first), seed))
    return _estimate(cohen_kappa(first, second), resampled, len(first), CONFIDENCE)


def _estimate(value: float, resampled: NDArray[np.float64], rows: int, confidence: float) -> Estimate:
    tail = 100 * (1 - confidence) / 2
    low, high = np.nanpercentile(resampled, [tail, 100 - tail])
    return Estimate(value, float(low), float(high), rows)


def _draws(rows: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, rows, size=(RESAMPLES, rows))


def _coded(first: Sequence[Hashable], second: Sequence[Hashable]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both as numbers, one for each value."""
    codes = {value: code for code, value in enumerate(dict.fromkeys([*first, *second]))}
    return np.array([codes[value] for value in first]), np.array([codes[value] for value in second])


def _kappas(first: NDArray[np.int64], second: NDArray[np.int64], draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """Kappa of each draw of rows."""
    observed = (first == second)[draws].mean(axis=1)
    by_chance = np.zeros(len(draws))
    for value in np.union1d(first, second):
        by_chance += (first == value)[draws].mean(axis=1) * (second == value)[draws].mean(axis=1)
    certain = by_chance >= 1 - 1e-12
    kappas: NDArray[np.float64] = np.where(certain, 1.0, (observed - by_chance) / np.where(certain, 1, 1 - by_chance))
    return kappas
