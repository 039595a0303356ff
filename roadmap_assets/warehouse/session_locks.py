"""The sign of life of a lease holder in PostgreSQL: a lock that its session holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.warehouse.base import Connection
from roadmap_assets.warehouse.postgres_connection import connect
from roadmap_assets.warehouse.postgres_errors import unavailable

_DEAD = """
SELECT holder FROM unnest(CAST(? AS VARCHAR[]), CAST(? AS TIMESTAMP[])) AS holders (holder, renewed_at)
WHERE pg_postmaster_start_time() AT TIME ZONE 'UTC' < renewed_at AND NOT EXISTS (
    SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (CAST(classid AS BIGINT) << 32 | CAST(objid AS BIGINT)) = hashtextextended(holder, 0)
)
"""
"""Holders whose session is over. After a restart of the server no holder has its lock until it renews its leases, so
the missing lock of one that has not done so says nothing: its leases end when they expire.
"""

_ATTEMPTS = 3


class SessionLock:
    """A `SignOfLife`: the server releases a session's locks within milliseconds after the process was killed.

    It takes a connection of its own, and a direct one: pgbouncer's transactions share sessions.
    """

    def __init__(self, url: PostgresUrl, holder: str) -> None:
        self._url = url
        self._holder = holder
        self._raw: psycopg.Connection[Any] | None = None

    def show(self) -> None:
        """See `SignOfLife`."""
        for attempts_left in range(_ATTEMPTS - 1, -1, -1):
            try:
                self._raw = connect(self._url)
                self._raw.execute("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", [self._holder])
            except psycopg.Error as error:
                lost = self._raw is not None and self._raw.closed
                if not (lost and attempts_left):
                    raise unavailable(self._url.name, error) from None
            else:
                return

    def hide(self, *, forgotten: bool) -> None:  # noqa: ARG002
        """See `SignOfLife`; the session ends in any case."""
        if self._raw:
            self._raw.close()

    def keep_showing(self, connection: Connection) -> None:  # noqa: ARG002
        """See `SignOfLife`."""
        try:
            if self._raw:
                self._raw.execute("SELECT 1")
        except psycopg.OperationalError:
            self.hide(forgotten=False)
            self.show()

    def dead(self, connection: Connection, renewed: Mapping[str, datetime]) -> set[str]:
        """See `SignOfLife`."""
        found = connection.execute(_DEAD, [list(renewed), list(renewed.values())]).fetchall() if renewed else []
        return {holder for (holder,) in found}
