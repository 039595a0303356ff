"""What a benchmark is, and what it yields: figures with what was wanted of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a figure is held to."""

    relation: Literal["≤", "≥", "="]
    limit: float

    def is_met(self, value: float) -> bool:
        """Whether the value is as wanted."""
        if self.relation == "=":
            return value == self.limit
        return value <= self.limit if self.relation == "≤" else value >= self.limit


def at_most(limit: float) -> Wanted:
    """Wanted: no more than this."""
    return Wanted("≤", limit)


def at_least(limit: float) -> Wanted:
    """Wanted: no less than this."""
    return Wanted("≥", limit)


def exactly(limit: float) -> Wanted:
    """Wanted: this and nothing else."""
    return Wanted("=", limit)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; without `wanted` it stands there for comparison."""

    name: str
    value: float
    unit: str = ""
    wanted: Wanted | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is as wanted; None where nothing is."""
        return self.wanted.is_met(self.value) if self.wanted else None


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence that stands among the figures, such as why there are none."""

    text: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what a benchmark runs: `quick` asks for less of everything, `folder` is its own and empty.

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
