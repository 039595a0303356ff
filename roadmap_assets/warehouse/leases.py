"""Tables `enrichment_leases` and `lease_holders`: a key is leased before it is asked, so that two runs ask it once.

A lease ends with its holder. A holder is a run: it renews one row for all its keys, and while it lives it holds a
file lock beside the database, which the operating system releases even after `kill -9`. So the topics of a killed run
are free at once, and those of a frozen one when its lease expires.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from roadmap_assets.errors import WarehouseError, WarehouseUnwritable
from roadmap_assets.warehouse.base import KEYS, Column, Connection, Table, Warehouse
from roadmap_assets.warehouse.enrichments import answered_keys
from roadmap_assets.warehouse.rows import insert_rows, utc_now

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


@dataclass(frozen=True, slots=True)
class Claim:
    """Result of a claim: each key is in one of the three."""

    answered: frozenset[str]
    leased: frozenset[str]
    held: frozenset[str]


class LeaseHolder:
    """A run that leases keys, for as long as its `with` block lasts; leases it does not renew end after `ttl_s`."""

    def __init__(self, warehouse: Warehouse, *, ttl_s: float = 60.0) -> None:
        self.id = uuid.uuid4().hex
        self.ttl_s = ttl_s
        self._warehouse = warehouse
        self._folder = warehouse.path.with_name(f"{warehouse.path.name}.holders")
        self._lock = FileLock(self._folder / self.id, thread_local=False)

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except OSError as error:
            raise WarehouseUnwritable(
                f"cannot write beside the database into {self._folder}: {error.strerror}; set ROADMAP_DB to another "
                "place, or make room on its disk"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        # When the database cannot be opened now, releasing the lock frees the keys as well, and does not hide an
        # earlier error.
        with suppress(WarehouseError), self._warehouse.transaction() as connection:
            self._forget(connection, [self.id])
        self._lock.release()
        (self._folder / self.id).unlink(missing_ok=True)

    def claim(self, connection: Connection, keys: Iterable[str]) -> Claim:
        """Lease every key that is neither answered nor leased by another living holder."""
        self._free_dead_holders(connection)
        wanted = set(keys)
        answered = answered_keys(connection, wanted)
        query = f"SELECT key, holder FROM enrichment_leases WHERE key IN {KEYS}"
        holders: dict[str, str] = dict(connection.execute(query, [",".join(wanted - answered)]).fetchall())
        held = {key for key, holder in holders.items() if holder != self.id}
        free = sorted(wanted - answered - holders.keys())
        insert_rows(connection, ENRICHMENT_LEASES, ({"key": key, "holder": self.id} for key in free))
        self.renew(connection)
        return Claim(frozenset(answered), frozenset(wanted - answered - held), frozenset(held))

    def renew(self, connection: Connection) -> None:
        """Keep all leases of this holder for another `ttl_s` seconds."""
        connection.execute("DELETE FROM lease_holders WHERE holder = ?", [self.id])
        expires_at = utc_now() + timedelta(seconds=self.ttl_s)
        insert_rows(connection, LEASE_HOLDERS, [{"holder": self.id, "expires_at": expires_at}])

    def _free_dead_holders(self, connection: Connection) -> None:
        """End the leases of holders that have expired, or have died, which their free lock shows at once."""
        rows = connection.execute("SELECT holder, expires_at FROM lease_holders").fetchall()
        expires: dict[str, datetime] = dict(rows)
        files: set[str] = set()
        with suppress(FileNotFoundError):  # the folder was removed: then the database alone decides
            files = {entry.name for entry in os.scandir(self._folder)}
        # A holder that died before its first claim has left only a file; one whose file was removed lives by its row.
        expired = {holder for holder, expires_at in expires.items() if expires_at <= utc_now()}
        dead = (expired | {name for name in files if not _lives(self._folder / name)}) - {self.id}
        if dead:
            self._forget(connection, list(dead))

    @staticmethod
    def _forget(connection: Connection, holders: list[str]) -> None:
        connection.execute("DELETE FROM enrichment_leases WHERE holder = ANY(?)", [holders])
        connection.execute("DELETE FROM lease_holders WHERE holder = ANY(?)", [holders])


def _lives(lock_file: Path) -> bool:
    probe = FileLock(lock_file, timeout=0)
    try:
        probe.acquire()
    except (Timeout, FileNotFoundError):
        return True
    # In this order, so that a holder about to take the lock finds the file gone and creates a new one.
    lock_file.unlink(missing_ok=True)
    probe.release()
    return False
