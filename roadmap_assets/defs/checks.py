"""Asset checks: the rules of `quality` on the roadmaps of a run, or on all of them when checks are run by themselves.

Blocking and ERROR only where going on would publish something wrong. The two checks called `readable` fail the run
when a roadmap was left out, so that its partition shows as failed; nothing waits for them, so the others go on.
"""

# Without `from __future__ import annotations`: Dagster wants to see the type of `context`, not its name.

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import dagster as dg

from roadmap_assets import pipeline
from roadmap_assets.defs.metadata import LOST
from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.resources import GeminiResource, WarehouseResource
from roadmap_assets.defs.steps import failing, left_out, roadmaps_of
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, RAW, TOPICS
from roadmap_assets.quality import rules
from roadmap_assets.quality.rules import Finding, PublishedRoadmap, ReadRoadmap, Rule
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.ledger import outcomes_in_run
from roadmap_assets.warehouse.published import EnrichedTopic, published_ids
from roadmap_assets.warehouse.raw import Snapshot, load_snapshot
from roadmap_assets.warehouse.topics import load_parse

_T = TypeVar("_T")
Results = Iterator[dg.AssetCheckResult]

CALLS_WITHIN_LEAST: Final = dg.AssetCheckSpec(
    "calls_within_least",
    asset=ENRICHMENTS,
    description="The run made no more calls than the least number and what recovering from failed ones took.",
)
NO_TOPIC_LOST: Final = dg.AssetCheckSpec(
    "no_topic_lost",
    asset=ENRICHED,
    description="No topic of the publication before is missing that the document still has.",
)


def _specs(asset: dg.AssetKey, rules: Sequence[Rule[Any]]) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(rule.name, asset=asset, description=rule.description, blocking=rule.blocking)
        for rule in rules
    ]


def _results(context: dg.AssetCheckExecutionContext, rules: Sequence[Rule[_T]], roadmaps: Mapping[str, _T]) -> Results:
    wanted = {key.name for key in context.selected_asset_check_keys}
    for rule in rules:
        if rule.name in wanted:
            yield _result(rule.name, rule.finding(roadmaps), error=rule.error, roadmaps=len(roadmaps))


def _result(name: str, finding: Finding, *, error: bool = False, **metadata: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description=finding.description,
        metadata={"offenders": finding.count, **metadata},
    )


def roadmaps_checked(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    """The roadmaps of the run that were not left out; all known ones when the run has no partitions."""
    run = context.op_execution_context
    if run.has_partition_key or run.has_partition_key_range:
        return roadmaps_of(run)
    return list(context.instance.get_dynamic_partitions(ROADMAPS.name or ""))


def _snapshots(roadmaps: Sequence[str], database: Warehouse) -> dict[str, Snapshot]:
    with database.transaction() as connection:
        found = {roadmap: load_snapshot(connection, roadmap) for roadmap in roadmaps}
    return {roadmap: snapshot for roadmap, snapshot in found.items() if snapshot}


@dg.multi_asset_check(specs=_specs(RAW, rules.RAW_RULES), can_subset=True)
def raw_roadmap_checks(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Results:
    """The rules about what was fetched."""
    with failing():
        snapshots = _snapshots(roadmaps_checked(context), warehouse.open_in_step(context.log.info))
    yield from _results(context, rules.RAW_RULES, snapshots)


@dg.multi_asset_check(specs=_specs(TOPICS, rules.TOPIC_RULES), can_subset=True)
def roadmap_topics_checks(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Results:
    """The rules about the topics, beside the document that they were read from."""
    with failing():
        database = warehouse.open_in_step(context.log.info)
        snapshots = _snapshots(roadmaps_checked(context), database)
        topics = pipeline.topics_of(list(snapshots), warehouse=database)
        with database.transaction() as connection:
            parses = {roadmap: load_parse(connection, roadmap) for roadmap in snapshots}
    counts = {roadmap: parse.counts for roadmap, parse in parses.items() if parse}
    read = {
        roadmap: ReadRoadmap(snapshot, [topic for topic in topics if topic.roadmap == roadmap], counts.get(roadmap, {}))
        for roadmap, snapshot in snapshots.items()
    }
    # Without a topic it was never read, which `readable` tells.
    yield from _results(context, rules.TOPIC_RULES, {roadmap: one for roadmap, one in read.items() if one.topics})


@dg.multi_asset_check(specs=[*_specs(ENRICHMENTS, rules.ENRICHMENT_RULES), CALLS_WITHIN_LEAST], can_subset=True)
def topic_enrichments_checks(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource, gemini: GeminiResource
) -> Results:
    """The rules about the answers, and the run's calls."""
    with failing():
        database = warehouse.open_in_step(context.log.info)
        asked = pipeline.questions_of(roadmaps_checked(context), warehouse=database, access=gemini.access())
        answered: Mapping[str, Sequence[EnrichedTopic]] = pipeline.answered_topics(asked, warehouse=database)
        yield from _results(context, rules.ENRICHMENT_RULES, answered)
        if CALLS_WITHIN_LEAST.key in context.selected_asset_check_keys:
            excess = _excess_calls(context.instance, database)
            finding = Finding(not excess, excess, f"{excess} calls more than needed" if excess else "nothing found")
            yield _result(CALLS_WITHIN_LEAST.name, finding)


def _excess_calls(instance: dg.DagsterInstance, database: Warehouse) -> int:
    """Of the latest run that enriched."""
    event = instance.get_latest_materialization_event(ENRICHMENTS)
    materialization = event and event.asset_materialization
    if not materialization:
        return 0
    told = {name: value.value for name, value in materialization.metadata.items()}
    with database.transaction() as connection:
        outcomes = outcomes_in_run(connection, str(told["engine_run"]))
    return rules.excess_calls(int(str(told["calls"])), int(str(told["least_calls"])), outcomes)


@dg.multi_asset_check(specs=[*_specs(ENRICHED, rules.PUBLICATION_RULES), NO_TOPIC_LOST], can_subset=True)
def enriched_roadmap_checks(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Results:
    """The rules about the publication."""
    with failing():
        database = warehouse.open_in_step(context.log.info)
        roadmaps = roadmaps_checked(context)
        topics = pipeline.topics_of(roadmaps, warehouse=database)
        with database.transaction() as connection:
            published = {roadmap: published_ids(connection, roadmap) for roadmap in roadmaps}
    pairs = {
        roadmap: PublishedRoadmap(ids, [topic.topic_id for topic in topics if topic.roadmap == roadmap])
        for roadmap, ids in published.items()
    }
    yield from _results(context, rules.PUBLICATION_RULES, pairs)
    if NO_TOPIC_LOST.key in context.selected_asset_check_keys:
        finding = Finding.of({roadmap: _lost(context.instance, roadmap) for roadmap in roadmaps})
        yield _result(NO_TOPIC_LOST.name, finding, error=True)


def _lost(instance: dg.DagsterInstance, roadmap: str) -> list[str]:
    """By the roadmap's latest publication, which alone knew the one before."""
    record = instance.get_latest_data_version_record(ENRICHED, partition_key=roadmap)
    materialization = record and record.asset_materialization
    told = materialization.metadata.get(LOST) if materialization else None
    return [str(topic) for topic in told.value] if isinstance(told, dg.JsonMetadataValue) and told.value else []


def _readable(asset: dg.AssetKey, description: str) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"{asset.to_user_string()}_readable",
        specs=[dg.AssetCheckSpec("readable", asset=asset, description=description)],
    )
    def readable(context: dg.AssetCheckExecutionContext) -> Results:
        gone = left_out(context.instance, context.run.run_id, asset=asset)
        finding = Finding.of({roadmap: [reason] for roadmap, reason in gone.items()})
        yield _result("readable", finding, error=True)
        if gone:
            raise dg.Failure(f"left out, while the others went on: {finding.description}", allow_retries=False)

    return readable


CHECKS: Final[Sequence[dg.AssetChecksDefinition]] = (
    _readable(RAW, "Every roadmap of the run was fetched."),
    raw_roadmap_checks,
    _readable(TOPICS, "The topics of every roadmap of the run were read."),
    roadmap_topics_checks,
    topic_enrichments_checks,
    enriched_roadmap_checks,
)
