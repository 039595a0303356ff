"""The published table: typed columns of any profile, a roadmap's rows replaced alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.published import (
    EnrichedTopic,
    Status,
    column_type,
    load_published,
    open_topics,
    publish_rows,
)
from roadmap_assets.warehouse.rows import columns_of
from roadmap_assets_tests.warehouse import records


def publish(
    warehouse: Warehouse,
    roadmap: str,
    answers: Sequence[Mapping[str, Any]],
    *,
    columns: Mapping[str, str],
    statuses: Sequence[Status] = (),
) -> None:
    of_each: Sequence[Status] = statuses or ["enriched"] * len(answers)
    topics = records.topics(roadmap, len(answers))
    rows = [
        EnrichedTopic(topic, status, answer, f"key {topic.topic_id}", "p", "m")
        for topic, answer, status in zip(topics, answers, of_each, strict=True)
    ]
    with warehouse.transaction() as connection:
        publish_rows(connection, roadmap, rows, columns=columns)


def query(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection:
        return connection.execute(sql).fetchall()


SUMMARY = {"tldr": "VARCHAR", "challenge": "VARCHAR"}


def test_that_a_roadmap_is_published_in_full_and_replaced_alone(warehouse: Warehouse) -> None:
    publish(warehouse, "a", [{"tldr": "Old", "challenge": "expert"}] * 4, columns=SUMMARY)
    publish(warehouse, "b", [{"tldr": "Other", "challenge": "expert"}], columns=SUMMARY)
    publish(warehouse, "a", [{"tldr": "New", "challenge": "practice"}, {}], columns=SUMMARY)
    rows = query(
        warehouse,
        "SELECT roadmap, topic_id, path->>1, resources->0->>'url', tldr, challenge, profile, model, enrichment_key "
        "FROM enriched_roadmaps ORDER BY roadmap, position",
    )
    path, url = "Assets", "https://example.org/"
    assert rows == [
        ("a", "0", path, url, "New", "practice", "p", "m", "key 0"),
        ("a", "1", path, url, None, None, "p", "m", "key 1"),
        ("b", "0", path, url, "Other", "expert", "p", "m", "key 0"),
    ]


def test_that_columns_of_a_profile_are_typed(warehouse: Warehouse) -> None:
    values = {"score": 0.5, "rank": 7, "core": True, "how_to": {"steps": ["a", "b"]}}
    types = {"score": "DOUBLE", "rank": "BIGINT", "core": "BOOLEAN", "how_to": "JSON"}
    publish(warehouse, "a", [{"tldr": "Old", "challenge": "expert"}], columns=SUMMARY)
    publish(warehouse, "b", [values, {}], columns=types)
    rows = query(
        warehouse,
        "SELECT tldr, score + 1, rank + 1, NOT core, how_to->'steps'->>1 FROM enriched_roadmaps "
        "ORDER BY roadmap, position",
    )
    none = (None,) * 4
    assert rows == [("Old", *none), (None, 1.5, 8, False, "b"), (None, *none)]


@pytest.mark.parametrize("name", ['say "what"', "select", "a; DROP TABLE topics", "naïve", "TLDR"])
def test_that_a_column_may_have_any_name(warehouse: Warehouse, name: str) -> None:
    publish(warehouse, "a", [{name: "kept"}], columns={name: "VARCHAR"})
    publish(warehouse, "a", [{name: "kept"}], columns={name: "VARCHAR"})
    with warehouse.transaction() as connection:
        [row] = load_published(connection, "a", columns={name: "VARCHAR"})
        names = {stored.casefold() for stored, _, _ in columns_of(connection, "enriched_roadmaps")}
    assert row.columns == {name: "kept"}
    assert name.casefold() in names
    assert query(warehouse, "SELECT * FROM topics") == []


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        (("BIGINT", 7), ("VARCHAR", "high"), ["7", "high"]),
        (("VARCHAR", "high"), ("BIGINT", 7), ["high", "7"]),
        (("BIGINT", 7), ("DOUBLE", 0.5), ["7", "0.5"]),
        (("VARCHAR", "high"), ("JSON", ["a"]), ["high", '["a"]']),
    ],
)
def test_that_a_column_with_two_types_becomes_text(
    warehouse: Warehouse, first: tuple[str, Any], then: tuple[str, Any], kept: list[str]
) -> None:
    for roadmap, (kind, value) in (("a", first), ("b", then), ("b", then)):
        publish(warehouse, roadmap, [{"Level": value}], columns={"Level": kind})
    assert query(warehouse, 'SELECT "Level" FROM enriched_roadmaps ORDER BY roadmap') == [(text,) for text in kept]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "VARCHAR"),
        ({"type": "string", "enum": ["practice", "expert"]}, "VARCHAR"),
        ({"type": "integer"}, "BIGINT"),
        ({"type": "number"}, "DOUBLE"),
        ({"type": "boolean"}, "BOOLEAN"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "VARCHAR"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "JSON"),
        ({"type": "array", "items": {"type": "string"}}, "JSON"),
        ({"type": "object"}, "JSON"),
        ({}, "JSON"),
        ({"anyOf": [{"type": "null"}]}, "JSON"),
    ],
)
def test_that_a_json_schema_has_a_type(schema: dict[str, Any], kind: str) -> None:
    assert column_type(schema) == kind


def test_that_texts_come_back_as_they_were(warehouse: Warehouse) -> None:
    texts = records.texts(warehouse)
    answers = [{"tldr": text} for text in texts]
    publish(warehouse, "a", answers, columns={"tldr": "VARCHAR"})
    rows = query(warehouse, "SELECT tldr FROM enriched_roadmaps ORDER BY position")
    assert rows == [(text,) for text in texts]


def test_that_what_waits_is_counted_by_roadmap(warehouse: Warehouse) -> None:
    publish(warehouse, "b", [{}] * 3, columns=SUMMARY, statuses=["enriched", "failed", "deferred"])
    publish(warehouse, "a", [{}], columns=SUMMARY, statuses=["deferred"])
    publish(warehouse, "c", [{}], columns=SUMMARY, statuses=["enriched"])
    with warehouse.transaction() as connection:
        assert list(open_topics(connection).items()) == [("a", 1), ("b", 2)]
        assert [row.status for row in load_published(connection, "b")] == ["enriched", "failed", "deferred"]
        assert load_published(connection, "none") == []
