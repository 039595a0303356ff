"""A database file attached to a DuckDB that this process keeps in memory.

Starting a DuckDB for each access would take three times as long as everything else.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from roadmap_assets.warehouse.base import AfterCommit, Cursor
from roadmap_assets.warehouse.checkpoint import Checkpoints
from roadmap_assets.warehouse.dialect import Dialect, DuckDBDialect
from roadmap_assets.warehouse.rows import utc_now

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Attached:
    """A connection of its own to a database file; the file is let go of when the `with` block ends.

    A write-ahead log of at most `log_bytes` is then left beside the file.
    """

    def __init__(self, path: Path, *, log_bytes: int = 0) -> None:
        self._alias = f"file_{next(_numbers)}"
        self._connection = _duckdb_of(os.getpid()).cursor()
        file = str(path).replace("'", "''")  # a file's name cannot be a parameter
        # With its type said, DuckDB does not go to the network for an extension that reads a foreign format.
        self._connection.execute(f"ATTACH '{file}' AS {self._alias} (TYPE duckdb)")
        self._checkpoints = Checkpoints(self._connection, self._alias, path, log_bytes=log_bytes)
        self._connection.execute(f"USE {self._alias}")

    def __enter__(self) -> DuckDBPyConnection:
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._connection.execute("USE memory")
            self._checkpoints.make()
            self._connection.execute(f"DETACH {self._alias}")
        except duckdb.Error:
            # After a fatal error, such as a full disk, nothing works any more but to start over.
            _duckdb_of.cache_clear()
            if kind is None:  # else the first error says what was wrong
                raise
        finally:
            self._connection.close()
            self._checkpoints.close()


def start_duckdb() -> None:
    """Start this process's DuckDB unless it runs. Where pandas is installed this takes a second, as it is imported."""
    _duckdb_of(os.getpid())


_numbers = itertools.count()

_FORMAT_OF_NEW_FILES: Final = "v1.4.0"
"""The oldest DuckDB that can open them. Attaching takes a third of the time that it takes with the default, 1.0, and a
checkpoint half of it. A file that exists keeps its format."""


@functools.cache
def _duckdb_of(pid: int) -> DuckDBPyConnection:  # noqa: ARG001 - a forked child must not use its parent's threads
    """This process's DuckDB, in memory. Without replacements, a table's name can never mean a Python variable."""
    connection = duckdb.connect(
        config={"python_enable_replacements": False, "storage_compatibility_version": _FORMAT_OF_NEW_FILES}
    )
    for statement in Checkpoints.BY_US_ALONE:
        connection.execute(statement)
    connection.execute("SELECT ?", [0])  # DuckDB looks for pandas at the first parameter
    return connection


class DuckDBConnection(AfterCommit):
    """A `Connection` to DuckDB."""

    dialect: Dialect = DuckDBDialect()

    def __init__(self, raw: DuckDBPyConnection) -> None:
        super().__init__()
        self._raw = raw

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Cursor:
        """See `Connection`."""
        return self._raw.execute(sql, parameters)

    def restart(self) -> None:
        """See `Connection`."""
        self._raw.rollback()
        self._raw.begin()

    def lock(self, what: str) -> None:
        """See `Connection`."""

    def now(self) -> datetime:
        """See `Connection`."""
        return utc_now()
