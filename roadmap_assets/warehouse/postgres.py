"""A PostgreSQL database, for processes on several machines.

Transactions run side by side (READ COMMITTED): what is replaced as a whole is locked by name, what is added twice is
kept once. Idle connections are kept, since making one costs as much as some transactions.
"""

from __future__ import annotations

import atexit
import functools
import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import WarehouseInterrupted
from roadmap_assets.warehouse.base import Connection, SignOfLife
from roadmap_assets.warehouse.journal import Journal
from roadmap_assets.warehouse.migrations import migrate
from roadmap_assets.warehouse.postgres_connection import PostgresConnection, connect
from roadmap_assets.warehouse.postgres_errors import errors_explained, unavailable
from roadmap_assets.warehouse.session_locks import SessionLock

_IDLE_CONNECTIONS = 4
_NOTICE_AFTER_S = 1.0
_POLL_S = 0.1
_MIGRATING = "roadmap-assets migrations"


class Warehouse:
    """The PostgreSQL database at `url`; its tables are created on first use.

    `on_wait` is called with a sentence when the server has gone and is waited for. A server that this process has
    reached before is given `wait_s` seconds to come back, as one that is restarted does.
    """

    def __init__(
        self, url: PostgresUrl, *, wait_s: float = 30.0, on_wait: Callable[[str], None] = lambda _: None
    ) -> None:
        self.url = url
        self.journal = Journal(url.tables)
        self._wait_s = wait_s
        self._on_wait = on_wait

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self.url.name

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed when the block ends and rolled back when it raises.

        Raises:
            WarehouseUnavailable: there is no connection to the server; WarehouseInterrupted: it was lost.
            WarehouseUnreadable: the tables are not ours, or were made by a newer version of this project.
            WarehouseUnwritable: the database is read-only or full, or the role may not write.
            WarehouseBusy: another program holds a lock for too long.
        """
        with self._session() as raw, errors_explained(self.name, raw):
            if not _pool_of(os.getpid(), self.url).migrated:
                self._migrate(raw)
            with self._begun(raw) as connection:
                self.journal.take_in(connection)
                yield connection
            connection.committed()

    def exists(self) -> bool:
        """Whether the tables are there."""
        with self._session() as raw, errors_explained(self.name, raw):
            found = raw.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
            return bool(found and found[0])

    def describe(self) -> str:
        """The server's version and the size of the database."""
        query = "SELECT current_setting('server_version'), pg_database_size(current_database())"
        with self._session() as raw, errors_explained(self.name, raw):
            [(version, size)] = raw.execute(query).fetchall()
        return f"PostgreSQL {version}, {size / 2**20:.1f} MB"

    def require_room(self, *, answers: int) -> None:
        """The server's disk cannot be seen from here; what does not fit goes to the journal."""

    def series(self) -> AbstractContextManager[None]:
        """As any transactions: connections are kept open anyway."""
        return nullcontext()

    def sign_of_life(self, holder: str) -> SignOfLife:
        """A lock in the database."""
        return SessionLock(self.url, holder)

    def close(self) -> None:
        """Close the idle connections of this process."""
        _pool_of(os.getpid(), self.url).close()

    def _migrate(self, raw: psycopg.Connection[Any]) -> None:
        """Bring the tables up to date, one process after the other: the lock outlasts the transactions within."""
        raw.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", [_MIGRATING])
        try:
            with self._begun(raw) as connection:
                migrate(connection, self.name)
        finally:
            with suppress(psycopg.Error):
                raw.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [_MIGRATING])
        _pool_of(os.getpid(), self.url).migrated = True

    @contextmanager
    def _begun(self, raw: psycopg.Connection[Any]) -> Iterator[PostgresConnection]:
        raw.execute("BEGIN")
        try:
            yield PostgresConnection(raw)
            # A transaction in which a statement failed is rolled back by COMMIT, without an error.
            if raw.execute("COMMIT").statusmessage != "COMMIT":
                raise WarehouseInterrupted(f"the database {self.name} rolled a transaction back; run again")
        except BaseException:
            if not raw.closed and raw.info.transaction_status != TransactionStatus.IDLE:
                with suppress(psycopg.Error):
                    raw.execute("ROLLBACK")
            raise

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection that works, and is kept for the next transaction unless it is in an unknown state."""
        pool = _pool_of(os.getpid(), self.url)
        raw = pool.take() or self._connect(pool)
        try:
            yield raw
        finally:
            pool.give_back(raw)

    def _connect(self, pool: _Pool) -> psycopg.Connection[Any]:
        began, noticed = time.monotonic(), False
        while True:
            try:
                raw = connect(self.url, lock_timeout=f"{max(1, int(self._wait_s * 1000))}ms")
            except psycopg.Error as error:
                explained = unavailable(self.name, error)
            else:
                pool.has_connected = True
                return raw
            waited = time.monotonic() - began
            if waited >= self._wait_s or not _comes_back(str(explained), known=pool.has_connected):
                raise explained from None
            if waited >= _NOTICE_AFTER_S and not noticed:
                noticed = True
                self._on_wait(f"Waiting for the database {self.name} to come back …")
            time.sleep(_POLL_S)


def _comes_back(reason: str, *, known: bool) -> bool:
    """Whether a server is likely to let us in soon: it is starting, or was there before and does not refuse us."""
    return "starting up" in reason or (known and "authentication failed" not in reason)


class _Pool:
    """The idle connections of a process to a database. Safe to share between threads."""

    def __init__(self) -> None:
        self.has_connected = False
        self.migrated = False
        self._idle: list[psycopg.Connection[Any]] = []

    def take(self) -> psycopg.Connection[Any] | None:
        """An idle connection that still works, if there is one."""
        while True:
            try:
                raw = self._idle.pop()
            except IndexError:
                return None
            if not _has_news(raw):
                return raw
            raw.close()

    def give_back(self, raw: psycopg.Connection[Any]) -> None:
        usable = not raw.closed and raw.info.transaction_status == TransactionStatus.IDLE
        if usable and len(self._idle) < _IDLE_CONNECTIONS:
            self._idle.append(raw)
        else:
            raw.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _has_news(raw: psycopg.Connection[Any]) -> bool:
    """Whether the server has sent something of its own accord, as when it ends an idle session."""
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@functools.cache
def _pool_of(pid: int, url: PostgresUrl) -> _Pool:  # noqa: ARG001 - a forked child must not use its parent's sockets
    pool = _Pool()
    atexit.register(pool.close)
    return pool
