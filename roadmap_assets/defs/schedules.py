"""The daily refresh, just after the day's quota is new."""

from __future__ import annotations

import dagster as dg

from roadmap_assets.defs.jobs import refresh_roadmaps
from roadmap_assets.defs.partitions import ROADMAPS, one_run


@dg.schedule(job=refresh_roadmaps, cron_schedule="15 0 * * *", execution_timezone="America/Los_Angeles")
def daily_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """All known roadmaps in one run, at 00:15 in Los Angeles: Gemini's day begins there at midnight."""
    roadmaps = context.instance.get_dynamic_partitions(ROADMAPS.name or "")
    if not roadmaps:
        return dg.SkipReason("no roadmap is known yet; the sensor new_roadmaps adds them")
    return one_run(roadmaps)
