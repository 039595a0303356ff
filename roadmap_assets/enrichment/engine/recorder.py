"""Storing answers as they arrive, in groups: a call's answers and its ledger row go in together or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

from msgspec import Struct

from roadmap_assets.errors import WarehouseError
from roadmap_assets.warehouse.base import Connection, Warehouse, in_transaction
from roadmap_assets.warehouse.enrichments import Answer, Failure, store_answers, store_failures
from roadmap_assets.warehouse.evaluations import AskedRow, store_asked_rows
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.ledger import Call, record_calls

GROUP_S = 0.4
"""Minimum seconds between two transactions: opening the database costs as much as storing a thousand answers."""


class Record(Struct, frozen=True):
    """What is stored together; `asked` are the answers of an evaluation, which are not for the cache."""

    call: Call | None = None
    answers: tuple[Answer, ...] = ()
    failures: tuple[Failure, ...] = ()
    asked: tuple[AskedRow, ...] = ()


class Recorder:
    """Stores records in the background, and renews the leases of `holder`, if there is one.

    What the database cannot take goes to its journal.
    """

    def __init__(self, warehouse: Warehouse, holder: LeaseHolder | None = None) -> None:
        self._warehouse = warehouse
        self._holder = holder
        self._pending: list[Record] = []
        self._arrived = asyncio.Event()
        self._storing = threading.Lock()
        self._unusable: WarehouseError | None = None
        self._kept: dict[Path, int] = {}

    def put(self, record: Record) -> None:
        """Hand over a record; it is stored within some hundred milliseconds."""
        self._pending.append(record)
        self._arrived.set()

    async def keep_storing(self) -> None:
        """Store what arrives until cancelled. Raises as `Warehouse.transaction`."""
        renew_s = self._holder.ttl_s / 3 if self._holder else None
        while True:
            # When nothing arrives, nothing is stored, but the leases are renewed.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(renew_s):
                    await self._arrived.wait()
            self._arrived.clear()
            await asyncio.to_thread(self._flush)
            await asyncio.sleep(GROUP_S)

    def close(self) -> None:
        """Store what is left. Raises as `Warehouse.transaction`, also for a failure in the background.

        It blocks the event loop on purpose: nothing may come between an answer and its storing.
        """
        with self._storing:
            done = not (self._pending or self._unusable)
        if not done:
            self._flush()

    def _flush(self) -> None:
        """Store everything pending, here or in the journal. Safe from any thread; when it fails, nothing is lost."""
        with self._storing:
            if not self._unusable:
                try:
                    self._store()
                except WarehouseError as error:
                    self._unusable = error
            if self._unusable:
                raise self._keep_elsewhere(self._unusable) from None

    def _store(self) -> None:
        records = list(self._pending)

        def store(connection: Connection) -> None:
            record_calls(connection, [r.call for r in records if r.call])
            store_answers(connection, [answer for r in records for answer in r.answers])
            store_failures(connection, [failure for r in records for failure in r.failures])
            store_asked_rows(connection, [row for r in records for row in r.asked])
            if self._holder:
                self._holder.renew(connection)

        in_transaction(self._warehouse, store)
        del self._pending[: len(records)]

    def _keep_elsewhere(self, error: WarehouseError) -> WarehouseError:
        """Write what is paid for to the journal, and return an error that names its files."""
        records = list(self._pending)
        answers = [answer for r in records for answer in r.answers]
        asked = [row for r in records for row in r.asked]
        if calls := [r.call for r in records if r.call]:
            count = len(answers) + sum(row.answer is not None for row in asked)
            try:
                file = self._warehouse.journal.write(calls, answers, asked)
            except OSError as failed:
                return type(error)(f"{error}; {count} answers could not be kept elsewhere either ({failed})")
            self._kept[file] = count
        del self._pending[: len(records)]
        if kept := sum(self._kept.values()):
            files = " and ".join(map(str, self._kept))
            return type(error)(
                f"{error}; {kept} answers are kept in {files}, and the next run that can write takes them in"
            )
        return error
