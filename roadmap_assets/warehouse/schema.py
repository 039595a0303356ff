"""All tables, for the DDL of a new database and for the page about the tables."""

from __future__ import annotations

from roadmap_assets.warehouse.base import Column, Table
from roadmap_assets.warehouse.batch_jobs import BATCH_JOBS, BATCH_ROWS
from roadmap_assets.warehouse.enrichments import ENRICHMENT_FAILURES, ENRICHMENTS
from roadmap_assets.warehouse.evaluations import EVALUATION_ANSWERS, EVALUATIONS
from roadmap_assets.warehouse.leases import ENRICHMENT_LEASES, LEASE_HOLDERS
from roadmap_assets.warehouse.ledger import API_CALLS
from roadmap_assets.warehouse.listings import SOURCE_LISTINGS
from roadmap_assets.warehouse.published import ENRICHED_ROADMAPS, SIMULATED_ROADMAPS
from roadmap_assets.warehouse.raw import RAW_CONTENTS, RAW_ROADMAPS
from roadmap_assets.warehouse.topics import PARSED_ROADMAPS, TOPICS
from roadmap_assets.warehouse.unreadable import UNREADABLE_ROADMAPS

SCHEMA_MIGRATIONS = Table(
    "schema_migrations",
    "One row per migration that this database has had",
    ("name",),
    (
        Column("name", "VARCHAR", "Name of the migration"),
        Column("ran_at", "TIMESTAMP", "When it ran (UTC)"),
    ),
)

TABLES = (
    RAW_ROADMAPS,
    RAW_CONTENTS,
    PARSED_ROADMAPS,
    TOPICS,
    ENRICHED_ROADMAPS,
    SIMULATED_ROADMAPS,
    ENRICHMENTS,
    ENRICHMENT_FAILURES,
    API_CALLS,
    EVALUATIONS,
    EVALUATION_ANSWERS,
    SOURCE_LISTINGS,
    UNREADABLE_ROADMAPS,
    ENRICHMENT_LEASES,
    LEASE_HOLDERS,
    BATCH_JOBS,
    BATCH_ROWS,
    SCHEMA_MIGRATIONS,
)
