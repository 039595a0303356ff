"""Enrich and publish, on a small directory of roadmaps and a real database."""

from __future__ import annotations

import csv

import pytest

from roadmap_assets import pipeline
from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.warehouse.enrichments import Answer, store_answers
from roadmap_assets_tests.pipeline.conftest import Roadmaps


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

    def plan_now() -> Plan:
        return pipeline.plan(roadmaps.asked("alpha", access=access), warehouse=roadmaps.warehouse, access=access)

    plan = plan_now()
    report = roadmaps.enrich("alpha", access=access).report
    assert (plan.rows, plan.misses, plan.calls) == (2, 2, 2) == (report.total, report.rows["enriched"], report.calls)
    assert plan_now().calls == 0


def test_a_topic_without_an_answer_is_published_with_empty_columns(roadmaps: Roadmaps) -> None:
    access = roadmaps.access()
    roadmaps.read("alpha")
    roadmaps.enrich("alpha", access=access)
    roadmaps.change("DELETE FROM enrichments WHERE topic = 'Two'")
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
    for _, question in roadmaps.asked("alpha", access=real).pairs["alpha"]:
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
            """UPDATE enrichments SET answer = '{"tldr": "New", "challenge": "expert"}'""",
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
    roadmaps.change(change)
    roadmaps.publish("alpha", access)
    assert roadmaps.sql("SELECT * FROM simulated_roadmaps WHERE roadmap = 'beta'") == before
    roadmaps.publish("beta", access)
    assert roadmaps.sql("SELECT DISTINCT roadmap, tldr FROM simulated_roadmaps ORDER BY roadmap") == result


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
    roadmaps.change("""UPDATE enrichments SET answer = '{"tldr": "A line", "challenge": null}'""")
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
