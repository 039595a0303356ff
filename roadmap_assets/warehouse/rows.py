"""Rows of a table in and out, set-based.

A statement per row costs about a millisecond in DuckDB; one JSON parameter that the database unpacks itself costs some
microseconds a row, and keeps every value a parameter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from roadmap_assets.warehouse.base import Connection, Table


def quoted(identifier: str) -> str:
    """An identifier as SQL takes it, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def create(connection: Connection, table: Table) -> None:
    """Create `table` as described."""
    columns = ", ".join(
        f"{quoted(column.name)} {column.type}{'' if column.nullable else ' NOT NULL'}" for column in table.columns
    )
    connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns})")


def columns_of(connection: Connection, table: str) -> list[tuple[str, str, bool]]:
    """(name, type, nullable) of each column that `table` has in this database, in order."""
    query = (
        "SELECT column_name, data_type, is_nullable = 'YES' FROM information_schema.columns WHERE table_name = ? "
        "AND table_catalog = current_database() AND table_schema = current_schema() ORDER BY ordinal_position"
    )
    return [(name, kind, nullable) for name, kind, nullable in connection.execute(query, [table]).fetchall()]


def insert_rows(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert `rows` (column name -> value); a column that a row does not have is null.

    Values are what JSON can hold, or times. Half of a surrogate pair, which is no text and which databases refuse,
    becomes a question mark.
    """
    names = ", ".join(map(quoted, table.types))
    connection.execute(
        f"INSERT INTO {quoted(table.name)} ({names}) SELECT {names} FROM {connection.dialect.unpacked(table.types)}",
        [json.dumps(list(rows), ensure_ascii=False, default=datetime.isoformat).encode(errors="replace").decode()],
    )


def utc_now() -> datetime:
    """The present as the tables hold it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
