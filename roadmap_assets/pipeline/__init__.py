"""The four steps as plain functions: fetch -> topics -> enrich -> publish.

Dagster and the command line call these and nothing below them. Each step finds in the database what it needs, so it can
be run again by itself; running one again replaces its rows and leaves those of other roadmaps.
"""

from roadmap_assets.pipeline.asking import (
    Asked,
    Enriched,
    answered_topics,
    call_outcomes,
    enrich,
    limited,
    plan,
    questions_of,
)
from roadmap_assets.pipeline.evaluating import evaluation_rows, latest_evaluation_of
from roadmap_assets.pipeline.fetching import Fetched, fetch, source_of
from roadmap_assets.pipeline.jobs import batch_jobs, cancel_job, follow_jobs, keys_in_jobs
from roadmap_assets.pipeline.pages import edition_of, write_index, write_page
from roadmap_assets.pipeline.publishing import Published, publication_table, publish, publish_topics, published_ids_of
from roadmap_assets.pipeline.reading import (
    TopicsRead,
    document_topics,
    fetch_and_read,
    known_roadmaps,
    read_topics,
    topics_of,
)

__all__ = [
    "Asked",
    "Enriched",
    "Fetched",
    "Published",
    "TopicsRead",
    "answered_topics",
    "batch_jobs",
    "call_outcomes",
    "cancel_job",
    "document_topics",
    "edition_of",
    "enrich",
    "evaluation_rows",
    "fetch",
    "fetch_and_read",
    "follow_jobs",
    "keys_in_jobs",
    "known_roadmaps",
    "latest_evaluation_of",
    "limited",
    "plan",
    "publication_table",
    "publish",
    "publish_topics",
    "published_ids_of",
    "questions_of",
    "read_topics",
    "source_of",
    "topics_of",
    "write_index",
    "write_page",
]
