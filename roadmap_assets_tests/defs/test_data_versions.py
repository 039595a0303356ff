"""Data versions: what changes them, and what does not."""

from __future__ import annotations

from msgspec.structs import asdict, replace

from roadmap_assets.defs.partition_events import answers_version, rows_version, topics_version
from roadmap_assets.warehouse.published import EnrichedTopic
from roadmap_assets.warehouse.topics import Resource, Topic
from roadmap_assets_tests.warehouse import records

TOPICS = records.topics("a")
ROWS = [EnrichedTopic(topic, "enriched", {"tldr": "Brief", "core": True}, "key") for topic in TOPICS]


def test_a_renamed_class_changes_no_version() -> None:
    class Lesson(Topic, frozen=True):
        pass

    class Link(Resource, frozen=True):
        pass

    same = [Lesson(**{**asdict(topic), "resources": _as(Link, topic)}) for topic in TOPICS]
    assert repr(same[0]) != repr(TOPICS[0])
    assert topics_version(same) == topics_version(TOPICS)


def _as(link: type[Resource], topic: Topic) -> tuple[Resource, ...]:
    return tuple(link(**asdict(resource)) for resource in topic.resources)


def test_every_value_changes_the_version() -> None:
    first, *others = TOPICS
    for changed in (
        replace(first, topic="Other"),
        replace(first, path=("Orchestration",)),
        replace(first, resources=()),
        replace(first, position=7),
        replace(first, optional=True),
    ):
        assert topics_version([changed, *others]) != topics_version(TOPICS), changed
    answered = replace(ROWS[0], columns={"tldr": "Other", "core": True})
    for version in (answers_version, rows_version):
        assert version([answered, *ROWS[1:]]) != version(ROWS)
    assert answers_version(ROWS) == answers_version(
        [replace(row, topic=replace(row.topic, position=9)) for row in ROWS]
    )


def test_half_of_a_surrogate_pair_has_a_version() -> None:
    assert topics_version([replace(TOPICS[0], topic="\ud800")]) != topics_version([replace(TOPICS[0], topic="?")])
