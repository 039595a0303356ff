"""Dagster's entry point: every asset, check, job, schedule, sensor and resource of the project, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from roadmap_assets.defs.assets import enriched_roadmap, raw_roadmap, roadmap_topics, topic_enrichments
from roadmap_assets.defs.batch_sensor import batch_jobs
from roadmap_assets.defs.evaluation import evaluate_profile
from roadmap_assets.defs.jobs import refresh_roadmaps
from roadmap_assets.defs.page import roadmap_page
from roadmap_assets.defs.partition_events import code_versions
from roadmap_assets.defs.resources import RESOURCES
from roadmap_assets.defs.schedules import daily_refresh
from roadmap_assets.defs.sensors import deferred_rows, new_roadmaps
from roadmap_assets.defs.tables import table_metadata
from roadmap_assets.enrichment.access import Access
from roadmap_assets.settings import Settings, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """The whole project as the settings say. Raises InvalidSetting."""
    return dg.Definitions(
        assets=_described([raw_roadmap, roadmap_topics, topic_enrichments, enriched_roadmap, roadmap_page], settings),
        jobs=[refresh_roadmaps, evaluate_profile],
        schedules=[daily_refresh],
        sensors=[new_roadmaps, deferred_rows, batch_jobs],
        resources=RESOURCES,
        executor=dg.in_process_executor,
    )


def _described(assets: list[dg.AssetsDefinition], settings: Settings) -> list[Any]:
    """The assets with what depends on settings: owners, code versions, columns and their lineage, links to the code."""
    access = Access(settings, offline=settings.offline)
    code = code_versions(access.profile, access.model)
    owners = [owner for part in settings.owners.split(",") if (owner := part.strip())]

    def described(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(owners=owners, code_version=code[spec.key]).merge_attributes(
            metadata=table_metadata(spec.key, access.profile)
        )

    linked = dg.with_source_code_references(dg.map_asset_specs(described, assets))
    if settings.git_url:
        linked = dg.link_code_references_to_git(
            linked,
            git_url=settings.git_url,
            git_branch=settings.git_branch,
            file_path_mapping=dg.AnchorBasedFilePathMapping(
                local_file_anchor=Path(__file__), file_anchor_path_in_repository="roadmap_assets/definitions.py"
            ),
        )
    return list(linked)


defs = build_definitions(load_settings())
