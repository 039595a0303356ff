"""The keys that this run asks: leased in the database, so that two runs never ask the same question."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from roadmap_assets.enrichment.engine.batching import Item
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.enrichments import load_failures
from roadmap_assets.warehouse.leases import Claim, LeaseHolder
from roadmap_assets.warehouse.rows import utc_now


class Claims:
    """Leases keys for one run. `held` are those that another run is asking at the moment."""

    def __init__(self, warehouse: Warehouse, holder: LeaseHolder, tally: Tally) -> None:
        self.held: frozenset[str] = frozenset()
        self._warehouse = warehouse
        self._holder = holder
        self._tally = tally
        self._began = utc_now()

    async def claim(self, keys: Iterable[str]) -> list[Item]:
        """Lease what is free, and return it to be asked. Keys that were answered or failed meanwhile are settled."""
        wanted = tuple(keys)
        claim, failed = await asyncio.to_thread(self._lease, wanted)
        self.held = claim.held
        for key in claim.answered:
            self._tally.settle(key, "hit")
        for key, reason in failed.items():
            self._tally.fail(key, reason)
        leased = claim.leased - failed.keys()
        return [Item(self._tally.unique[key]) for key in wanted if key in leased]

    def _lease(self, keys: Sequence[str]) -> tuple[Claim, dict[str, str]]:
        """The claim, and those of its leased keys that failed in another run since this one began."""
        with self._warehouse.transaction() as connection:
            claim = self._holder.claim(connection, keys)
            past = load_failures(connection, claim.leased)
        if claim.leased:
            self._warehouse.require_room(answers=len(claim.leased))  # before they are paid for
        return claim, {key: failure.last_error for key, failure in past.items() if failure.failed_at >= self._began}
