"""The schedule on a real instance."""

from __future__ import annotations

import dagster as dg

from roadmap_assets.defs.schedules import daily_refresh
from roadmap_assets_tests.defs.project import RANGE, Project


def tick(project: Project) -> dg.RunRequest | dg.SkipReason:
    with dg.build_schedule_context(
        instance=project.instance, repository_def=project.definitions.get_repository_def()
    ) as context:
        result = daily_refresh(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def test_all_known_roadmaps_in_one_run(project: Project) -> None:
    project.know("music", "art", "sports")
    request = tick(project)
    assert isinstance(request, dg.RunRequest)
    assert [request.tags[tag] for tag in RANGE] == ["music", "sports"]
    for slug in ("music", "art", "sports"):
        project.write(slug)
    job = project.definitions.resolve_job_def("refresh_roadmaps")
    assert job.execute_in_process(instance=project.instance, tags=request.tags).success
    assert project.sql("SELECT DISTINCT roadmap FROM enriched_roadmaps ORDER BY ALL") == [
        ("art",),
        ("music",),
        ("sports",),
    ]


def test_nothing_is_known_yet(project: Project) -> None:
    assert isinstance(tick(project), dg.SkipReason)


def test_it_runs_when_the_day_s_quota_is_new(project: Project) -> None:
    schedule = project.definitions.resolve_schedule_def("daily_refresh")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 0 * * *", "America/Los_Angeles")
