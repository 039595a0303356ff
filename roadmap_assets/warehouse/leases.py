"""Tables `enrichment_leases` and `lease_holders`: a key is leased before it is asked, so that two runs ask it once.

A lease ends with its holder. A holder is a run: it renews one row for all its keys, and while it lives it shows a sign
of life, which is gone even after `kill -9`: a file lock beside a DuckDB file, a session's lock in PostgreSQL. So the
topics of a killed run are free at once, and those of a frozen one when its lease expires.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Self

from msgspec import Struct

from roadmap_assets.errors import WarehouseError
from roadmap_assets.warehouse.base import KEYS, Column, Connection, Table, Warehouse
from roadmap_assets.warehouse.batch_jobs import pending_keys
from roadmap_assets.warehouse.enrichments import answered_keys
from roadmap_assets.warehouse.rows import insert_rows

ENRICHMENT_LEASES = Table(
    "enrichment_leases",
    "One row per question that a run is asking at the moment",
    ("key",),
    (
        Column("key", "VARCHAR", "Key of the question, as in enrichments"),
        Column("holder", "VARCHAR", "The run, as in lease_holders"),
    ),
)
LEASE_HOLDERS = Table(
    "lease_holders",
    "One row per run that holds leases",
    ("holder",),
    (
        Column("holder", "VARCHAR", "Id of the run as a holder of leases"),
        Column("expires_at", "TIMESTAMP", "When its leases end unless it renews them (UTC)"),
    ),
)


class Claim(Struct, frozen=True):
    """Result of a claim: each key is in one of the four. `held` are those of other runs, `pending` of batch jobs."""

    answered: frozenset[str]
    leased: frozenset[str]
    held: frozenset[str]
    pending: frozenset[str]


class LeaseHolder:
    """A run that leases keys, for as long as its `with` block lasts; leases it does not renew end after `ttl_s`."""

    def __init__(self, warehouse: Warehouse, *, ttl_s: float = 60.0) -> None:
        self.id = uuid.uuid4().hex
        self.ttl_s = ttl_s
        self._warehouse = warehouse
        self._sign = warehouse.sign_of_life(self.id)

    def __enter__(self) -> Self:
        self._sign.show()
        return self

    def __exit__(self, *_: object) -> None:
        forgotten = False
        # When the database cannot be written now, hiding the sign frees the keys as well, and does not hide an earlier
        # error.
        with suppress(WarehouseError):
            with self._warehouse.transaction() as connection:
                self._forget(connection, [self.id])
            forgotten = True
        self._sign.hide(forgotten=forgotten)

    def claim(self, connection: Connection, keys: Iterable[str]) -> Claim:
        """Lease every key that is neither answered, nor in a batch job, nor leased by another living holder."""
        self._free_dead_holders(connection)
        self.renew(connection)
        asked = set(keys)
        wanted = sorted(asked)  # in this order, so that two claims of some of the same never wait for each other
        query = f"SELECT key, holder FROM enrichment_leases WHERE key IN {KEYS}"
        holders: dict[str, str] = dict(connection.execute(query, [",".join(wanted)]).fetchall())
        own = {key for key, holder in holders.items() if holder == self.id}
        own |= self._insert(connection, [key for key in wanted if key not in holders])
        # After the leases: a key that another run has answered, and freed since, must not be asked again, nor one that
        # it has put into a batch job.
        answered = answered_keys(connection, asked)
        pending = pending_keys(connection, wanted) - answered
        settled = answered | pending
        held = frozenset(asked) - own - settled
        return Claim(frozenset(answered), frozenset(own - settled), held, frozenset(pending))

    def _insert(self, connection: Connection, keys: list[str]) -> set[str]:
        """Lease these keys, in their order; those that another holder leased at this moment are not in the result."""
        if not keys:
            return set()
        insert = f"INSERT INTO enrichment_leases (key, holder) SELECT key, ? FROM {KEYS} AS wanted (key)"
        insert += f"{connection.dialect.unless_known} RETURNING key"
        return {key for (key,) in connection.execute(insert, [self.id, ",".join(keys)]).fetchall()}

    def release(self, connection: Connection, keys: Iterable[str]) -> None:
        """End this holder's leases of these keys."""
        query = f"DELETE FROM enrichment_leases WHERE holder = ? AND key IN {KEYS}"
        connection.execute(query, [self.id, ",".join(keys)])

    def renew(self, connection: Connection) -> None:
        """Keep all leases of this holder for another `ttl_s` seconds."""
        self._sign.keep_showing(connection)
        expires_at = connection.now() + timedelta(seconds=self.ttl_s)
        update = "UPDATE lease_holders SET expires_at = ? WHERE holder = ? RETURNING 1"
        if not connection.execute(update, [expires_at, self.id]).fetchall():
            row = {"holder": self.id, "expires_at": expires_at}
            insert_rows(connection, LEASE_HOLDERS, [row], unless_known=True)  # by another thread of this run

    def _free_dead_holders(self, connection: Connection) -> None:
        """End the leases of holders that have expired, or have died, which shows at once."""
        rows = connection.execute("SELECT holder, expires_at FROM lease_holders").fetchall()
        expires: dict[str, datetime] = dict(rows)
        now = connection.now()
        expired = {holder for holder, expires_at in expires.items() if expires_at <= now}
        renewed = {holder: expires_at - timedelta(seconds=self.ttl_s) for holder, expires_at in expires.items()}
        dead = (expired | self._sign.dead(connection, renewed)) - {self.id}
        if dead:
            connection.lock("lease_holders")
            self._forget(connection, list(dead))

    @staticmethod
    def _forget(connection: Connection, holders: list[str]) -> None:
        connection.execute("DELETE FROM enrichment_leases WHERE holder = ANY(?)", [holders])
        connection.execute("DELETE FROM lease_holders WHERE holder = ANY(?)", [holders])
