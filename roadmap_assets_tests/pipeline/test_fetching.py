"""Fetch and read, on a small directory of roadmaps and a real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets import pipeline
from roadmap_assets.errors import DocumentError, InvalidSlug, UnknownRoadmap
from roadmap_assets.roadmaps.sources.base import Known
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.warehouse.raw import Snapshot
from roadmap_assets_tests.pipeline.conftest import Roadmaps


def test_a_fetch_says_whether_anything_changed(roadmaps: Roadmaps) -> None:
    def fetch() -> pipeline.Fetched:
        return pipeline.fetch("alpha", source=roadmaps.source, warehouse=roadmaps.warehouse)

    first, again = fetch(), fetch()
    assert (first.changed, again.changed) == (True, False)
    assert (first.files, first.version) == (2, again.version)
    roadmaps.write("alpha", "One", "Two", text="Another text.")
    third = fetch()
    assert third.changed
    assert third.version != first.version


def test_what_another_process_stored_during_a_fetch_is_no_change(roadmaps: Roadmaps) -> None:
    class Overtaken(DirectorySource):
        """Another process fetches the roadmap while this source reads it."""

        def fetch(self, slug: str, *, known: Known = lambda: None) -> Snapshot:
            assert known() is None
            pipeline.fetch(slug, source=roadmaps.source, warehouse=roadmaps.warehouse)
            return super().fetch(slug, known=known)

    fetched = pipeline.fetch("alpha", source=Overtaken(roadmaps.folder), warehouse=roadmaps.warehouse)
    assert not fetched.changed


def test_a_roadmap_that_did_not_change_is_not_parsed_again(roadmaps: Roadmaps) -> None:
    assert roadmaps.read("alpha").changed
    assert not roadmaps.read("alpha").changed
    roadmaps.write("alpha", "One", "Two", "Three")
    read = roadmaps.read("alpha")
    assert (read.changed, read.topics, read.title) == (True, 3, "Alpha")


def test_reading_one_roadmap_leaves_the_rows_of_others_alone(roadmaps: Roadmaps) -> None:
    for slug in ("alpha", "beta"):
        roadmaps.read(slug)
    roadmaps.write("alpha", "Four")
    roadmaps.read("alpha")
    assert roadmaps.sql("SELECT roadmap, topic FROM topics ORDER BY roadmap, topic") == [
        ("alpha", "Four"),
        ("beta", "One"),
        ("beta", "Three"),
    ]


def test_a_document_that_went_bad_leaves_the_last_good_topics(roadmaps: Roadmaps) -> None:
    roadmaps.read("alpha")
    (roadmaps.folder / "alpha" / "alpha.json").write_text("{")
    for _ in range(2):  # the bad one must not pass for parsed
        with pytest.raises(DocumentError, match=r"alpha\.json"):
            roadmaps.read("alpha")
    assert roadmaps.sql("SELECT count(*) FROM topics") == [(2,)]


def test_a_vanished_roadmap_keeps_its_last_state_until_it_is_back(roadmaps: Roadmaps) -> None:
    roadmaps.read("alpha")
    roadmaps.remove("alpha")
    for _ in range(2):
        fetched = pipeline.fetch("alpha", source=roadmaps.source, warehouse=roadmaps.warehouse)
        assert (fetched.vanished, fetched.changed, fetched.files) == (True, False, 2)
    assert roadmaps.sql("SELECT vanished_at IS NOT NULL FROM raw_roadmaps") == [(True,)]
    roadmaps.write("alpha", "One", "Two")
    assert not pipeline.fetch("alpha", source=roadmaps.source, warehouse=roadmaps.warehouse).vanished
    assert roadmaps.sql("SELECT vanished_at FROM raw_roadmaps") == [(None,)]


def test_what_another_source_had_is_no_last_state_of_this_one(roadmaps: Roadmaps, tmp_path: Path) -> None:
    roadmaps.read("alpha")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UnknownRoadmap):
        pipeline.fetch("alpha", source=DirectorySource(tmp_path / "elsewhere"), warehouse=roadmaps.warehouse)


def test_a_slug_is_checked_before_the_database_is_touched(roadmaps: Roadmaps) -> None:
    with pytest.raises(InvalidSlug):
        pipeline.fetch("../alpha", source=roadmaps.source, warehouse=roadmaps.warehouse)
    assert not roadmaps.warehouse.exists()


def test_topics_of_a_roadmap_that_was_never_fetched(roadmaps: Roadmaps) -> None:
    with pytest.raises(DocumentError, match="not fetched yet"):
        pipeline.read_topics("alpha", warehouse=roadmaps.warehouse)
