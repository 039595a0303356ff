"""The four assets: each calls one step of the pipeline for the roadmaps of the run, and tells what came of it.

They hand data on through the database (`deps`), and take one partition or many in one run, so that a backfill packs
its batches across roadmaps. What depends on settings (owners, versions, columns) is added in `definitions`.
"""

# Without `from __future__ import annotations`: Dagster wants to see the type of `context`, not its name.

import warnings
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

import dagster as dg

from roadmap_assets import pipeline
from roadmap_assets.defs import metadata
from roadmap_assets.defs.partition_events import PARENTS, answers_version, rows_version, topics_version
from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.resources import GeminiResource, SourceResource, WarehouseResource
from roadmap_assets.defs.run_log import ProgressLog
from roadmap_assets.defs.steps import Result, failing, for_each, roadmaps_of, tell, told
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, RAW, TOPICS
from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.limiter.base import QuotaState
from roadmap_assets.errors import DocumentError
from roadmap_assets.exports.csv_file import default_path
from roadmap_assets.exports.whole_file import check_writable
from roadmap_assets.pipeline import Asked, Enriched, Fetched, Published
from roadmap_assets.quality import rules
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.raw import load_snapshot

# Dagster says at each asset that backfill policies and links to the code are beta, in three lines each time.
warnings.filterwarnings("ignore", message="(?i).*(backfill_policy|code_?references?).*", category=dg.BetaWarning)

SINGLE_RUN: Final = dg.BackfillPolicy.single_run()


@dg.asset(
    key=RAW,
    kinds={"python", "json", "duckdb"},
    tags={"layer": "raw"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=SINGLE_RUN,
)
def raw_roadmap(context: dg.AssetExecutionContext, source: SourceResource, warehouse: WarehouseResource) -> Result:
    """A roadmap as fetched: one row per roadmap with its JSON document, and one per topic text in `raw_contents`.

    Nothing that stayed the same upstream is fetched again. A roadmap that vanished upstream keeps its last state.
    """
    with failing():
        database = warehouse.open_in_step(context.log.info)
        with source.open(database, on_notice=context.log.warning) as opened:
            fetched: dict[str, Fetched] = for_each(
                context, lambda roadmap: pipeline.fetch(roadmap, source=opened, warehouse=database)
            )
    for roadmap, one in fetched.items():
        tell(context, roadmap, metadata.of_fetched(one), data_version=one.version)
    return told()


@dg.asset(
    key=TOPICS,
    deps=PARENTS[TOPICS],
    kinds={"python", "duckdb"},
    tags={"layer": "topics"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=SINGLE_RUN,
)
def roadmap_topics(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
    """One row per topic of a roadmap, in reading order, with category, subcategory, path, text and links."""
    with failing():
        database = warehouse.open_in_step(context.log.info)
        read = for_each(context, lambda roadmap: pipeline.read_topics(roadmap, warehouse=database))
        for roadmap, one in read.items():
            topics = pipeline.topics_of([roadmap], warehouse=database)
            tell(context, roadmap, metadata.of_topics(one, topics), data_version=topics_version(topics))
    return told()


@dg.asset(
    key=ENRICHMENTS,
    deps=PARENTS[ENRICHMENTS],
    kinds={"gemini", "duckdb"},
    tags={"layer": "enrichment"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=SINGLE_RUN,
)
def topic_enrichments(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, gemini: GeminiResource
) -> Result:
    """One row per answered question: what Gemini wrote about a topic, kept under a hash of all that shapes the answer.

    Only what is not cached is asked, twenty topics a call, packed across the roadmaps of the run, under the quota that
    all processes share. Rows that fail or are deferred to a later run leave the run successful, with a failing check.
    """
    with failing():
        database, access = warehouse.open_in_step(context.log.info), gemini.access()
        access.check()
        check_writable(Path(warehouse.output) / "any.csv")  # better known before there is something to pay for
        asked = _with_topics(context, pipeline.questions_of(roadmaps_of(context), warehouse=database, access=access))
        enriched: Enriched = pipeline.enrich(asked, warehouse=database, access=access, on_event=ProgressLog(context))
        rows = pipeline.answered_topics(asked, warehouse=database)
        quota = _quota(access) if enriched.report.calls else None
    for roadmap in asked:
        found = metadata.of_enrichment(
            enriched,
            roadmap,
            rows[roadmap],
            headers=access.profile.headers,
            limits=access.limits,
            quota=quota,
        )
        tell(context, roadmap, found, data_version=answers_version(rows[roadmap]))
    return told()


@dg.asset(
    key=ENRICHED,
    deps=PARENTS[ENRICHED],
    kinds={"duckdb", "csv"},
    tags={"layer": "published"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=SINGLE_RUN,
)
def enriched_roadmap(context: dg.AssetExecutionContext, warehouse: WarehouseResource, gemini: GeminiResource) -> Result:
    """One row per topic of a roadmap with what Gemini wrote about it, in the database and as a CSV file.

    A topic without an answer has empty columns, and its status says whether it failed or was deferred.
    """
    with failing():
        database, access = warehouse.open_in_step(context.log.info), gemini.access()

        def publish(roadmap: str) -> Published:
            csv = default_path(Path(warehouse.output), roadmap, now=datetime.now().astimezone())
            return pipeline.publish(roadmap, warehouse=database, access=access, csv=csv)

        for roadmap, published in for_each(context, publish).items():
            lost = _lost(published, database)
            found = metadata.of_published(published, headers=access.profile.headers, lost=lost)
            tell(context, roadmap, found, data_version=rows_version(published.topics))
    return told()


def _lost(published: Published, database: Warehouse) -> list[str]:
    """The topics that the publication has no more, though the document still has them."""
    if not published.gone:
        return []
    with database.transaction() as connection:
        snapshot = load_snapshot(connection, published.roadmap)
    return rules.lost_topics(published.gone, snapshot)


def _quota(access: Access) -> QuotaState:
    with closing(access.open_limiter()) as limiter:
        return limiter.state()


def _with_topics(context: dg.AssetExecutionContext, asked: Asked) -> Asked:
    """The roadmaps that have topics. Raises DocumentError when none has."""
    found = {roadmap: pairs for roadmap, pairs in asked.items() if pairs}
    without = ", ".join(roadmap for roadmap in asked if roadmap not in found)
    if not found:
        raise DocumentError(f"the topics of {without} were not read yet; read them first (asset roadmap_topics)")
    if without:
        context.log.info(f"Without topics, and so left alone: {without}")
    return found
