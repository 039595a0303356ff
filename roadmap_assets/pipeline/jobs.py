"""Batch jobs apart from a run: which there are, what came of them, and ending one."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.events import OnEvent
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.batch_jobs import BatchJob, load_jobs, load_rows

if TYPE_CHECKING:
    from roadmap_assets.enrichment.batch.following import Followed


def batch_jobs(*, warehouse: Warehouse) -> list[BatchJob]:
    """The latest jobs, the oldest first."""
    with warehouse.transaction() as connection:
        return load_jobs(connection)


def keys_in_jobs(job_ids: Iterable[str], *, warehouse: Warehouse) -> set[str]:
    """The keys of the questions that these jobs asked."""
    with warehouse.transaction() as connection:
        return {row.key for job_id in job_ids for row in load_rows(connection, job_id)}


def follow_jobs(
    *, warehouse: Warehouse, access: Access, on_event: OnEvent = lambda _: None, waits: bool = False
) -> Followed:
    """Look at every open job: collect it when it has ended, confirm or repeat its creation where that is open.

    Once, or with `waits` until all have ended. Jobs of other keys and models than those of `access` are left alone.

    Raises:
        GeminiRefused: Gemini refuses the key or a job.
    """
    return _followed(access.batch_engine(warehouse).follow(on_event=on_event, waits=waits))


def cancel_job(job_id: str, *, warehouse: Warehouse, access: Access, on_event: OnEvent = lambda _: None) -> Followed:
    """Cancel an open job, store the results that it has, and release its other rows. Raises as `follow_jobs`."""
    return _followed(access.batch_engine(warehouse).cancel(job_id, on_event=on_event))


def _followed(work: Coroutine[Any, Any, Followed]) -> Followed:
    from roadmap_assets.enrichment.blocking import run_blocking  # imports asyncio, which most commands do not need

    return run_blocking(work)
