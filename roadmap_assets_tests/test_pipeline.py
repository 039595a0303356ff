"""The four steps, each by itself, on a small directory of roadmaps and a real database."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets import pipeline
from roadmap_assets.enrichment.access import Access
from roadmap_assets.errors import DocumentError, InvalidSlug, UnknownRoadmap
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.enrichments import Answer, store_answers


class Roadmaps:
    """A directory of roadmaps, the database they go to, and a simulator to ask."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "source"
        self.folder.mkdir()
        self.output = folder / "output"
        self.source = DirectorySource(self.folder)
        self.warehouse = Warehouse(folder / "test.duckdb")

    def access(self, **settings: Any) -> Access:
        return Access(load_settings(db=self.warehouse.path, **settings), offline=True)

    def write(self, slug: str, *topics: str, text: str = "A text.") -> None:
        """Make or change a roadmap of these topics, one below the other."""
        (self.folder / slug / "content").mkdir(parents=True, exist_ok=True)
        nodes = [
            {
                "id": f"{slug}-{topic}",
                "type": "topic",
                "position": {"x": 0, "y": 100 * place},
                "width": 100,
                "height": 50,
                "data": {"label": topic},
            }
            for place, topic in enumerate(topics)
        ]
        document = {"slug": slug, "title": {"page": slug.title()}, "nodes": nodes, "edges": []}
        (self.folder / slug / f"{slug}.json").write_text(json.dumps(document))
        for topic in topics:
            (self.folder / slug / "content" / f"{topic}@{slug}-{topic}.md").write_text(f"# {topic}\n\n{text}\n")

    def remove(self, slug: str) -> None:
        for path in sorted((self.folder / slug).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (self.folder / slug).rmdir()

    def read(self, slug: str) -> pipeline.TopicsRead:
        pipeline.fetch(slug, source=self.source, warehouse=self.warehouse)
        return pipeline.read_topics(slug, warehouse=self.warehouse)

    def asked(self, *slugs: str, access: Access) -> pipeline.Asked:
        return pipeline.questions_of(slugs, warehouse=self.warehouse, access=access)

    def enrich(self, *slugs: str, access: Access) -> pipeline.Enriched:
        return pipeline.enrich(self.asked(*slugs, access=access), warehouse=self.warehouse, access=access)

    def publish(self, slug: str, access: Access) -> pipeline.Published:
        return pipeline.publish(slug, warehouse=self.warehouse, access=access, csv=self.output / f"{slug}.csv")

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with self.warehouse.transaction() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def roadmaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Roadmaps:
    monkeypatch.chdir(tmp_path)
    roadmaps = Roadmaps(tmp_path)
    roadmaps.write("alpha", "One", "Two")
    roadmaps.write("beta", "One", "Three")
    return roadmaps


# ---- fetch and read


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
    assert roadmaps.sql("SELECT roadmap, topic FROM topics ORDER BY ALL") == [
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
    assert not roadmaps.warehouse.path.exists()


def test_topics_of_a_roadmap_that_was_never_fetched(roadmaps: Roadmaps) -> None:
    with pytest.raises(DocumentError, match="not fetched yet"):
        pipeline.read_topics("alpha", warehouse=roadmaps.warehouse)


# ---- enrich and publish


def test_roadmaps_of_one_run_share_its_batches(roadmaps: Roadmaps) -> None:
    for slug in ("alpha", "beta"):
        roadmaps.read(slug)
    enriched = roadmaps.enrich("alpha", "beta", access=roadmaps.access())
    assert enriched.report.calls == 1
    assert {slug: dict(rows) for slug, rows in enriched.rows.items()} == {
        "alpha": {"enriched": 2},
        "beta": {"enriched": 2},
    }


def test_a_plan_is_what_a_run_then_takes(roadmaps: Roadmaps) -> None:
    roadmaps.read("alpha")
    access = roadmaps.access(batch_size=1)
    asked = roadmaps.asked("alpha", access=access)
    plan = pipeline.plan(asked, warehouse=roadmaps.warehouse, access=access)
    report = roadmaps.enrich("alpha", access=access).report
    assert (plan.rows, plan.misses, plan.calls) == (2, 2, 2) == (report.total, report.rows["enriched"], report.calls)
    assert pipeline.plan(asked, warehouse=roadmaps.warehouse, access=access).calls == 0


def test_a_topic_without_an_answer_is_published_with_empty_columns(roadmaps: Roadmaps) -> None:
    access = roadmaps.access()
    roadmaps.read("alpha")
    roadmaps.enrich("alpha", access=access)
    roadmaps.sql("DELETE FROM enrichments WHERE topic = 'Two'")
    published = roadmaps.publish("alpha", access)
    assert (published.rows, published.statuses) == (2, {"enriched": 1, "deferred": 1})
    assert roadmaps.sql("SELECT topic, tldr, challenge FROM simulated_roadmaps WHERE status = 'deferred'") == [
        ("Two", None, None)
    ]
    assert published.csv
    with published.csv.open(newline="") as file:
        assert [bool(row["TLDR"]) for row in csv.DictReader(file)] == [True, False]


def test_where_nothing_is_answered_nothing_is_published(roadmaps: Roadmaps) -> None:
    roadmaps.read("alpha")
    published = roadmaps.publish("alpha", roadmaps.access())
    assert (published.rows, published.csv) == (0, None)
    assert roadmaps.sql("SELECT * FROM simulated_roadmaps") == []
    assert not roadmaps.output.exists()


def test_a_published_answer_stays_until_there_is_a_new_one(roadmaps: Roadmaps) -> None:
    access = roadmaps.access()
    roadmaps.read("alpha")
    roadmaps.enrich("alpha", access=access)
    roadmaps.publish("alpha", access)
    published = "SELECT topic, status, tldr, enrichment_key, answered_at FROM simulated_roadmaps ORDER BY position"
    before = roadmaps.sql(published)
    assert all(answered_at for *_, answered_at in before)

    roadmaps.write("alpha", "One", "Two", text="Another text altogether.")
    roadmaps.read("alpha")
    stale = roadmaps.publish("alpha", access)
    assert stale.statuses == {"stale": 2}
    assert roadmaps.sql(published) == [(topic, "stale", *rest) for topic, _, *rest in before]
    assert roadmaps.sql("SELECT DISTINCT description FROM simulated_roadmaps") == [("Another text altogether.",)]
    assert stale.csv
    with stale.csv.open(newline="") as file:
        assert [row["TLDR"] for row in csv.DictReader(file)] == [tldr for _, _, tldr, _, _ in before]

    roadmaps.enrich("alpha", access=access)
    assert roadmaps.publish("alpha", access).statuses == {"enriched": 2}
    assert roadmaps.sql(published) != before


def test_simulated_answers_are_never_published_with_real_ones(roadmaps: Roadmaps) -> None:
    simulated, real = roadmaps.access(), Access(roadmaps.access().settings)
    roadmaps.read("alpha")
    for _, question in roadmaps.asked("alpha", access=real)["alpha"]:
        answer = Answer(
            key=question.key,
            topic=question.topic,
            answer={"tldr": "A real answer", "challenge": "expert"},
            profile="summary",
            fingerprint=real.profile.fingerprint,
            model=real.model,
            model_version=real.model,
            call_id="",
        )
        with roadmaps.warehouse.transaction() as connection:
            store_answers(connection, [answer])
    published = roadmaps.publish("alpha", real)
    roadmaps.enrich("alpha", access=simulated)
    roadmaps.publish("alpha", simulated)
    assert roadmaps.sql("SELECT DISTINCT tldr, model FROM enriched_roadmaps") == [("A real answer", real.model)]
    assert roadmaps.sql("SELECT DISTINCT model FROM simulated_roadmaps") == [("simulator",)]
    assert (published.simulated, published.rows) == (False, 2)


def test_the_same_rows_leave_the_csv_alone_and_changed_ones_leave_a_dated_copy(roadmaps: Roadmaps) -> None:
    access = roadmaps.access(history=True)
    roadmaps.read("alpha")
    roadmaps.enrich("alpha", access=access)
    published = roadmaps.publish("alpha", access).csv
    assert published
    before = published.stat().st_mtime_ns
    roadmaps.publish("alpha", access)
    assert published.stat().st_mtime_ns == before
    assert len(list((roadmaps.output / "history").iterdir())) == 1

    roadmaps.write("alpha", "One", "Two", text="Another text altogether.")
    roadmaps.read("alpha")
    roadmaps.enrich("alpha", access=access)
    roadmaps.publish("alpha", access)
    copies = sorted((roadmaps.output / "history").iterdir())
    assert len(copies) == 2
    assert copies[-1].read_bytes() == published.read_bytes() != copies[0].read_bytes()


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (
            'UPDATE enrichments SET answer = json_merge_patch(answer, \'{"tldr": "New"}\')',
            [("alpha", "New"), ("beta", "New")],
        ),
    ],
)
def test_publishing_again_replaces_what_has_changed(
    roadmaps: Roadmaps, change: str, result: list[tuple[str, str | None]]
) -> None:
    access = roadmaps.access()
    for slug in ("alpha", "beta"):
        roadmaps.read(slug)
    roadmaps.enrich("alpha", "beta", access=access)
    for slug in ("alpha", "beta"):
        roadmaps.publish(slug, access)
    before = roadmaps.sql("SELECT * FROM simulated_roadmaps WHERE roadmap = 'beta'")
    roadmaps.sql(change)
    roadmaps.publish("alpha", access)
    assert roadmaps.sql("SELECT * FROM simulated_roadmaps WHERE roadmap = 'beta'") == before
    roadmaps.publish("beta", access)
    assert roadmaps.sql("SELECT DISTINCT roadmap, tldr FROM simulated_roadmaps ORDER BY ALL") == result


@pytest.mark.parametrize("profile", ["summary", "study"])
def test_publishing_the_same_again_writes_nothing(roadmaps: Roadmaps, profile: str) -> None:
    access = roadmaps.access(profile=profile)
    roadmaps.read("alpha")
    roadmaps.enrich("alpha", access=access)
    roadmaps.publish("alpha", access)
    before = roadmaps.sql("SELECT * FROM simulated_roadmaps")
    roadmaps.publish("alpha", access)
    assert roadmaps.sql("SELECT * FROM simulated_roadmaps") == before  # the time of publication, too


def test_an_answer_with_an_empty_column_is_not_written_again(roadmaps: Roadmaps) -> None:
    access = roadmaps.access()
    roadmaps.read("alpha")
    roadmaps.enrich("alpha", access=access)
    roadmaps.sql("UPDATE enrichments SET answer = json_object('tldr', 'A line', 'challenge', NULL)")
    first = roadmaps.publish("alpha", access)
    before = roadmaps.sql("SELECT * FROM simulated_roadmaps")
    assert first.csv
    written = first.csv.stat().st_mtime_ns
    assert roadmaps.publish("alpha", access).csv == first.csv
    assert roadmaps.sql("SELECT * FROM simulated_roadmaps") == before  # the time of publication, too
    assert first.csv.stat().st_mtime_ns == written


def test_columns_of_another_profile_are_emptied(roadmaps: Roadmaps) -> None:
    roadmaps.read("alpha")
    for profile in ("study", "summary"):
        access = roadmaps.access(profile=profile)
        roadmaps.enrich("alpha", access=access)
        roadmaps.publish("alpha", access)
        [(filled,)] = roadmaps.sql("SELECT count(obstacle) FROM simulated_roadmaps")
        assert filled == (2 if profile == "study" else 0)
    assert roadmaps.sql("SELECT count(tldr), count(DISTINCT profile) FROM simulated_roadmaps") == [(2, 1)]
