"""The one job: all assets for the roadmaps of the run, with their checks."""

from __future__ import annotations

from typing import Final

import dagster as dg

from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, PAGE, RAW, TOPICS

refresh_roadmaps: Final = dg.define_asset_job(
    "refresh_roadmaps",
    selection=[RAW, TOPICS, ENRICHMENTS, ENRICHED, PAGE],
    description="Fetch roadmaps, read their topics, enrich what is new, publish, write pages.",
    executor_def=dg.in_process_executor,  # a process for each step costs seconds and buys nothing here
)
