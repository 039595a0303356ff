"""The keys that this run asks: leased in the database, so that two runs never ask the same question."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from roadmap_assets.enrichment.engine.batching import Item
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.warehouse.base import Connection, Warehouse, in_transaction
from roadmap_assets.warehouse.enrichments import PastFailure, load_failures
from roadmap_assets.warehouse.leases import Claim, LeaseHolder
from roadmap_assets.warehouse.rows import utc_now

FIRST_KEYS: Final = 1_000
"""In the first transaction of a large claim: these are asked while the others are claimed."""
KEYS_A_CLAIM: Final = 10_000
"""In each further one, which takes half a kilobyte of memory a key."""


def in_parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items of each claim, when there are many."""
    left = iter(items)
    size = FIRST_KEYS
    while part := list(islice(left, size)):
        yield part
        size = KEYS_A_CLAIM


class Claims:
    """Leases keys for one run. `held` are those that another run is asking at the moment.

    `generation` counts the times that this process was suspended for so long that its leases may have ended: items of
    an earlier generation have to be claimed again.
    """

    def __init__(self, warehouse: Warehouse, holder: LeaseHolder, tally: Tally) -> None:
        self.held: frozenset[str] = frozenset()
        self.generation = 0
        self._warehouse = warehouse
        self._holder = holder
        self._tally = tally
        self._began = utc_now()
        self._seen_at = time.monotonic()

    async def claim(self, items: Iterable[Item]) -> list[Item]:
        """Those of the items that this run is to ask, in one transaction: it holds their leases now.

        Items that were answered or failed in another run, or are in a batch job, are settled, and those that another
        run asks are `held`.
        """
        wanted = {item.question.key: item for item in items}
        generation = self.check_generation()
        claim, failed = await asyncio.to_thread(self._lease, tuple(wanted))
        self.held = self.held - wanted.keys() | claim.held
        for key in claim.answered:
            self._tally.settle(key, "hit")
        for key in claim.pending:
            self._tally.settle(key, "pending")
        for key, reason in failed.items():
            self._tally.fail(key, reason)
        leased = [item for key, item in wanted.items() if key in claim.leased and key not in failed]
        for item in leased:
            item.generation = generation
        return leased

    def check_generation(self) -> int:
        """The generation after a look at the clock; to be called more often than leases end."""
        now = time.monotonic()
        self.generation += now - self._seen_at > self._holder.ttl_s / 2
        self._seen_at = now
        return self.generation

    def are_current(self, items: Iterable[Item]) -> bool:
        """Whether the leases of these items are known to last."""
        generation = self.check_generation()
        return all(item.generation == generation for item in items)

    def _lease(self, keys: Sequence[str]) -> tuple[Claim, dict[str, str]]:
        """The claim, and those of its leased keys that failed in another run since this one began."""

        def lease(connection: Connection) -> tuple[Claim, dict[str, PastFailure]]:
            claim = self._holder.claim(connection, keys)
            return claim, load_failures(connection, claim.leased)

        claim, past = in_transaction(self._warehouse, lease)
        return claim, {key: failure.last_error for key, failure in past.items() if failure.failed_at >= self._began}
