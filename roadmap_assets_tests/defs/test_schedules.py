"""The schedule on a real instance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import dagster as dg
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy
from dagster._utils.schedules import cron_string_iterator

from roadmap_assets.defs.schedules import daily_refresh
from roadmap_assets.defs.tables import ENRICHED
from roadmap_assets_tests.defs.project import RANGE, Project, on_disk

pytestmark = on_disk


def tick(project: Project) -> list[dg.RunRequest] | dg.SkipReason:
    definitions = project.definitions
    with dg.build_schedule_context(
        instance=project.instance,
        scheduled_execution_time=datetime(2026, 11, 24, 8, 15, tzinfo=UTC),
        repository_def=definitions.get_repository_def(),
        resources=definitions.resources,
    ) as context:
        result = daily_refresh(context)
    assert isinstance(result, list | dg.SkipReason)
    return result


def ranges(project: Project) -> list[list[str]]:
    requests = tick(project)
    assert isinstance(requests, list)
    return [[request.tags[tag] for tag in RANGE] for request in requests]


def test_roadmaps_known_to_be_unreadable_are_left_out_until_they_change(project: Project) -> None:
    for slug in ("art", "music", "sports"):
        project.write(slug)
    project.write("music", topics=())
    project.run("art", "music", "sports")
    assert ranges(project) == [["art", "art"], ["sports", "sports"]]
    project.write("music")
    assert ranges(project) == [["art", "sports"]]


def test_all_known_roadmaps_in_one_run(project: Project) -> None:
    project.know("music", "art", "sports")
    requests = tick(project)
    assert isinstance(requests, list)
    [request] = requests
    assert [request.tags[tag] for tag in RANGE] == ["music", "sports"]
    for slug in ("music", "art", "sports"):
        project.write(slug)
    job = project.definitions.resolve_job_def("refresh_roadmaps")
    assert job.execute_in_process(instance=project.instance, tags=request.tags).success
    assert project.sql("SELECT DISTINCT roadmap FROM simulated_roadmaps ORDER BY ALL") == [
        ("art",),
        ("music",),
        ("sports",),
    ]


def test_nothing_is_known_yet(project: Project) -> None:
    assert isinstance(tick(project), dg.SkipReason)


def test_the_freshness_of_the_published_asset_allows_for_one_refresh_a_day(project: Project) -> None:
    definitions = project.definitions
    policies = {spec.key: spec.freshness_policy for spec in definitions.resolve_all_asset_specs()}
    policy = policies.pop(ENRICHED)
    assert set(policies.values()) == {None}
    assert isinstance(policy, TimeWindowFreshnessPolicy)
    schedule = definitions.resolve_schedule_def("daily_refresh")
    before = datetime(2026, 10, 31, 12, tzinfo=UTC).timestamp()  # the clocks are set back: the longest day of the year
    ticks = cron_string_iterator(before, str(schedule.cron_schedule), schedule.execution_timezone)
    first, second, third = (tick.timestamp() for tick in islice(ticks, 3))
    assert policy.warn_window, "it warns before it fails"
    warn, fail, run = policy.warn_window.to_timedelta(), policy.fail_window.to_timedelta(), timedelta(hours=1)
    assert timedelta(seconds=second - first) + run <= warn < timedelta(days=2), "one missed refresh warns"
    assert timedelta(seconds=third - first) + run <= fail < timedelta(days=3), "two fail"


def test_it_runs_when_the_day_s_quota_is_new(project: Project) -> None:
    schedule = project.definitions.resolve_schedule_def("daily_refresh")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 0 * * *", "America/Los_Angeles")
