"""Rules for the published rows of a roadmap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from roadmap_assets.quality.rule import Rule


class PublishedRoadmap(Struct, frozen=True):
    """The ids of a roadmap's published rows beside those of its topics."""

    published: Sequence[str]
    topics: Sequence[str]


class Replacement(Struct, frozen=True):
    """A publication and the one before it.

    `rows` is the number of rows published now, `gone` the topics (id -> label) that only the publication before has,
    and `document` the topics that the document has now.
    """

    rows: int
    gone: Mapping[str, str]
    document: Mapping[str, str]


def _other_rows(roadmap: PublishedRoadmap) -> list[str]:
    published, topics = Counter(roadmap.published), Counter(roadmap.topics)
    return sorted({*(published - topics), *(topics - published)})


def _lost(replaced: Replacement) -> list[str]:
    return sorted(label for topic_id, label in replaced.gone.items() if topic_id in replaced.document)


PUBLICATION_RULES: Final[Sequence[Rule[PublishedRoadmap]]] = (
    Rule(
        "rows_are_the_topics",
        "The published rows are exactly the roadmap's topics.",
        _other_rows,
        lambda roadmap: len(roadmap.published),
        unit="rows",
        error=True,
    ),
)
REPLACEMENT_RULES: Final[Sequence[Rule[Replacement]]] = (
    Rule(
        "no_topic_lost",
        "No topic that the document still has is missing from the new publication.",
        _lost,
        lambda replaced: replaced.rows,
        unit="rows",
        error=True,
    ),
)
