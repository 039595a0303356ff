"""The daily refresh, just after the day's quota is new."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from roadmap_assets.defs.jobs import refresh_roadmaps
from roadmap_assets.defs.left_out import known_unreadable
from roadmap_assets.defs.partitions import known_roadmaps, range_tags, stretches
from roadmap_assets.defs.resources import SourceResource, WarehouseResource
from roadmap_assets.errors import RoadmapAssetsError


@dg.schedule(
    job=refresh_roadmaps,
    cron_schedule="15 0 * * *",
    execution_timezone="America/Los_Angeles",
    description="Refreshes every known roadmap that can be read, at 00:15 in Los Angeles, when the day's quota is new.",
)
def daily_refresh(
    context: dg.ScheduleEvaluationContext, source: SourceResource, warehouse: WarehouseResource
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """One run, or one for each stretch between roadmaps that are known to be unreadable and have not changed since."""
    roadmaps = known_roadmaps(context.instance)
    if not roadmaps:
        return dg.SkipReason("no roadmap is known yet; the sensor new_roadmaps adds them")
    try:
        database = warehouse.open()
        with source.open(database, waits=False) as opened:
            unreadable = known_unreadable(opened, database)
    except RoadmapAssetsError as error:
        return dg.SkipReason(str(error))
    found = [*stretches([roadmap for roadmap in roadmaps if roadmap not in unreadable], roadmaps)]
    return [
        dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}:{stretch[0]}", tags=range_tags(stretch))
        for stretch in found
    ] or dg.SkipReason("no known roadmap can be read")
