"""Rules for the topics of a roadmap, beside the document that they were read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from roadmap_assets.quality.rule import Rule
from roadmap_assets.warehouse.topics import Topic

MOST_DISPUTED: Final = 0.1
"""Share of a roadmap's topics; beyond it, the tree or our reading of the drawing is probably out of date."""


class ReadRoadmap(Struct, frozen=True):
    """A roadmap's topics, and the topics (id -> label) of its document.

    `disputed` is the number of topics that the site's tree places under another topic than the drawing does.
    """

    topics: Sequence[Topic]
    document: Mapping[str, str]
    disputed: int = 0


def _repeated_ids(read: ReadRoadmap) -> list[str]:
    counts = Counter(topic.topic_id for topic in read.topics)
    return [topic_id for topic_id, count in counts.items() if count > 1]


def _empty_labels(read: ReadRoadmap) -> list[str]:
    return [topic.topic_id for topic in read.topics if not topic.topic.strip()]


def _not_in_table(read: ReadRoadmap) -> list[str]:
    there = {topic.topic_id for topic in read.topics}
    return [label or topic_id for topic_id, label in read.document.items() if topic_id not in there]


def _unplaced(read: ReadRoadmap) -> list[str]:
    return [topic.topic for topic in read.topics if not topic.category]


def _disputed(read: ReadRoadmap) -> list[str]:
    too_many = read.disputed > MOST_DISPUTED * len(read.topics)
    return [f"{read.disputed} topics have another parent in the drawing"] if too_many else []


def _without_text(read: ReadRoadmap) -> list[str]:
    return [topic.topic for topic in read.topics if not topic.description]


def _rows(read: ReadRoadmap) -> int:
    return len(read.topics)


TOPIC_RULES: Final[Sequence[Rule[ReadRoadmap]]] = (
    Rule("ids_unique", "No two topics share an id.", _repeated_ids, _rows, error=True, blocking=True),
    Rule("labels_not_empty", "Every topic has a name.", _empty_labels, _rows, error=True, blocking=True),
    Rule(
        "topics_complete",
        "Every topic of the document is in the table.",
        _not_in_table,
        lambda read: len(read.document),
        error=True,
        blocking=True,
    ),
    Rule("topics_in_a_category", "At least 90 % of the topics have a category.", _unplaced, _rows, tolerance=0.1),
    Rule(
        "tree_and_drawing_agree",
        "For at least 90 % of the topics, the site's tree and the drawing name the same parent topic.",
        _disputed,
        _rows,
    ),
    Rule("topics_with_a_text", "At least 80 % of the topics have a text.", _without_text, _rows, tolerance=0.2),
)
