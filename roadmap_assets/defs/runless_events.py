"""Making a run of the command line show in Dagster's catalogue, as events that belong to no Dagster run.

Imported only when DAGSTER_HOME is set, since importing Dagster takes longer than a whole cached run.
"""

from __future__ import annotations

import dagster as dg

from roadmap_assets import pipeline
from roadmap_assets.defs import metadata
from roadmap_assets.defs.partition_events import (
    answers_version,
    code_versions,
    materialization,
    rows_version,
    topics_version,
)
from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, RAW, TOPICS, lineage_metadata
from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.profiles.registry import load_profile
from roadmap_assets.pipeline import Enriched, Fetched, Published, TopicsRead
from roadmap_assets.warehouse.base import Warehouse


def report_run(
    *,
    warehouse: Warehouse,
    access: Access,
    fetched: Fetched,
    topics_read: TopicsRead,
    enriched: Enriched | None = None,
    published: Published | None = None,
) -> None:
    """Report what a run did for one roadmap to the Dagster instance at DAGSTER_HOME, and add its partition if missing.

    `published` is what `pipeline.publish` returned, not `publish_topics`, which leaves the table as it is.
    """
    roadmap = fetched.roadmap
    # The first two assets do not depend on the profile, whose module is imported only to enrich.
    profile = access.profile if enriched else load_profile("summary")
    code = code_versions(profile, access.model)
    with dg.DagsterInstance.get() as instance:
        if not instance.has_dynamic_partition(ROADMAPS.name or "", roadmap):
            instance.add_dynamic_partitions(ROADMAPS.name or "", [roadmap])

        def report(asset: dg.AssetKey, found: metadata.Metadata, data_version: str) -> None:
            found |= lineage_metadata(asset, profile)
            event = materialization(
                instance, asset, roadmap, found, data_version=data_version, code_version=code[asset]
            )
            instance.report_runless_asset_event(event)

        report(RAW, metadata.of_fetched(fetched), fetched.version)
        topics = pipeline.topics_of([roadmap], warehouse=warehouse)
        report(TOPICS, metadata.of_topics(topics_read, topics), topics_version(topics))
        if not (enriched and published):
            return
        found = metadata.of_enrichment(enriched, roadmap, published.topics, access=access)
        report(ENRICHMENTS, found, answers_version(published.topics))
        report(ENRICHED, metadata.of_published(published, access=access), rows_version(published.topics))
