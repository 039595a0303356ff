"""The SQLite file of a quota: its tables, and transactions that wait for each other."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from roadmap_assets.errors import InvalidSetting, QuotaUnavailable

APPLICATION_ID = 0x524D5155  # "RMQU", in the file's header: our file, and not another program's

MIGRATIONS = (
    (
        """CREATE TABLE scopes (scope TEXT PRIMARY KEY, seen_at REAL NOT NULL, paused_until REAL NOT NULL,
            day_ends REAL NOT NULL, requests_today INTEGER NOT NULL, day_closed INTEGER NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE permits (id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, granted_at REAL NOT NULL,
            input_tokens INTEGER NOT NULL)""",
        "CREATE INDEX permits_by_time ON permits (scope, granted_at, input_tokens)",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ),
    (  # Times become monotonic. Existing ones are unix seconds: readings of a boot whose monotonic clock was that.
        "ALTER TABLE scopes RENAME COLUMN seen_at TO wall",
        "ALTER TABLE scopes ADD COLUMN monotonic REAL NOT NULL DEFAULT 0",
        "ALTER TABLE scopes ADD COLUMN boot TEXT NOT NULL DEFAULT 'wall clock'",
        "ALTER TABLE scopes ADD COLUMN day_lasts_until REAL NOT NULL DEFAULT 0",
        "UPDATE scopes SET monotonic = wall, day_lasts_until = day_ends",
        "ALTER TABLE permits ADD COLUMN requests INTEGER NOT NULL DEFAULT 1",
        "DROP INDEX permits_by_time",
        "CREATE INDEX permits_by_time ON permits (scope, granted_at, requests, input_tokens)",
    ),
)
"""The statements that lead from each version of the file to the next; ``PRAGMA user_version`` says which it has."""


class QuotaFile:
    """An open quota file. Raises InvalidSetting when it is not one, and leaves it untouched."""

    def __init__(self, path: Path, *, lock_timeout_s: float) -> None:
        self._path = path
        self._lock_timeout_s = lock_timeout_s
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # SQLite's own waiting backs off to 100 ms and lets one process starve; see _retry_while_busy.
            self.db = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                self._retry_while_busy(self._prepare)
            except BaseException:
                self.db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            if _is_busy(error):
                raise QuotaUnavailable(f"{path} stays locked; check that no suspended process holds it") from error
            raise InvalidSetting(
                f"{path} cannot hold the shared quota: {error}; name another file in ROADMAP_QUOTA_URL"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One step that no other process comes between."""
        try:
            self._retry_while_busy(lambda: self.db.execute("BEGIN IMMEDIATE"))
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as error:
            raise QuotaUnavailable(
                f"the quota shared through {self._path} cannot be kept: {error}; "
                "check that the disk is not full and that no suspended process holds the file"
            ) from error

    def close(self) -> None:
        self.db.close()

    def _retry_while_busy(self, action: Callable[[], object]) -> None:
        """Every process that waits tries equally often, at random moments, so each has the same chance to be next."""
        give_up_at = monotonic() + self._lock_timeout_s
        while True:
            try:
                action()
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or monotonic() >= give_up_at:
                    raise
                sleep(random.uniform(0.0002, 0.001))  # noqa: S311  # no secret
            else:
                return

    def _prepare(self) -> None:
        with self.db:
            self._migrate()
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")

    def _migrate(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        version = self._pragma("user_version")
        if self._pragma("application_id") == APPLICATION_ID:
            version = version or 1  # the first version did not write its number down
        elif self.db.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            raise sqlite3.DatabaseError("it is another program's database")
        if version > len(MIGRATIONS):
            raise sqlite3.DatabaseError("a newer version of roadmap-assets wrote it")
        if version < len(MIGRATIONS):
            for statement in (statement for step in MIGRATIONS[version:] for statement in step):
                self.db.execute(statement)
            self.db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _pragma(self, name: str) -> int:
        [(value,)] = self.db.execute(f"PRAGMA {name}").fetchall()
        return int(value)


def _is_busy(error: Exception) -> bool:
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return int(extended) & 0xFF == sqlite3.SQLITE_BUSY
