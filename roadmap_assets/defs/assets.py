"""The four assets: each calls one step of the pipeline for the roadmaps of the run, reports it, and checks the result.

They hand data on through the database (`deps`), and take one partition or many in one run, so that a backfill packs
its batches across roadmaps. What depends on settings (owners, versions, columns) is added in `definitions`.
"""

# Without `from __future__ import annotations`: Dagster wants to see the type of `context`, not its name.

import warnings
from contextlib import closing
from datetime import timedelta
from typing import Final

import dagster as dg

from roadmap_assets import pipeline
from roadmap_assets.defs import metadata
from roadmap_assets.defs.checks import CHECKS, judge
from roadmap_assets.defs.partition_events import PARENTS, answers_version, rows_version, topics_version
from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.resources import EnrichmentConfig, GeminiResource, SourceResource, WarehouseResource
from roadmap_assets.defs.run_log import ProgressLog
from roadmap_assets.defs.steps import Results, Step, failing
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, RAW, TOPICS
from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.limiter.base import QuotaState
from roadmap_assets.errors import DocumentError
from roadmap_assets.exports.csv_file import default_path
from roadmap_assets.exports.whole_file import check_writable
from roadmap_assets.pipeline import Asked, Published
from roadmap_assets.quality.answers import ANSWER_RULES, CALL_RULES, AnsweredRoadmap, RunCalls
from roadmap_assets.quality.evaluated import EVALUATION_RULES, Evaluated
from roadmap_assets.quality.fetched import FETCHED_RULES, FetchedRoadmap
from roadmap_assets.quality.publication import PUBLICATION_RULES, REPLACEMENT_RULES, PublishedRoadmap, Replacement
from roadmap_assets.quality.topics import TOPIC_RULES, ReadRoadmap

# Dagster says at each asset that backfill policies and links to the code are beta, in three lines each time.
warnings.filterwarnings("ignore", message="(?i).*(backfill_policy|code_?references?).*", category=dg.BetaWarning)

SINGLE_RUN: Final = dg.BackfillPolicy.single_run()

FRESH: Final = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=50))
"""The daily refresh, with two hours for the run; after two missed ones the asset, as a whole, counts as failed."""


@dg.asset(
    key=RAW,
    kinds={"python", "json", "duckdb"},
    tags={"layer": "raw"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=SINGLE_RUN,
    check_specs=CHECKS[RAW],
)
def raw_roadmap(context: dg.AssetExecutionContext, source: SourceResource, warehouse: WarehouseResource) -> Results:
    """A roadmap as fetched: one row per roadmap with its JSON document, and one per topic text in `raw_contents`.

    Nothing that is unchanged upstream is fetched again. A roadmap that disappeared upstream keeps its last state.
    """
    with failing(context):
        database = warehouse.open_in_step(context.log.info)
        with source.open(database, on_notice=context.log.warning) as opened:
            step = Step(context, database, source=opened)
            fetched = step.for_each(lambda roadmap: pipeline.fetch(roadmap, source=opened, warehouse=database))
        documents = pipeline.document_topics(list(fetched), warehouse=database)
    for roadmap, one in fetched.items():
        found = judge(FETCHED_RULES, FetchedRoadmap(documents[roadmap], one.files))
        step.report(roadmap, metadata.of_fetched(one), data_version=one.version, outcomes=found)
    yield from step.results()


@dg.asset(
    key=TOPICS,
    deps=PARENTS[TOPICS],
    kinds={"python", "duckdb"},
    tags={"layer": "topics"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=SINGLE_RUN,
    check_specs=CHECKS[TOPICS],
)
def roadmap_topics(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Results:
    """One row per topic of a roadmap, in reading order, with category, subcategory, path, text and links."""
    with failing(context):
        database = warehouse.open_in_step(context.log.info)
        step = Step(context, database)
        read = step.for_each(lambda roadmap: pipeline.read_topics(roadmap, warehouse=database))
        documents = pipeline.document_topics(list(read), warehouse=database)
        for roadmap, one in read.items():
            topics = pipeline.topics_of([roadmap], warehouse=database)
            found = judge(TOPIC_RULES, ReadRoadmap(topics, documents[roadmap], one.counts.get("disputed_places", 0)))
            step.report(roadmap, metadata.of_topics(one, topics), data_version=topics_version(topics), outcomes=found)
    yield from step.results()


@dg.asset(
    key=ENRICHMENTS,
    deps=PARENTS[ENRICHMENTS],
    kinds={"gemini", "duckdb"},
    tags={"layer": "enrichment"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=SINGLE_RUN,
    check_specs=CHECKS[ENRICHMENTS],
)
def topic_enrichments(
    context: dg.AssetExecutionContext, config: EnrichmentConfig, warehouse: WarehouseResource, gemini: GeminiResource
) -> Results:
    """One row per answered question: what Gemini wrote about a topic, kept under a hash of all that shapes the answer.

    Only what is not cached is asked, twenty topics a call, packed across the roadmaps of the run, under the quota that
    all processes share. Rows that fail or are deferred to a later run leave the run successful, with a failing check.
    """
    with failing(context):
        database, access = warehouse.open_in_step(context.log.info), gemini.access(config)
        step = Step(context, database)
        access.check()
        check_writable(warehouse.output / "any.csv")  # better known before there is something to pay for
        asked = _with_topics(context, pipeline.questions_of(step.roadmaps, warehouse=database, access=access))
        enriched = pipeline.enrich(asked, warehouse=database, access=access, on_event=ProgressLog(context))
        rows = pipeline.answered_topics(asked.pairs, warehouse=database, access=access)
        report = enriched.report
        outcomes = pipeline.call_outcomes(report, warehouse=database)
        evaluated = Evaluated(
            pipeline.latest_evaluation_of(access, warehouse=database), access.profile.fingerprint, access.simulated
        )
        quota = _quota(access) if report.calls else None
    for roadmap in asked.pairs:
        profile, answered = access.profile, rows[roadmap]
        broken = {
            row.topic.topic: rule
            for row in answered
            if row.status == "enriched" and (rule := profile.checks.broken_rule(row.columns))
        }
        found = metadata.of_enrichment(enriched, roadmap, answered, access=access, quota=quota)
        checked = [
            *judge(ANSWER_RULES, AnsweredRoadmap(answered, broken, profile.texts)),
            *judge(CALL_RULES, RunCalls(report.calls, report.least_calls, outcomes)),
            *judge(EVALUATION_RULES, evaluated),
        ]
        step.report(roadmap, found, data_version=answers_version(answered), outcomes=checked)
    yield from step.results()


@dg.asset(
    key=ENRICHED,
    freshness_policy=FRESH,
    deps=PARENTS[ENRICHED],
    kinds={"duckdb", "csv"},
    tags={"layer": "published"},
    group_name="roadmaps",
    partitions_def=ROADMAPS,
    backfill_policy=SINGLE_RUN,
    check_specs=CHECKS[ENRICHED],
)
def enriched_roadmap(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, gemini: GeminiResource
) -> Results:
    """One row per topic of a roadmap with what Gemini wrote about it, in the database and as a CSV file.

    A topic without an answer has empty columns, and its status says whether it failed or was deferred.
    """
    with failing(context):
        database, access = warehouse.open_in_step(context.log.info), gemini.access()
        step = Step(context, database)

        def publish(roadmap: str) -> Published:
            csv = default_path(warehouse.output, roadmap, simulated=access.simulated)
            return pipeline.publish(roadmap, warehouse=database, access=access, csv=csv)

        published = step.for_each(publish)
        stored = pipeline.published_ids_of(list(published), warehouse=database, access=access)
        replaced = [roadmap for roadmap, one in published.items() if one.gone]
        documents = pipeline.document_topics(replaced, warehouse=database)
    for roadmap, one in published.items():
        if one.csv is None:
            context.log.warning(f"{roadmap}: nothing published, since no topic has an answer yet")
            continue
        topics = [row.topic.topic_id for row in one.topics]
        outcomes = [
            *judge(PUBLICATION_RULES, PublishedRoadmap(stored[roadmap], topics)),
            *judge(REPLACEMENT_RULES, Replacement(one.rows, one.gone, documents.get(roadmap, {}))),
        ]
        found = metadata.of_published(one, access=access)
        step.report(roadmap, found, data_version=rows_version(one.topics), outcomes=outcomes)
    yield from step.results()


def _quota(access: Access) -> QuotaState:
    with closing(access.open_limiter()) as limiter:
        return limiter.state()


def _with_topics(context: dg.AssetExecutionContext, asked: Asked) -> Asked:
    """The roadmaps that have topics. Raises DocumentError when there are some and none has."""
    pairs = {roadmap: some for roadmap, some in asked.pairs.items() if some}
    without = ", ".join(roadmap for roadmap in asked.pairs if roadmap not in pairs)
    if without and not pairs:
        raise DocumentError(f"the topics of {without} were not read yet; read them first (asset roadmap_topics)")
    if without:
        context.log.info(f"Skipped, because they have no topics yet: {without}")
    return Asked(pairs, asked.found)
