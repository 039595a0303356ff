"""The sensor `new_roadmaps` on a real instance, tick by tick."""

from __future__ import annotations

import json

import dagster as dg
import pytest
from dagster import SensorResult

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.sensors import ASKED_AGAIN_AFTER_S, Cursor, new_roadmaps
from roadmap_assets_tests.defs.project import RANGE, Project
from roadmap_assets_tests.roadmaps.sources.conftest import DOCUMENTS, FILES, TREES
from roadmap_assets_tests.roadmaps.sources.upstream import Reply, Upstream


class Ticks:
    """Evaluates `new_roadmaps` again and again, as the daemon does, which keeps the cursor and adds the partitions."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.cursor: str | None = None
        self.skipped = ""

    def tick(self) -> list[tuple[str, str]]:
        """(partition, run key) of the runs asked for."""
        definitions, instance = self._project.definitions, self._project.instance
        with dg.build_sensor_context(instance=instance, cursor=self.cursor, resources=definitions.resources) as context:
            result = new_roadmaps(context)
        assert isinstance(result, SensorResult)
        for request in result.dynamic_partitions_requests or []:
            instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        self.cursor = result.cursor
        self.skipped = (result.skip_reason.skip_message or "") if result.skip_reason else ""
        return [(request.partition_key or "", request.run_key or "") for request in result.run_requests or []]

    def slugs(self) -> list[str]:
        return [slug for slug, _ in self.tick()]


@pytest.fixture
def ticks(project: Project) -> Ticks:
    return Ticks(project)


class TestNewRoadmaps:
    def test_new_ones_become_partitions_and_get_runs_a_few_a_tick(self, project: Project, ticks: Ticks) -> None:
        slugs = [f"road-{number}" for number in range(7)]
        for slug in slugs:
            project.write(slug)
        assert ticks.slugs() == slugs[:5]
        assert project.instance.get_dynamic_partitions(ROADMAPS.name or "") == slugs
        assert ticks.slugs() == slugs[5:]
        assert ticks.slugs() == []
        assert "nothing new" in ticks.skipped

    def test_how_many_is_settable(self, project: Project, ticks: Ticks) -> None:
        project.set(ROADMAP_RUNS_PER_TICK="2")
        for number in range(3):
            project.write(f"road-{number}")
        assert ticks.slugs() == ["road-0", "road-1"]

    def test_a_changed_one_gets_another_run_under_another_key(self, project: Project, ticks: Ticks) -> None:
        project.write("art")
        [(_, first)] = ticks.tick()
        project.write("art", text="Something new.")
        [(slug, second)] = ticks.tick()
        assert slug == "art"
        assert first != second
        assert ticks.tick() == []

    def test_the_one_that_has_waited_longest_comes_first(self, project: Project, ticks: Ticks) -> None:
        project.set(ROADMAP_RUNS_PER_TICK="1")
        project.write("m")
        project.write("z")
        assert ticks.slugs() == ["m"]
        project.write("a")
        assert ticks.slugs() == ["z"]
        assert ticks.slugs() == ["a"]

    def test_a_tick_that_is_repeated_asks_under_the_same_keys(self, project: Project, ticks: Ticks) -> None:
        project.write("art")
        first = ticks.tick()
        ticks.cursor = None  # the daemon died before it could save the cursor
        assert ticks.tick() == first

    def test_an_upstream_that_does_not_answer_keeps_the_cursor(self, project: Project, ticks: Ticks) -> None:
        project.write("art")
        ticks.tick()
        before = ticks.cursor
        source = project.environment["ROADMAP_SOURCE"]
        project.set(ROADMAP_SOURCE="live", ROADMAP_SH_API="http://127.0.0.1:9")
        assert ticks.tick() == []
        assert "127.0.0.1" in ticks.skipped or "GitHub" in ticks.skipped
        assert ticks.cursor == before
        project.set(ROADMAP_SOURCE=source)
        assert ticks.tick() == []

    def test_ticks_on_the_live_source_cost_three_requests_and_see_every_edit(
        self, project: Project, ticks: Ticks
    ) -> None:
        with Upstream(FILES, DOCUMENTS, TREES) as upstream:
            project.set(ROADMAP_SOURCE="live", **upstream.environment)
            assert ticks.slugs() == ["herbs", "spices", "trees-beginner"]
            upstream.counted()

            def tick() -> list[str]:
                slugs = ticks.slugs()
                assert upstream.counted() == {"site": 2, "github": 1}
                return slugs

            assert tick() == []
            upstream.edit("spices", DOCUMENTS["spices"])
            assert tick() == ["spices"]
            upstream.files["herbs/content/basil@id-Basil.md"] = b"new"
            assert tick() == ["herbs"]
            assert tick() == []

    @pytest.mark.parametrize(("part", "requests"), [("/site/", {"site": 1}), ("/github/", {"site": 2, "github": 1})])
    @pytest.mark.parametrize("reply", [Reply(429, headers={"Retry-After": "30"}), Reply(503)], ids=["limit", "busy"])
    def test_a_tick_never_waits(
        self, project: Project, ticks: Ticks, part: str, requests: dict[str, int], reply: Reply
    ) -> None:
        with Upstream(FILES, DOCUMENTS, TREES) as upstream:
            project.set(ROADMAP_SOURCE="live", **upstream.environment)
            upstream.faults[part] = [reply, None]
            assert ticks.slugs() == []
            assert upstream.counted() == requests, "nothing is asked twice"
            assert "no more requests until" in ticks.skipped or "answered 503" in ticks.skipped
            assert project.instance.get_dynamic_partitions(ROADMAPS.name or "") == []

    def test_a_version_that_comes_back_gets_a_run_all_the_same(self) -> None:
        cursor, keys = Cursor(), []
        for version in ("A", "B", "A"):
            wanted = {"art": version}
            keys += [f"{slug}:{version}:{cursor.runs}" for slug in cursor.due(wanted, now=0)]
            cursor = cursor.after(["art"], wanted, count=5, now=0)
        assert len(set(keys)) == 3

    def test_one_that_disappears_waits_no_longer(self) -> None:
        cursor = Cursor().after(["a", "b"], {"a": "1", "b": "1"}, count=1, now=0)
        assert cursor.due({"a": "1"}, now=0) == []

    def test_the_cursor_survives_being_stored(self) -> None:
        cursor = Cursor().after(["b", "c", "a"], {"b": "1", "a": "1", "c": "2"}, count=1, now=0.5)
        assert Cursor.load(cursor.dump()) == cursor
        assert cursor.due({"a": "1", "b": "1", "c": "2"}, now=1) == ["c", "a"]

    def test_the_cursor_of_version_0_1_keeps_its_number_of_runs(self) -> None:
        assert Cursor.load('{"asked": {"art": "A"}, "waiting": {}, "runs": 7}') == Cursor(runs=7)

    def test_what_failed_is_requested_again_an_hour_later(self) -> None:
        wanted = {"art": "A"}
        cursor = Cursor().after(["art"], wanted, count=5, now=0)
        assert cursor.due(wanted, now=3599) == []
        assert cursor.due(wanted, now=3600) == ["art"]

    def test_a_run_that_failed_leaves_its_roadmap_wanted(self, project: Project, ticks: Ticks) -> None:
        project.write("art")
        project.set(ROADMAP_OFFLINE="0")
        assert not project.run("art").success, "there is no key"
        assert ticks.slugs() == ["art"]

    def test_a_run_that_was_requested_and_failed_is_requested_again_under_another_key(
        self, project: Project, ticks: Ticks
    ) -> None:
        project.write("art")
        project.set(ROADMAP_OFFLINE="0")
        [(_, key)] = ticks.tick()
        assert not project.run("art").success, "there is no key"
        assert ticks.slugs() == [], "not at once"
        stored = json.loads(ticks.cursor or "")
        stored["asked"]["art"][1] -= ASKED_AGAIN_AFTER_S
        ticks.cursor = json.dumps(stored)
        [(slug, another)] = ticks.tick()
        assert slug == "art"
        assert another != key

    def test_what_a_backfill_has_made_is_not_requested(self, project: Project, ticks: Ticks) -> None:
        project.write("art")
        assert project.run("art").success
        assert ticks.slugs() == []
        project.write("art", text="Something new.")
        assert ticks.slugs() == ["art"]

    def test_what_a_run_is_about_to_make_is_not_requested(self, project: Project, ticks: Ticks) -> None:
        for slug in ("art", "bees", "cars"):
            project.write(slug)
        project.know("art", "bees", "cars")
        project.instance.create_run_for_job(
            project.definitions.resolve_job_def("refresh_roadmaps"),
            status=dg.DagsterRunStatus.STARTED,
            tags=dict(zip(RANGE, ("art", "bees"), strict=True)),
        )
        assert ticks.slugs() == ["cars"]

    def test_what_cannot_be_read_waits_for_its_next_version(self, project: Project, ticks: Ticks) -> None:
        project.write("art", topics=())
        assert not project.run("art").success
        assert ticks.slugs() == []
        project.write("art")
        assert ticks.slugs() == ["art"]
