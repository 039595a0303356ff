"""Runs of the service `batch` against the simulator, on a database of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from roadmap_assets.enrichment.batch.engine import BatchEngine
from roadmap_assets.enrichment.batch.following import Followed
from roadmap_assets.enrichment.batch.options import BatchOptions
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.providers.gemini_batch import GeminiBatch
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.warehouse.batch_jobs import BatchJob, load_jobs
from roadmap_assets_tests.enrichment.engine.runs import Runs


@dataclass
class BatchRuns(Runs):
    """Runs over one folder, whose misses go into batch jobs; at `url`, or at the simulator itself."""

    url: str = ""

    def batch(self, *, options: dict[str, Any] | None = None, **config: Any) -> BatchEngine:
        """An engine with these options for jobs."""
        given = BatchOptions(
            scope="ours",
            open_provider=lambda: GeminiBatch(
                api_key=self.key, model=self.model, profile=self.profile, base_url=self.url or self.simulator.url
            ),
            **{"confirm_s": 0.2, **(options or {})},
        )
        return BatchEngine(replace(self.engine(**config).config, service="batch"), given)

    def run_batch(self, asked: Sequence[Question], *, options: dict[str, Any] | None = None, **config: Any) -> Report:
        """One run to its end."""
        return asyncio.run(self.batch(options=options, **config).run(asked, on_event=self.events.append))

    def follow(self, **options: Any) -> Followed:
        """One look at every open job."""
        return asyncio.run(self.batch(options=options).follow(on_event=self.events.append))

    def jobs(self) -> list[BatchJob]:
        """The jobs in the database, the oldest first."""
        with self.warehouse.transaction() as connection:
            return load_jobs(connection)

    def created(self) -> list[tuple[str, ...]]:
        """The topics of each job that the server has created."""
        return [
            request.topics
            for request in self.simulator.requests
            if request.path.endswith(":batchGenerateContent") and request.topics
        ]

    def times_asked(self) -> Counter[str]:
        """How often the server was asked about each topic, in jobs and live."""
        return Counter(topic for request in self.simulator.requests for topic in request.topics)
