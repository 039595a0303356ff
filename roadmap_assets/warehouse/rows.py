"""Rows of a table in and out, set-based; how a database takes many at once is in `dialect`."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, TypeVar

from roadmap_assets.warehouse.base import Connection, Table
from roadmap_assets.warehouse.dialect import quoted

_T = TypeVar("_T")

ROWS_A_STATEMENT: Final = 1_000
"""DuckDB takes ten times the size of the rows that it unpacks."""

KEYS_A_QUERY: Final = 100_000
MOST_QUERIES: Final = 5


def parts_of(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The items in lists of at most `size`."""
    left = iter(items)
    while part := list(islice(left, size)):
        yield part


def parts_to_query(keys: Collection[str]) -> Iterator[list[str]]:
    """The keys of each query, where there may be any number: `KEYS_A_QUERY`, or more, for `MOST_QUERIES` at most.

    A query takes half a kilobyte of memory for each of its keys, which speaks for small ones; and it reads the whole
    table, which speaks for few.
    """
    return parts_of(keys, max(KEYS_A_QUERY, math.ceil(len(keys) / MOST_QUERIES)))


def create(connection: Connection, table: Table) -> None:
    """Create `table` as described."""
    spelled = connection.dialect.spelled
    columns = ", ".join(
        f"{quoted(column.name)} {spelled(column.type)}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    )
    if table.key and connection.dialect.primary_keys:
        columns += f", PRIMARY KEY ({', '.join(map(quoted, table.key))})"
    connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns})")


def columns_of(connection: Connection, table: str) -> list[tuple[str, str, bool]]:
    """(name, type, nullable) of each column that `table` has in this database, in order."""
    rows = connection.execute(connection.dialect.columns_of(table)).fetchall()
    return [(name, connection.dialect.described(kind), nullable == "YES") for name, kind, nullable in rows]


def insert_rows(
    connection: Connection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    unless_known: bool = False,
) -> None:
    """Insert `rows` (column name -> value); a column that a row does not have is null.

    Values are what JSON can hold, or times. `unless_known` leaves out a row whose key another transaction has stored in
    the meantime.
    """
    names = ", ".join(map(quoted, table.types))
    for some in parts_of(rows, ROWS_A_STATEMENT):
        source, parameters = connection.dialect.unpacked(table.types, some)
        insert = f"INSERT INTO {quoted(table.name)} ({names}) SELECT {names} FROM {source}"
        insert += connection.dialect.unless_known if unless_known else ""
        connection.execute(insert, parameters)


def utc_now() -> datetime:
    """The present as the tables hold it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
