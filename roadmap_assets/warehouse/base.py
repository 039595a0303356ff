"""What the table modules share: a table's description, and the connection they work on.

A table is described once, in its own module: DDL, inserts, the catalogue's columns and `docs/tables.md` come from that
description. All SQL here keeps to what DuckDB and PostgreSQL both understand; what they spell differently is in
`dialect`. Never write `SEMI` or `ANTI` joins: PostgreSQL reads the two words as names of tables and returns other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

from roadmap_assets.warehouse.dialect import Dialect

KEYS = "(SELECT unnest(string_to_array(CAST(? AS VARCHAR), ',')))"
"""The keys in one comma-separated parameter, as in `WHERE key IN {KEYS}`; for hex digests and the like.

DuckDB splits it at four times the speed of a list parameter.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type as DDL spells it, and its meaning as the catalogue shows it."""

    name: str
    type: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `meaning` says what one row is, `key` which columns identify it.

    In DuckDB the key is no constraint: every writer is alone behind the lock and replaces rows or checks for them,
    scans of whole columns beat an index in our set-based access, and an index can be stale after a crash.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def types(self) -> dict[str, str]:
        """Each column's type."""
        return {column.name: column.type for column in self.columns}

    def with_columns(self, columns: Sequence[Column]) -> Self:
        """The table with more columns at its end."""
        return replace(self, columns=(*self.columns, *columns))


class Cursor(Protocol):
    """The result of a statement."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        ...


class Connection(Protocol):
    """An open transaction."""

    dialect: Dialect

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Cursor:
        """Run one statement; each `?` is a parameter."""
        ...

    def restart(self) -> None:
        """Begin again after a statement that failed, which aborts a transaction."""


class Warehouse(Protocol):
    """A database."""

    path: Path

    def transaction(self) -> AbstractContextManager[Connection]:
        """One transaction, committed when the block ends and rolled back when it raises."""
        ...


def one_row(cursor: Cursor) -> tuple[Any, ...]:
    """The row of a query that always has one, such as an aggregate over a whole table."""
    row = cursor.fetchone()
    assert row is not None
    return row
