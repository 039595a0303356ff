"""Dagster's events, one for each roadmap: materializations with a data version of their own, and check evaluations.

For a run over many partitions, Dagster itself has one data version and calls all of them materialized, and it gives a
check one result for them all. Here each roadmap has its own, so that "stale" means stale, and one that could not be
read gets no materialization. It is done as Dagster does it where a source is observed by partition: log the events,
then return a result that is marked as logged already. The mark shows in the metadata of the step's output; no public
API does the same. A run of one partition needs none of this.

The two names imported from `dagster._core` are not public; `setup.cfg` caps Dagster's version for their sake, and a
test fails when they no longer work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from msgspec.structs import asdict

from roadmap_assets.defs.checks import Outcome
from roadmap_assets.defs.metadata import Metadata
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, PAGE, RAW, TOPICS
from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.roadmaps import PARSER_VERSION
from roadmap_assets.warehouse.published import EnrichedTopic
from roadmap_assets.warehouse.topics import Topic

LOGGED_ALREADY: Final = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
"""Metadata of a result that keeps Dagster from logging a materialization for it."""

ROWS: Final = "dagster/row_count"

PARENTS: Final[Mapping[dg.AssetKey, Sequence[dg.AssetKey]]] = {
    RAW: (),
    TOPICS: (RAW,),
    ENRICHMENTS: (TOPICS,),
    ENRICHED: (ENRICHMENTS, TOPICS),  # a topic's links and order change without its question changing
    PAGE: (ENRICHED, RAW),  # the drawing changes without any row changing
}


def code_versions(profile: Profile, model: str) -> dict[dg.AssetKey, str]:
    """What the code that makes each asset goes by: change it, and what was made before is stale."""
    return {
        RAW: "1",
        TOPICS: f"parser-{PARSER_VERSION}",
        ENRICHMENTS: f"{profile.fingerprint}-{model}",
        ENRICHED: "1",
        PAGE: "1",
    }


def materialization(
    instance: dg.DagsterInstance,
    asset: dg.AssetKey,
    roadmap: str,
    metadata: Metadata,
    *,
    data_version: str,
    code_version: str,
) -> dg.AssetMaterialization:
    """The event that `asset` was made for `roadmap`, out of the latest state of its parents."""
    tags = {
        "dagster/data_version": data_version,
        "dagster/data_version_is_user_provided": "true",
        "dagster/code_version": code_version,
    }
    for parent in PARENTS[asset]:
        tags.update(_provenance(instance, parent, roadmap))
    return dg.AssetMaterialization(asset, partition=roadmap, metadata=metadata, tags=tags)


def left_as_it_was(
    instance: dg.DagsterInstance, asset: dg.AssetKey, roadmap: str, metadata: Metadata, *, code_version: str
) -> dg.AssetMaterialization:
    """The event that a run left `roadmap` out, so that `asset` has for it what it had before, or nothing.

    Versions are those of the latest materialization: what was fresh or stale stays so, downstream too.
    """
    record = instance.get_latest_data_version_record(asset, partition_key=roadmap)
    before = record.asset_materialization if record else None
    if before is None:
        return materialization(
            instance, asset, roadmap, {ROWS: 0, **metadata}, data_version="left out", code_version=code_version
        )
    rows = {name: value for name, value in before.metadata.items() if name == ROWS}
    return dg.AssetMaterialization(asset, partition=roadmap, metadata={**rows, **metadata}, tags=before.tags)


def evaluations(
    instance: dg.DagsterInstance, asset: dg.AssetKey, roadmap: str, outcomes: Sequence[Outcome]
) -> list[dg.AssetCheckEvaluation]:
    """The events for what was found in `roadmap`, naming the latest materialization as the one that was judged."""
    if not outcomes:
        return []
    wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[roadmap])
    judged = next(iter(instance.fetch_materializations(wanted, limit=1).records), None)
    target = judged and AssetCheckEvaluationTargetMaterializationData(
        storage_id=judged.storage_id, run_id=judged.run_id, timestamp=judged.timestamp
    )
    return [
        dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=outcome.check,
            passed=outcome.finding.passed,
            severity=outcome.severity,
            blocking=outcome.blocking,
            description=outcome.finding.description,
            metadata={"checked": outcome.finding.checked, "offenders": len(outcome.finding.offenders)},
            partition=roadmap,
            target_materialization_data=target,
        )
        for outcome in outcomes
    ]


def _provenance(instance: dg.DagsterInstance, parent: dg.AssetKey, roadmap: str) -> dict[str, str]:
    """Tags by which Dagster knows whether the parent has changed since."""
    record = instance.get_latest_data_version_record(parent, partition_key=roadmap)
    tags = (record.event_log_entry.tags if record else None) or {}
    name = parent.to_user_string()
    return {
        f"dagster/input_data_version/{name}": tags.get("dagster/data_version", "INITIAL"),
        f"dagster/input_event_pointer/{name}": str(record.storage_id) if record else "NULL",
    }


def topics_version(topics: Sequence[Topic]) -> str:
    """Data version of a roadmap's topics: a hash over the rows."""
    return _digest(topics)


def answers_version(rows: Sequence[EnrichedTopic]) -> str:
    """Data version of a roadmap's answers: a hash over which topic has which."""
    return _digest([(row.topic.topic_id, row.enrichment_key, row.status, row.columns) for row in rows])


def rows_version(rows: Sequence[EnrichedTopic]) -> str:
    """Data version of a roadmap's published rows: a hash over them."""
    return _digest(rows)


def _digest(rows: Sequence[object]) -> str:
    """Over the values alone: what a class is called in our code is no part of the data."""
    return hashlib.sha256(json.dumps(list(rows), default=_values, sort_keys=True).encode()).hexdigest()


def _values(record: Any) -> Any:
    return record.isoformat() if isinstance(record, datetime) else asdict(record)
