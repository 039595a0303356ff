"""The quota's state in one SQLite file, shared by all processes of a machine.

Each step is one ``BEGIN IMMEDIATE`` transaction, so that requests, tokens, day, pacing and pause are decided together.
The write-ahead log needs no sync to disk for it, and the operating system frees a killed process's lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from roadmap_assets.enrichment.clock import Clock
from roadmap_assets.enrichment.limiter.base import (
    Limits,
    Permit,
    QuotaState,
    Standing,
    Wait,
    decide,
    next_reset,
    seconds_until_sent,
)
from roadmap_assets.errors import InvalidSetting, QuotaUnavailable

RECHECK_S = 1.0  # others may correct their tokens downwards, and free a permit sooner than was foreseen
APPLICATION_ID = 0x524D5155  # "RMQU", in the file's header: this schema, and no other program's file

SCHEMA = (
    """CREATE TABLE scopes (scope TEXT PRIMARY KEY, seen_at REAL NOT NULL, paused_until REAL NOT NULL,
        day_ends REAL NOT NULL, requests_today INTEGER NOT NULL, day_closed INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE permits (id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, granted_at REAL NOT NULL,
        input_tokens INTEGER NOT NULL)""",
    "CREATE INDEX permits_by_time ON permits (scope, granted_at, input_tokens)",
    f"PRAGMA application_id = {APPLICATION_ID}",
)


class SqliteLimiter:
    """A ``quota.Limiter`` over one SQLite file; each process opens its own, and uses it in one thread.

    ``scope`` tells quotas apart within the file, such as models and keys; it is stored as it stands, so no key itself.
    A process that is killed leaves neither a lock nor half a decision; its permits leave the window by themselves.
    A transaction takes a fraction of a millisecond: who waits for ``lock_timeout_s`` has met a stopped process.
    """

    def __init__(self, path: Path, *, limits: Limits, scope: str, clock: Clock, lock_timeout_s: float = 30.0) -> None:
        self.limits = limits
        self._path = path
        self._scope = scope
        self._clock = clock
        self._db = _open(path, lock_timeout_s)

    def try_acquire(self, *, input_tokens: int) -> Permit | Wait:
        with self._transaction() as (now, standing):
            with closing(self._newest()) as permits:
                wait = decide(permits, standing, self.limits, input_tokens=input_tokens, now=now)
            if wait is not None:
                return wait
            self._save(replace(standing, seen_at=now, requests_today=standing.requests_today + 1))
            expired = (self._scope, now - self.limits.span_s)
            self._db.execute("DELETE FROM permits WHERE scope = ? AND granted_at < ?", expired)
            insert = "INSERT INTO permits (scope, granted_at, input_tokens) VALUES (?, ?, ?)"
            permit_id = self._db.execute(insert, (self._scope, now, input_tokens)).lastrowid
            assert permit_id is not None
            return Permit(permit_id, now, input_tokens)

    async def acquire(self, *, input_tokens: int, on_wait: Callable[[Wait], None] | None = None) -> Permit:
        while isinstance(answer := self.try_acquire(input_tokens=input_tokens), Wait):
            if on_wait is not None:
                on_wait(answer)
            await self._clock.sleep(min(answer.seconds, RECHECK_S))
        return answer

    def settle(self, permit: Permit, *, input_tokens: int) -> None:
        if input_tokens != permit.input_tokens:
            with self._transaction():
                self._db.execute("UPDATE permits SET input_tokens = ? WHERE id = ?", (input_tokens, permit.id))

    def pause(self, seconds: float) -> None:
        with self._transaction() as (now, standing):
            self._save(replace(standing, seen_at=now, paused_until=max(standing.paused_until, now + seconds)))

    def close_day(self, *, permit: Permit | None = None) -> datetime:
        with self._transaction() as (now, standing):
            until = next_reset(now if permit is None else permit.granted_at)
            if now < until.timestamp():
                self._save(replace(standing, seen_at=now, day_closed=1 + self.limits.rpd))
            return until

    def reset(self) -> None:
        with self._transaction() as (now, standing):
            self._save(replace(standing, seen_at=now, paused_until=0.0, requests_today=0, day_closed=0))

    def state(self) -> QuotaState:
        with self._transaction() as (now, standing):
            window = [tokens for granted_at, tokens in self._newest() if now < granted_at + self.limits.span_s]
            paused = now < standing.paused_until
            return QuotaState(
                requests_in_window=len(window),
                tokens_in_window=sum(window),
                requests_today=standing.requests_today,
                paused_until=datetime.fromtimestamp(standing.paused_until, UTC) if paused else None,
                day_closed_until=standing.closed_until(self.limits),
            )

    def forecast(self, calls: int) -> float:
        with self._transaction() as (now, standing):
            granted_at = [at for at, _ in self._newest()]
            return seconds_until_sent(calls, granted_at, standing, self.limits, now=now)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[tuple[float, Standing]]:
        """One step that no other process comes between. The time is read under the lock: it orders the steps."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._bring_up_to_date()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as error:
            raise QuotaUnavailable(
                f"the quota shared through {self._path} cannot be kept: {error}; "
                "see that the disk is not full and that no stopped process holds the file"
            ) from error

    def _bring_up_to_date(self) -> tuple[float, Standing]:
        now = self._clock.time()
        stored = self._load()
        standing = stored.at(now)
        if now < stored.seen_at:
            # The clock was set back: permits left in its future would count until it is there again.
            shift = "UPDATE permits SET granted_at = granted_at - ? WHERE scope = ?"
            self._db.execute(shift, (stored.seen_at - now, self._scope))
            self._save(standing)
        return now, standing

    def _load(self) -> Standing:
        columns = "SELECT seen_at, paused_until, day_ends, requests_today, day_closed FROM scopes WHERE scope = ?"
        row = self._db.execute(columns, (self._scope,)).fetchone()
        return Standing(*row) if row else Standing()

    def _save(self, standing: Standing) -> None:
        # Not astuple, which copies deeply and would take as long as the statement.
        values = (getattr(standing, field.name) for field in fields(Standing))
        self._db.execute("INSERT OR REPLACE INTO scopes VALUES (?, ?, ?, ?, ?, ?)", (self._scope, *values))

    def _newest(self) -> sqlite3.Cursor:
        newest = "SELECT granted_at, input_tokens FROM permits WHERE scope = ? ORDER BY granted_at DESC"
        return self._db.execute(newest, (self._scope,))


def _open(path: Path, lock_timeout_s: float) -> sqlite3.Connection:
    """Open or create the file. Raises InvalidSetting when it is none of ours, which leaves it untouched."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=lock_timeout_s, isolation_level=None)
        try:
            _prepare(db, give_up_at=monotonic() + lock_timeout_s)
        except BaseException:
            db.close()
            raise
    except (OSError, sqlite3.Error) as error:
        if _is_busy(error):
            raise QuotaUnavailable(f"{path} stays locked; see that no stopped process holds it") from error
        raise InvalidSetting(
            f"{path} cannot hold the shared quota: {error}; name another file in ROADMAP_QUOTA_URL"
        ) from error
    return db


def _prepare(db: sqlite3.Connection, *, give_up_at: float) -> None:
    """Bring the file into shape. SQLite does not wait for its lock while another process turns on the log, so we do."""
    while True:
        try:
            with db:
                _create_tables(db)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or monotonic() >= give_up_at:
                raise
            sleep(0.01)
        else:
            return


def _create_tables(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        for statement in SCHEMA:
            db.execute(statement)
    elif db.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise sqlite3.DatabaseError("it is another program's database")


def _is_busy(error: Exception) -> bool:
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return int(extended) & 0xFF == sqlite3.SQLITE_BUSY
