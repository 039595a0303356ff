"""Storing answers as they arrive, in groups: a call's answers and its ledger row go in together or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.enrichments import Answer, Failure, store_answers, store_failures
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.ledger import Call, record_calls

GROUP_S = 0.4
"""Least seconds from one transaction to the next: opening the database costs as much as storing a thousand answers."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one call brought."""

    call: Call | None = None
    answers: tuple[Answer, ...] = ()
    failures: tuple[Failure, ...] = ()


class Recorder:
    """Takes records and stores them in the background, and keeps the run's leases alive while it is at it."""

    def __init__(self, warehouse: Warehouse, holder: LeaseHolder) -> None:
        self._warehouse = warehouse
        self._holder = holder
        self._waiting: list[Record] = []
        self._arrived = asyncio.Event()
        self._storing = threading.Lock()

    def put(self, record: Record) -> None:
        """Hand over a record; it is stored within some hundred milliseconds."""
        self._waiting.append(record)
        self._arrived.set()

    @contextlib.asynccontextmanager
    async def storing(self) -> AsyncIterator[asyncio.Task[None]]:
        """Store while the block lasts, and what is left at its end, cancelled or not.

        The task ends early only when the database cannot be written: watch it. The block raises the same error.
        """
        task = asyncio.create_task(self._store())
        try:
            yield task
        finally:
            task.cancel()
            try:
                await asyncio.gather(task, return_exceptions=True)
            finally:
                if task.done() and not task.cancelled():
                    task.result()
                if self._waiting:
                    # Blocks the loop for a moment on purpose: nothing may come between an answer and its storing.
                    self._flush()

    async def _store(self) -> None:
        while True:
            # When nothing arrives, nothing is stored, but the leases are renewed.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._holder.ttl_s / 3):
                    await self._arrived.wait()
            self._arrived.clear()
            await asyncio.to_thread(self._flush)
            await asyncio.sleep(GROUP_S)

    def _flush(self) -> None:
        """Store all that was handed over, now. Safe from any thread; records stay in hand when it fails."""
        with self._storing:
            records = list(self._waiting)
            with self._warehouse.transaction() as connection:
                record_calls(connection, [r.call for r in records if r.call])
                store_answers(connection, [answer for r in records for answer in r.answers])
                store_failures(connection, [failure for r in records for failure in r.failures])
                self._holder.renew(connection)
            del self._waiting[: len(records)]
