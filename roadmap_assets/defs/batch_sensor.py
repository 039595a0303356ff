"""`batch_jobs` follows the open jobs of the Batch API, and publishes what they have answered. Off by default."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Self

import dagster as dg
from msgspec import Struct, field

from roadmap_assets import pipeline
from roadmap_assets.defs.jobs import refresh_roadmaps
from roadmap_assets.defs.partitions import known_roadmaps, range_tags, stretches
from roadmap_assets.defs.resources import GeminiResource, WarehouseResource
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, PAGE
from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.events import describe
from roadmap_assets.errors import RoadmapAssetsError
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.batch_jobs import BatchJob

INTERVAL_S: Final = 30


class Cursor(Struct, frozen=True):
    """When the jobs were last looked at (Unix time), and which were open then: they are missed when they have ended."""

    looked_at: float = 0.0
    open: Sequence[str] = field(default=())

    @classmethod
    def load(cls, text: str | None) -> Self:
        stored = json.loads(text) if text else {}
        return cls(stored.get("looked_at", 0.0), tuple(stored.get("open", ())))

    def dump(self) -> str:
        return json.dumps({"looked_at": self.looked_at, "open": list(self.open)})


@dg.sensor(
    job=refresh_roadmaps,
    minimum_interval_seconds=INTERVAL_S,
    description="Collects batch jobs that have ended, and requests a run for the roadmaps that they have answered.",
)
def batch_jobs(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, gemini: GeminiResource
) -> dg.SensorResult:
    """A run for the roadmaps of jobs that were collected, here or by a command, once none of their topics is pending.

    Topics that a job has left unanswered go into a next job in that run. What failed, expired and cancelled jobs have
    released is left to `deferred_rows` and `daily_refresh`, so that a job that always fails is not repeated all day.
    """
    cursor, now = Cursor.load(context.cursor), datetime.now(UTC).timestamp()
    try:
        access, database = gemini.access(), warehouse.open()
        before = _jobs(database)
        open_now = [job for job in before.values() if job.is_open]
        if not open_now and not cursor.open:
            return dg.SensorResult(skip_reason="no batch job is open", cursor=context.cursor)
        if open_now and now < cursor.looked_at + _interval_s(access, database, open_now, now=now):
            return dg.SensorResult(skip_reason="the open batch jobs were looked at lately", cursor=context.cursor)
        if open_now:
            access.check()
            pipeline.follow_jobs(
                warehouse=database, access=access, on_event=lambda event: context.log.info(describe(event))
            )
        after = _jobs(database)
        watched = {*cursor.open, *(job.job_id for job in open_now)}
        collected = sorted(job_id for job_id in watched if job_id in after and after[job_id].state == "collected")
        answered = _complete(collected, known_roadmaps(context.instance), database, access)
    except RoadmapAssetsError as error:
        return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
    still_open = [job_id for job_id, job in after.items() if job.is_open]
    key = hashlib.sha256(",".join(collected).encode()).hexdigest()[:16]
    found = stretches(answered, known_roadmaps(context.instance))
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"batch:{key}:{number}",
                tags=range_tags(stretch),
                asset_selection=[ENRICHMENTS, ENRICHED, PAGE],
            )
            for number, stretch in enumerate(found, start=1)
        ],
        skip_reason=None if answered else dg.SkipReason(_why_nothing(after, watched)),
        cursor=Cursor(now, still_open).dump(),
    )


def _jobs(warehouse: Warehouse) -> Mapping[str, BatchJob]:
    return {job.job_id: job for job in pipeline.batch_jobs(warehouse=warehouse)}


def _interval_s(access: Access, warehouse: Warehouse, jobs: Collection[BatchJob], *, now: float) -> float:
    """How long after the last look the next one is due: by the age of the youngest job."""
    youngest = max(job.posted_at or job.created_at for job in jobs)
    age_s = now - youngest.replace(tzinfo=UTC).timestamp()
    return access.batch_engine(warehouse).options.next_poll_s(age_s)


def _complete(job_ids: Sequence[str], known: Sequence[str], warehouse: Warehouse, access: Access) -> set[str]:
    """The roadmaps that these jobs asked about, without those that have topics in other jobs."""
    keys = pipeline.keys_in_jobs(job_ids, warehouse=warehouse)
    if not keys:
        return set()
    asked = pipeline.questions_of(known, warehouse=warehouse, access=access)
    rows_of = pipeline.answered_topics(asked.pairs, warehouse=warehouse, access=access)
    return {
        roadmap
        for roadmap, rows in rows_of.items()
        if any(row.enrichment_key in keys for row in rows) and not any(row.status == "pending" for row in rows)
    }


def _why_nothing(jobs: Mapping[str, BatchJob], watched: Collection[str]) -> str:
    """What there is to say about the jobs when no run is requested."""
    said = [
        f"batch job {job.job_id[:8]}: {job.state}{f' ({job.reason})' if job.reason else ''}"
        for job in jobs.values()
        if job.job_id in watched
    ]
    return "; ".join(said) or "no batch job is open"
