"""`new_roadmaps` follows the source, `deferred_rows` follows up on what the quota did not allow. Off by default."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Final, Self

import dagster as dg
from msgspec import Struct, field

from roadmap_assets import pipeline
from roadmap_assets.defs.jobs import refresh_roadmaps
from roadmap_assets.defs.left_out import known_unreadable
from roadmap_assets.defs.partitions import ROADMAPS, known_roadmaps, range_tags, stretches
from roadmap_assets.defs.resources import GeminiResource, SourceResource, WarehouseResource
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, RAW
from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE
from roadmap_assets.errors import RoadmapAssetsError
from roadmap_assets.roadmaps.sources.base import Source
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.published import open_topics
from roadmap_assets.warehouse.raw import load_snapshot
from roadmap_assets.warehouse.unreadable import unreadable_roadmaps

ASKED_AGAIN_AFTER_S: Final = 3600
"""Until then, a run that failed or was canceled is not asked for again: the cause is likely to be still there."""


class Cursor(Struct, frozen=True):
    """What `new_roadmaps` remembers: for each roadmap that it asked a run for, the version and when (Unix time), the
    roadmaps that wait for a later tick, the one that has waited longest first, and how many runs it has asked for."""

    asked: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    waiting: Sequence[str] = ()
    runs: int = 0

    @classmethod
    def load(cls, text: str | None) -> Self:
        """The cursor of an earlier tick; of one that version 0.1 stored, the number of runs."""
        stored = json.loads(text) if text else {}
        if isinstance(stored.get("waiting"), dict):
            return cls(runs=stored["runs"])
        asked = {slug: (version, at) for slug, (version, at) in stored.get("asked", {}).items()}
        return cls(asked=asked, waiting=stored.get("waiting", []), runs=stored.get("runs", 0))

    def dump(self) -> str:
        return json.dumps({"asked": dict(self.asked), "waiting": list(self.waiting), "runs": self.runs})

    def due(self, wanted: Mapping[str, str], *, now: float) -> list[str]:
        """The roadmaps of `wanted` (slug -> version) to ask a run for, the one that has waited longest first."""
        again = [
            slug
            for slug, version in wanted.items()
            if (asked := self.asked.get(slug)) is None or asked[0] != version or now - asked[1] >= ASKED_AGAIN_AFTER_S
        ]
        return [
            *(slug for slug in self.waiting if slug in again),
            *(slug for slug in again if slug not in self.waiting),
        ]

    def after(self, due: Sequence[str], wanted: Mapping[str, str], *, count: int, now: float) -> Cursor:
        """The cursor after runs were asked for the first `count` of those that were due."""
        asked = {slug: (wanted[slug], now) for slug in due[:count]}
        return Cursor(asked={**self.asked, **asked}, waiting=due[count:], runs=self.runs + len(asked))


@dg.sensor(
    job=refresh_roadmaps,
    minimum_interval_seconds=600,
    description="Adds a partition for each new roadmap of the source, and requests runs for those not up to date.",
)
def new_roadmaps(
    context: dg.SensorEvaluationContext, source: SourceResource, warehouse: WarehouseResource
) -> dg.SensorResult:
    """A few runs a tick, for roadmaps whose latest version is not published yet; what a run or backfill under way will
    publish is left to it, and what cannot be read to its next version.

    A run's key holds the version and the run's number, so that a tick that is repeated requests no run twice, and a
    roadmap that goes back to an earlier version still gets one.
    """
    try:
        database = warehouse.open()
        with source.open(database, waits=False) as opened:
            listing = dict(sorted(opened.listing().items()))
            made = _up_to_date(context.instance, opened, database, listing) | {*known_unreadable(opened, database)}
    except RoadmapAssetsError as error:
        return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
    now = datetime.now(UTC).timestamp()
    busy = made | _under_way(context.instance)
    wanted = {slug: version for slug, version in listing.items() if slug not in busy}
    cursor, count = Cursor.load(context.cursor), load_settings().runs_per_tick
    due = cursor.due(wanted, now=now)
    known = known_roadmaps(context.instance)
    new = [slug for slug in listing if slug not in known]
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{slug}:{wanted[slug]}:{number}", partition_key=slug)
            for number, slug in enumerate(due[:count], start=cursor.runs)
        ],
        dynamic_partitions_requests=[ROADMAPS.build_add_request(new)] if new else None,
        cursor=cursor.after(due, wanted, count=count, now=now).dump(),
        skip_reason=None if due else dg.SkipReason("nothing new or changed in the source beyond what was requested"),
    )


def _up_to_date(
    instance: dg.DagsterInstance, source: Source, warehouse: Warehouse, listing: Mapping[str, str]
) -> set[str]:
    """The roadmaps whose state in the database is the source's, and was published after it was fetched.

    Not those that were left out since: a backfill logs a materialization for them all the same.
    """
    latest = instance.event_log_storage.get_latest_storage_id_by_partition
    fetched, published = (latest(key, dg.DagsterEventType.ASSET_MATERIALIZATION) for key in (RAW, ENRICHED))
    done = [slug for slug in listing if published.get(slug, -1) > fetched.get(slug, 0)]
    with warehouse.transaction() as connection:
        left_out = unreadable_roadmaps(connection)
        snapshots = [found for slug in done if slug not in left_out and (found := load_snapshot(connection, slug))]
    return {one.roadmap for one in snapshots if source.version_of(one) == listing[one.roadmap]}


def _under_way(instance: dg.DagsterInstance) -> set[str]:
    """The roadmaps of the runs that have not ended."""
    known = known_roadmaps(instance)
    filters = dg.RunsFilter(job_name=refresh_roadmaps.name, statuses=_UNDER_WAY)
    roadmaps: set[str] = set()
    for run in instance.get_runs(filters):
        first = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start")
        last = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_end")
        if first in known and last in known:
            roadmaps.update(known[known.index(first) : known.index(last) + 1])
    return roadmaps


_UNDER_WAY: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.sensor(
    job=refresh_roadmaps,
    minimum_interval_seconds=600,
    description="Requests a run for the roadmaps with deferred topics, once the quota is open again.",
)
def deferred_rows(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, gemini: GeminiResource
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """A run for exactly the roadmaps with topics that were deferred or may be tried again, one for each stretch.

    Topics in batch jobs are left to `batch_jobs`.

    A run that left the same topics unanswered is not repeated before the quota's next day, and neither is one under a
    budget, which holds for a run and would otherwise be spent again every few minutes.
    """
    try:
        access, database = gemini.access(), warehouse.open()
        with database.transaction() as connection:
            waiting = open_topics(connection, table=pipeline.publication_table(access))
        known = known_roadmaps(context.instance)
        enriched = context.instance.get_materialized_partitions(ENRICHMENTS)  # one without any answer is not published
        roadmaps = [key for key in known if key in waiting or key in enriched]
        asked = pipeline.questions_of(roadmaps, warehouse=database, access=access)
        open_questions = {
            slug: keys
            for slug, rows in pipeline.answered_topics(asked.pairs, warehouse=database, access=access).items()
            if (keys := [row.enrichment_key for row in rows if row.status not in ("enriched", "pending")])
        }
        if not open_questions:
            return dg.SkipReason("no topic waits for an answer")
        if not pipeline.plan(asked, warehouse=database, access=access).misses:
            return dg.SkipReason("the topics without an answer have failed too often to be tried again")
        with closing(access.open_limiter()) as limiter:
            open_at = limiter.state().open_at
    except RoadmapAssetsError as error:
        return dg.SkipReason(str(error))
    now = datetime.now(UTC)
    if open_at and open_at > now:
        return dg.SkipReason(f"the quota is open again at {open_at:%Y-%m-%d %H:%M %Z}")
    day = f"{now.astimezone(PROVIDER_ZONE).date()}"
    budgeted = access.settings.budget_usd is not None
    return [
        dg.RunRequest(
            run_key=f"{day}{f' run {number}' if number > 1 else ''}"
            if budgeted
            else f"{day}:{_digest(key for slug in stretch for key in open_questions[slug])}",
            tags=range_tags(stretch),
            asset_selection=[ENRICHMENTS, ENRICHED],
        )
        for number, stretch in enumerate(stretches(open_questions, known), start=1)
    ]


def _digest(keys: Iterable[str]) -> str:
    return hashlib.sha256(",".join(sorted(keys)).encode()).hexdigest()[:16]
