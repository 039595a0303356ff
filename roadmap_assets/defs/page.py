"""The fifth asset, `roadmap_page`: what the other four made, to be looked at."""

# Without `from __future__ import annotations`: Dagster wants to see the type of `context`, not its name.

import hashlib

import dagster as dg

from roadmap_assets import pipeline
from roadmap_assets.defs.partition_events import PARENTS
from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.resources import GeminiResource, WarehouseResource
from roadmap_assets.defs.steps import Results, Step, failing
from roadmap_assets.defs.tables import PAGE


@dg.asset(
    key=PAGE,
    deps=PARENTS[PAGE],
    kinds={"html"},
    tags={"layer": "published"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def roadmap_page(context: dg.AssetExecutionContext, warehouse: WarehouseResource, gemini: GeminiResource) -> Results:
    """One HTML file per roadmap: its drawing, its topics with search, cards and charts; and an index over all pages.

    A page is opened from disk and loads nothing.
    """
    with failing(context):
        database, headers = warehouse.open_in_step(context.log.info), gemini.access().profile.headers
        step, folder = Step(context, database), warehouse.site
        pages = step.for_each(
            lambda roadmap: pipeline.write_page(roadmap, warehouse=database, headers=headers, folder=folder)
        )
        index = pipeline.write_index(warehouse=database, folder=folder)
    for roadmap, page in pages.items():
        found = {
            "page": dg.MetadataValue.path(str(page)),
            "index": dg.MetadataValue.path(str(index)),
            "bytes": page.stat().st_size,
        }
        step.report(roadmap, found, data_version=hashlib.sha256(page.read_bytes()).hexdigest(), outcomes=())
    yield from step.results()
