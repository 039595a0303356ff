"""What fetching and parsing keep: a roadmap's rows are replaced, other roadmaps' are left alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from roadmap_assets.warehouse.base import Connection, Warehouse
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets.warehouse.raw import is_stored, load_snapshot, mark_vanished, save_snapshot, stored_version
from roadmap_assets.warehouse.topics import Parse, count_topics, load_parse, load_topics, save_topics
from roadmap_assets_tests.warehouse import records

PARSE = Parse(title="Title", version="v", parser="1", counts={"texts_empty": 2})


def test_that_a_snapshot_comes_back_as_it_was(warehouse: Warehouse) -> None:
    texts = records.texts(warehouse)
    saved = records.snapshot("a", document=f"'; {texts[1]} {{}}", texts=texts, tree=f"[';{texts[1]}]")
    with warehouse.transaction() as connection:
        save_snapshot(connection, saved)
    with warehouse.transaction() as connection:
        loaded = load_snapshot(connection, "a")
        assert load_snapshot(connection, "b") is None
        assert stored_version(connection, "a") == saved.version
        assert stored_version(connection, "b") is None
    assert loaded == saved
    assert loaded is not None
    assert loaded.version == saved.version


def test_a_tree_is_part_of_the_version_only_where_there_is_one() -> None:
    bare = records.snapshot("a")
    before_trees = hashlib.sha256(b"{}\0t@0.md\0sha0\0t@1.md\0sha1").hexdigest()
    assert bare.version == before_trees
    versions = {bare.version, *(records.snapshot("a", tree=tree).version for tree in ("[]", "[1]"))}
    assert len(versions) == 3


def test_that_a_snapshot_replaces_its_roadmap_alone(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        save_snapshot(connection, records.snapshot("a", texts=("1", "2", "3")))
        save_snapshot(connection, records.snapshot("b"))
    with warehouse.transaction() as connection:
        save_snapshot(connection, records.snapshot("a", document="[]", texts=("new",)))
    with warehouse.transaction() as connection:
        assert load_snapshot(connection, "a") == records.snapshot("a", document="[]", texts=("new",))
        assert load_snapshot(connection, "b") == records.snapshot("b")


def has_vanished(connection: Connection, roadmap: str) -> bool:
    query = "SELECT 1 FROM raw_roadmaps WHERE roadmap = ? AND vanished_at IS NOT NULL"
    return connection.execute(query, [roadmap]).fetchone() is not None


@pytest.mark.parametrize(
    "change",
    [
        {"document": "[]"},
        {"tree": "[]"},
        {"contents": ()},
        {"origin": "elsewhere"},
        {"source": "another"},
        {"updated_at": "2026-11-29"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_that_only_the_very_state_that_was_saved_is_stored(warehouse: Warehouse, change: dict[str, Any]) -> None:
    saved = records.snapshot("a")
    with warehouse.transaction() as connection:
        assert not is_stored(connection, saved)
        save_snapshot(connection, saved)
        assert is_stored(connection, saved)
        assert not is_stored(connection, replace(saved, **change))
        mark_vanished(connection, "a")
        assert not is_stored(connection, saved), "it is back, which has to be noted"


def test_that_a_vanished_roadmap_stays_until_it_is_seen_again(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        save_snapshot(connection, records.snapshot("a"))
        save_snapshot(connection, records.snapshot("b"))
        mark_vanished(connection, "a")
        mark_vanished(connection, "never seen")
    with warehouse.transaction() as connection:
        assert [has_vanished(connection, roadmap) for roadmap in ("a", "b", "never seen")] == [True, False, False]
        assert load_snapshot(connection, "a") == records.snapshot("a")
        save_snapshot(connection, records.snapshot("a"))
        assert not has_vanished(connection, "a")


def test_that_topics_come_back_as_they_were_and_in_order(warehouse: Warehouse) -> None:
    odd = records.topics_of_texts("odd", records.texts(warehouse))
    with warehouse.transaction() as connection:
        save_topics(connection, "odd", PARSE, odd[::-1])
        save_topics(connection, "b", PARSE, records.topics("b", 12))
    with warehouse.transaction() as connection:
        assert load_topics(connection, ["odd", "b"]) == [*odd, *records.topics("b", 12)]
        assert load_topics(connection, ["b", "none"]) == records.topics("b", 12)
        assert load_topics(connection, []) == []
        assert [count_topics(connection, roadmap) for roadmap in ("b", "none")] == [12, 0]
        assert load_parse(connection, "odd") == PARSE
        assert load_parse(connection, "none") is None


def test_that_topics_replace_their_roadmap_alone(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        save_topics(connection, "a", PARSE, records.topics("a", 5))
        save_topics(connection, "b", PARSE, records.topics("b", 5))
    with warehouse.transaction() as connection:
        save_topics(connection, "a", PARSE, records.topics("a", 2))
    with warehouse.transaction() as connection:
        assert load_topics(connection, ["a", "b"]) == [*records.topics("a", 2), *records.topics("b", 5)]
        assert connection.execute("SELECT count(*) FROM parsed_roadmaps").fetchone() == (2,)


def save_other_snapshot(connection: Connection) -> None:
    save_snapshot(connection, records.snapshot("a", document="[]", texts=()))


def save_other_topics(connection: Connection) -> None:
    save_topics(connection, "a", PARSE, [])


@pytest.mark.parametrize("step", [save_other_snapshot, save_other_topics])
def test_that_a_step_that_breaks_off_leaves_what_was(warehouse: Warehouse, step: Callable[[Connection], None]) -> None:
    with warehouse.transaction() as connection:
        save_snapshot(connection, records.snapshot("a"))
        save_topics(connection, "a", PARSE, records.topics("a"))
    with pytest.raises(KeyboardInterrupt), warehouse.transaction() as connection:  # noqa: PT012
        step(connection)
        raise KeyboardInterrupt
    with warehouse.transaction() as connection:
        assert load_snapshot(connection, "a") == records.snapshot("a")
        assert load_topics(connection, ["a"]) == records.topics("a")


def test_that_each_source_keeps_its_last_listing(warehouse: Warehouse) -> None:
    listings = Listings(warehouse)
    assert listings.load("github") is None
    listings.save("github", '"1"', "old")
    listings.save("other", '"1"', "{'")
    listings.save("github", '"2"', "new")
    assert listings.load("github") == ('"2"', "new")
    assert listings.load("other") == ('"1"', "{'")
