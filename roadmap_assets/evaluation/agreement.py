"""How far two sets of answers to the same rows agree: pure functions over values.

- Exact share: rows with equal values, ÷ rows.
- Cohen's kappa, for columns with few values: agreement beyond what the two would reach by chance, given how often each
  uses each value; 1 is perfect, 0 is chance (J. Cohen, "A coefficient of agreement for nominal scales", 1960).
- Similarity of texts: the F1 of their words as multisets, without case and punctuation (the measure of SQuAD:
  P. Rajpurkar et al., 2016, section 6.1). It needs no model, and knows nothing of meaning: synonyms count as different.
- Intervals: the percentile bootstrap over rows (B. Efron, "Bootstrap methods", 1979), drawn from a fixed seed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

RESAMPLES: Final = 2000
CONFIDENCE: Final = 0.95

_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure over `rows` rows with its bootstrap interval at `CONFIDENCE`."""

    value: float
    low: float
    high: float
    rows: int

    def overlaps(self, other: Estimate) -> bool:
        """Whether the two intervals have a point in common."""
        return self.low <= other.high and other.low <= self.high


def exact_share(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Share of rows with equal values, 0 to 1; 1 where there are no rows."""
    return _mean([float(a == b) for a, b in zip(first, second, strict=True)])


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Cohen's kappa, -1 to 1. Where both give one value to all rows, chance explains everything: 1 by convention."""
    rows = len(first)
    if not rows:
        return 1.0
    observed = exact_share(first, second)
    used_by_first, used_by_second = Counter(first), Counter(second)
    by_chance = sum(count * used_by_second[value] for value, count in used_by_first.items()) / rows**2
    return 1.0 if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def word_f1(first: str, second: str) -> float:
    """Similarity of two texts, 0 to 1: the F1 of their words as multisets."""
    words, others = Counter(_WORD.findall(first.casefold())), Counter(_WORD.findall(second.casefold()))
    if not words or not others:
        return float(words == others)
    return 2 * (words & others).total() / (words.total() + others.total())


def similarity(first: Sequence[str], second: Sequence[str]) -> float:
    """Mean `word_f1` over the rows; 1 where there are no rows."""
    return _mean([word_f1(a, b) for a, b in zip(first, second, strict=True)])


def estimate(
    measure: Callable[[Sequence[Any], Sequence[Any]], float],
    first: Sequence[Any],
    second: Sequence[Any],
    *,
    seed: int = 0,
) -> Estimate:
    """`measure` of the two, with its bootstrap interval over rows.

    >>> estimate(exact_share, ["a", "b", "a", "b"], ["a", "b", "a", "a"]).value
    0.75
    """
    rows = len(first)
    value = measure(first, second)
    if rows < 2:
        return Estimate(value, value, value, rows)
    draws = np.random.default_rng(seed).integers(0, rows, size=(RESAMPLES, rows))
    values = [measure([first[row] for row in draw], [second[row] for row in draw]) for draw in draws.tolist()]
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return Estimate(value, float(low), float(high), rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 1.0
