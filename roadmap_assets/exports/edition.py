"""A roadmap as it is exported: its published rows with the headers of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import Struct

from roadmap_assets.warehouse.published import EnrichedTopic

SIMULATOR = "simulator"
"""The model under which answers of the simulator are kept."""

CHALLENGE = "challenge"
TLDR = "tldr"


class Edition(Struct, frozen=True, dict=True):
    """What is published of a roadmap. `headers` are the profile's columns, in its order, with their headers."""

    roadmap: str
    title: str
    headers: Mapping[str, str]
    rows: Sequence[EnrichedTopic]

    @cached_property
    def chapters(self) -> Mapping[str, Sequence[EnrichedTopic]]:
        """Category -> its topics, in reading order; topics of no category are in a chapter of the roadmap's name."""
        chapters: dict[str, list[EnrichedTopic]] = {}
        for row in self.rows:
            chapters.setdefault(self.chapter_of(row), []).append(row)
        return chapters

    @cached_property
    def levels(self) -> Sequence[str]:
        """The values of the column `challenge`, from the easiest where that is known."""
        return ordered_levels(str(row.columns[CHALLENGE]) for row in self.rows if row.columns.get(CHALLENGE))

    @property
    def answered(self) -> int:
        """Number of topics with an answer."""
        return sum(row.is_answered for row in self.rows)

    @property
    def authors(self) -> Sequence[str]:
        """The models that wrote the answers."""
        return sorted({row.model for row in self.rows if row.is_answered})

    @property
    def published_at(self) -> datetime | None:
        """When the newest of the rows was published (UTC); None before the first publication."""
        return max((row.published_at for row in self.rows if row.published_at), default=None)

    def chapter_of(self, row: EnrichedTopic) -> str:
        """The name of a topic's chapter."""
        return row.topic.category or self.title

    def answers_of(self, row: EnrichedTopic) -> Iterator[tuple[str, Any]]:
        """Header and value of each column that the topic has an answer in, in the profile's order."""
        for column, header in self.headers.items():
            if row.columns.get(column) not in (None, ""):
                yield header, row.columns[column]


def ordered_levels(found: Iterable[str]) -> list[str]:
    """Values of the column `challenge`, each once, from the easiest where that is known."""
    return sorted(set(found), key=lambda level: (level != "practice", level))


def headers_of(rows: Sequence[EnrichedTopic], known: Mapping[str, str]) -> dict[str, str]:
    """The columns that any of the rows has an answer in, each with its known header or one made from its name."""
    used = dict.fromkeys(column for row in rows for column in row.columns)
    ordered = sorted(used, key=lambda column: list(known).index(column) if column in known else len(known))
    return {column: known.get(column) or column.replace("_", " ").title() for column in ordered}


def is_stale(row: EnrichedTopic) -> bool:
    """Whether the answer belongs to an earlier text of the topic or an earlier profile."""
    return row.status == "stale"


def is_simulated(row: EnrichedTopic) -> bool:
    """Whether the simulator answered."""
    return row.is_answered and row.model == SIMULATOR
