"""Opening the DuckDB database safely across threads and processes.

A DuckDB file takes one writing process, and DuckDB 2.0 loses committed rows when processes take turns by retrying
`connect`. So every access takes an inter-process file lock of our own, opens, works and closes, and never spans a
network call: another process waits milliseconds, not the length of a request.

Opening means attaching the file to a DuckDB that this process keeps in memory: starting one anew for each access would
take three times as long as all the rest of it.
"""

from __future__ import annotations

import functools
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb
from filelock import FileLock, Timeout

from roadmap_assets.errors import WarehouseBusy, WarehouseUnreadable
from roadmap_assets.warehouse.schema import migrate

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NOTICE_AFTER_S = 1.0
_POLL_S = 0.02
_T = TypeVar("_T")


class Warehouse:
    """The database at `path`, created with its folder on first use.

    Cheap to make and safe to share between threads: it holds no connection. `on_wait` is told once per access, in a
    sentence, when the database is held by somebody else for longer than a second; after `wait_s` seconds we give up.
    """

    def __init__(self, path: Path, *, wait_s: float = 30.0, on_wait: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._wait_s = wait_s
        self._on_wait = on_wait

    @contextmanager
    def transaction(self) -> Iterator[DuckDBPyConnection]:
        """One transaction, committed when the block ends and rolled back when it raises.

        Raises:
            WarehouseBusy: another program holds the database.
            WarehouseUnreadable: the file is no DuckDB database, or was made by a newer version of this project.
        """
        deadline = time.monotonic() + self._wait_s
        self._make_folder()
        # A lock object of its own for each access keeps threads apart as well as processes.
        lock = FileLock(f"{self.path}.lock", timeout=0)
        self._patiently(lock.acquire, Timeout, deadline)
        try:
            with self._patiently(self._attached, _HeldByAnother, deadline) as connection:
                connection.begin()
                try:
                    migrate(connection, self.path)
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
        finally:
            lock.release()

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseUnreadable(
                f"cannot make the folder of the database {self.path}: {error.strerror}; set ROADMAP_DB elsewhere"
            ) from None

    def _attached(self) -> _Attached:
        # DuckDB takes an empty file for a broken one only after having touched it.
        if self.path.exists() and (self.path.is_dir() or self.path.stat().st_size == 0):
            raise WarehouseUnreadable(_NOT_OURS.format(path=self.path))
        try:
            return _Attached(self.path)
        except duckdb.Error as error:
            reason = str(error)
            if "Could not set lock" in reason:
                raise _HeldByAnother(reason) from None
            if "not a valid DuckDB database" in reason:
                raise WarehouseUnreadable(_NOT_OURS.format(path=self.path)) from None
            raise WarehouseUnreadable(
                f"cannot open the database {self.path}: {_first_line(reason)}; it was left untouched"
            ) from None

    def _patiently(self, attempt: Callable[[], _T], busy: type[Exception], deadline: float) -> _T:
        noticed_at = time.monotonic() + _NOTICE_AFTER_S
        while True:
            try:
                return attempt()
            except busy as error:
                holder = f" ({_holder(str(error))})" if isinstance(error, _HeldByAnother) else ""
                now = time.monotonic()
                if now >= deadline:
                    raise WarehouseBusy(
                        f"the database {self.path} is held by another program{holder} for more than "
                        f"{self._wait_s:g} s; end it or try again later"
                    ) from None
                if now >= noticed_at:
                    noticed_at = float("inf")
                    self._on_wait(f"Waiting for the database {self.path}, held by another program{holder} …")
                time.sleep(_POLL_S)


class _Attached:
    """A connection of its own to a database file; the file is let go of when the `with` block ends."""

    def __init__(self, path: Path) -> None:
        self._alias = f"file_{next(_numbers)}"
        self._connection = _duckdb_of(os.getpid()).cursor()
        file = str(path).replace("'", "''")
        self._connection.execute(f"ATTACH '{file}' AS {self._alias}")  # a file's name cannot be a parameter
        self._connection.execute(f"USE {self._alias}")

    def __enter__(self) -> DuckDBPyConnection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        try:
            self._connection.execute("USE memory")
            self._connection.execute(f"DETACH {self._alias}")
        except duckdb.Error:
            # After a fatal error, such as a full disk, nothing works any more but to start over.
            _duckdb_of.cache_clear()
            raise
        finally:
            self._connection.close()


_numbers = itertools.count()


@functools.cache
def _duckdb_of(pid: int) -> DuckDBPyConnection:  # noqa: ARG001 - a forked child must not use its parent's threads
    """This process's DuckDB, in memory. Without replacements, a table's name can never mean a Python variable."""
    return duckdb.connect(config={"python_enable_replacements": False})


class _HeldByAnother(Exception):
    """DuckDB's own lock is held by a program that does not know ours."""


_NOT_OURS = (
    "{path} is not a DuckDB database; it was left untouched. Set ROADMAP_DB to another file, or move this one away"
)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0]


def _holder(reason: str) -> str:
    """`python3.11 (PID 5292)`, from DuckDB's "Conflicting lock is held in … (PID …)"."""
    found = _first_line(reason).partition("held in ")[2].partition(" See also")[0].rstrip(". ")
    return found or "unknown"
