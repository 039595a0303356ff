"""Benchmarks, and what they yield: figures with their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Wanted:
    """The target of a figure."""

    relation: Literal["≤", "≥", "="]
    limit: float

    def is_met(self, value: float) -> bool:
        """Whether the value meets the target."""
        if self.relation == "=":
            return value == self.limit
        return value <= self.limit if self.relation == "≤" else value >= self.limit


def at_most(limit: float) -> Wanted:
    """Target: at most this."""
    return Wanted("≤", limit)


def at_least(limit: float) -> Wanted:
    """Target: at least this."""
    return Wanted("≥", limit)


def exactly(limit: float) -> Wanted:
    """Target: exactly this."""
    return Wanted("=", limit)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; without `wanted` it is there for comparison."""

    name: str
    value: float
    unit: str = ""
    wanted: Wanted | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it meets its target; None without one."""
        return self.wanted.is_met(self.value) if self.wanted else None


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence among the figures, such as why there are none."""

    text: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a benchmark: `quick` asks for smaller workloads, `folder` is its own and empty.

    `real_roadmaps` are real documents, where there are any; `images` is where charts go, if they are wanted.
    """

    quick: bool
    folder: Path
    real_roadmaps: Path | None = None
    images: Path | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One row of the registry; the three sentences are what the document says of it."""

    name: str
    measures: str
    against: str
    limit: str
    run: Callable[[Conditions], Iterator[Figure | Remark]]
