"""Copying a whole database into another, of the same kind or not.

A table is copied in pages of its key's order, a transaction each, and both sides are compared at the end: the number of
rows, and a hash over all of them. A copy that was interrupted goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import Struct

from roadmap_assets.errors import WarehouseUnwritable
from roadmap_assets.warehouse.base import Column, Connection, Table, Warehouse, in_transaction, one_row
from roadmap_assets.warehouse.dialect import quoted
from roadmap_assets.warehouse.leases import ENRICHMENT_LEASES, LEASE_HOLDERS
from roadmap_assets.warehouse.published import PUBLICATION, SIMULATION, add_columns
from roadmap_assets.warehouse.rows import columns_of, insert_rows
from roadmap_assets.warehouse.schema import SCHEMA_MIGRATIONS, TABLES

_PAGE_ROWS = 5_000
_OF_THE_DATABASE = (ENRICHMENT_LEASES, LEASE_HOLDERS, SCHEMA_MIGRATIONS)
"""What says something about a database, and means nothing in another."""

COPIED = tuple(table for table in TABLES if table not in _OF_THE_DATABASE)

Row = dict[str, Any]


class Copied(Struct, frozen=True):
    """A table that is the same on both sides now; `added` of its `rows` were not there before."""

    table: str
    rows: int
    added: int
    digest: str


def copy_database(source: Warehouse, target: Warehouse, *, on_table: Callable[[Copied], None]) -> None:
    """Copy all tables; `on_table` is called for each that is copied and compared.

    `target` has to be empty, or a copy of `source` that was interrupted; nothing may write to either in the meantime.

    Raises:
        WarehouseUnwritable: the two differ afterwards, since the target has other rows. It keeps what was copied.
        WarehouseError: as `Warehouse.transaction`.
    """
    for described in COPIED:
        with source.transaction() as connection:
            table = _as_stored(connection, described)
        in_transaction(target, partial(_add_columns_of_profiles, table=table))
        keys = Table(table.name, "", table.key, tuple(column for column in table.columns if column.name in table.key))
        known = {_key(row, table) for page in pages(target, keys) for row in page}
        rows, added, digest = 0, 0, 0
        for page in pages(source, table):
            missing = [row for row in page if _key(row, table) not in known]
            if missing:
                in_transaction(target, partial(_insert, table=table, rows=missing))
            rows, added, digest = rows + len(page), added + len(missing), _add(digest, page, table)
        found_rows, found = 0, 0
        for page in pages(target, table):
            found_rows, found = found_rows + len(page), _add(found, page, table)
        if (found_rows, found) != (rows, digest):
            raise WarehouseUnwritable(
                f"the table {table.name} of {target.name} is not that of {source.name} after copying ({found_rows:,} "
                f"rows and {rows:,}): end all runs, and copy into an empty database"
            )
        on_table(Copied(table.name, rows, added, f"{digest:032x}"))


def count_rows(connection: Connection) -> dict[str, int]:
    """table -> number of its rows."""
    query = "SELECT count(*) FROM {}"
    return {table.name: int(one_row(connection.execute(query.format(table.name)))[0]) for table in COPIED}


def pages(warehouse: Warehouse, table: Table) -> Iterator[list[Row]]:
    """All rows in the order of their keys; JSON is parsed."""
    names, key = list(table.types), ", ".join(map(quoted, table.key))
    after: str = ""
    last: list[object] = []
    while True:
        columns = ", ".join(map(quoted, names))
        query = f"SELECT {columns} FROM {table.name} {after} ORDER BY {key} LIMIT {_PAGE_ROWS}"
        found = in_transaction(warehouse, partial(_fetch, query=query, parameters=last))
        if found:
            yield [_parsed(dict(zip(names, row, strict=True)), table) for row in found]
        if len(found) < _PAGE_ROWS:
            return
        after = f"WHERE ({key}) > ({', '.join('?' for _ in table.key)})"
        last = [found[-1][names.index(name)] for name in table.key]


def _fetch(connection: Connection, query: str, parameters: list[object]) -> list[tuple[Any, ...]]:
    return connection.execute(query, parameters).fetchall()


def _as_stored(connection: Connection, described: Table) -> Table:
    """The table with the columns that it has in this database; profiles add some."""
    columns = columns_of(connection, described.name)
    stored = tuple(Column(name, kind, "", nullable=nullable) for name, kind, nullable in columns)
    return Table(described.name, "", described.key, stored)


def _add_columns_of_profiles(connection: Connection, table: Table) -> None:
    for published in (PUBLICATION, SIMULATION):
        if table.name == published.name:
            add_columns(connection, published, {n: kind for n, kind in table.types.items() if n not in published.types})


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    """A transaction that was repeated although it had been committed adds nothing."""
    insert_rows(connection, table, rows, unless_known=True)


def _key(row: Row, table: Table) -> tuple[object, ...]:
    return tuple(row[name] for name in table.key)


def _parsed(row: Row, table: Table) -> Row:
    """The row as `insert_rows` takes it."""
    for name, kind in table.types.items():
        if kind == "JSON" and row[name] is not None:
            row[name] = json.loads(row[name])
    return row


def _add(digest: int, rows: Iterable[Row], table: Table) -> int:
    """A hash over rows in whatever order, with more rows. A NUL counts as what PostgreSQL keeps of it."""
    texts = [name for name, kind in table.types.items() if kind == "VARCHAR"]
    for row in rows:
        kept = row | {name: row[name].replace("\0", "\ufffd") for name in texts if row[name] is not None}
        text = json.dumps(kept, sort_keys=True, default=datetime.isoformat)
        digest += int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])
    return digest % 2**128
