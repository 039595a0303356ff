"""`new_roadmaps` follows the source, `deferred_rows` follows up on what the quota did not allow. Off by default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import dagster as dg

from roadmap_assets import pipeline
from roadmap_assets.defs.jobs import refresh_roadmaps
from roadmap_assets.defs.partitions import ROADMAPS, one_run
from roadmap_assets.defs.resources import GeminiResource, SourceResource, WarehouseResource
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS
from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE
from roadmap_assets.errors import RoadmapAssetsError
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.published import open_topics


@dataclass(frozen=True, slots=True)
class Cursor:
    """What `new_roadmaps` remembers: the versions that it asked runs for, those that wait for a later tick, the one
    that has waited longest first, and how many runs it has asked for."""

    asked: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    runs: int = 0

    @classmethod
    def load(cls, text: str | None) -> Self:
        return cls(**json.loads(text)) if text else cls()

    def dump(self) -> str:
        return json.dumps({"asked": dict(self.asked), "waiting": dict(self.waiting), "runs": self.runs})

    def seeing(self, listing: Mapping[str, str]) -> Cursor:
        """The same after a look at the source: what is new or changed waits behind what has waited before."""
        changed = {slug: version for slug, version in listing.items() if self.asked.get(slug) != version}
        still = {slug: changed[slug] for slug in self.waiting if slug in changed}
        return replace(self, waiting={**still, **changed})

    def asking(self, count: int) -> tuple[list[tuple[str, str]], Cursor]:
        """The (roadmap, version) pairs to ask runs for now, at most `count`, and the cursor after it."""
        now, later = list(self.waiting.items())[:count], list(self.waiting.items())[count:]
        return now, Cursor(asked={**self.asked, **dict(now)}, waiting=dict(later), runs=self.runs + len(now))


@dg.sensor(job=refresh_roadmaps, minimum_interval_seconds=600)
def new_roadmaps(
    context: dg.SensorEvaluationContext, source: SourceResource, warehouse: WarehouseResource
) -> dg.SensorResult:
    """New roadmaps of the source become partitions; new and changed ones get a run each, a few a tick.

    A run's key holds the version and the run's number, so that a tick that is repeated asks for no run twice, and a
    roadmap that goes back to an earlier version still gets one.
    """
    try:
        with source.open(warehouse.open(), waits=False) as opened:
            listing = dict(sorted(opened.listing().items()))
    except RoadmapAssetsError as error:
        return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
    cursor = Cursor.load(context.cursor).seeing(listing)
    chosen, after = cursor.asking(load_settings().runs_per_tick)
    known = set(context.instance.get_dynamic_partitions(ROADMAPS.name or ""))
    new = [slug for slug in listing if slug not in known]
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{slug}:{version}:{number}", partition_key=slug)
            for number, (slug, version) in enumerate(chosen, start=cursor.runs)
        ],
        dynamic_partitions_requests=[ROADMAPS.build_add_request(new)] if new else None,
        cursor=after.dump(),
        skip_reason=None if chosen else dg.SkipReason("nothing new or changed in the source"),
    )


@dg.sensor(job=refresh_roadmaps, minimum_interval_seconds=600)
def deferred_rows(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, gemini: GeminiResource
) -> dg.RunRequest | dg.SkipReason:
    """Once the quota is open, one run for the roadmaps with topics that were deferred or may be tried again.

    A run that got no further is not repeated before the quota's next day, and neither is one under a budget, which
    holds for a run and would else be spent anew every few minutes.
    """
    try:
        access, database = gemini.access(), warehouse.open()
        with database.transaction() as connection:
            waiting = open_topics(connection, table=pipeline.publication_table(access))
        roadmaps = [key for key in context.instance.get_dynamic_partitions(ROADMAPS.name or "") if key in waiting]
        if not roadmaps:
            return dg.SkipReason("no published topic waits for an answer")
        asked = pipeline.questions_of(roadmaps, warehouse=database, access=access)
        misses = pipeline.plan(asked, warehouse=database, access=access).misses
        if not misses:
            return dg.SkipReason("the topics without an answer have failed too often to be tried again")
        with closing(access.open_limiter()) as limiter:
            open_at = limiter.state().open_at
    except RoadmapAssetsError as error:
        return dg.SkipReason(str(error))
    now = datetime.now(UTC)
    if open_at and open_at > now:
        return dg.SkipReason(f"the quota is open again at {open_at:%Y-%m-%d %H:%M %Z}")
    day = now.astimezone(PROVIDER_ZONE).date()
    return one_run(
        roadmaps,
        run_key=f"{day}" if access.settings.budget_usd is not None else f"{day}:{misses}",
        asset_selection=[ENRICHMENTS, ENRICHED],
    )
