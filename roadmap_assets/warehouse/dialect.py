"""What databases spell differently; all other SQL is the same text for each of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import duckdb
from msgspec import to_builtins
from msgspec.json import encode


class Dialect(Protocol):
    """How a database spells what has no common spelling, and which of its errors mean what."""

    missing_table: type[Exception]
    """Raised for a table that does not exist."""

    foreign_table: tuple[type[Exception], ...]
    """Raised for a table that exists already or lacks a column: it belongs to another program."""

    primary_keys: bool
    """Whether tables have their key as a constraint."""

    unless_known: str
    """At the end of an INSERT: a row whose key the table has is left out; '' where a transaction is alone anyway."""

    def unpacked(self, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> tuple[str, list[object]]:
        """A FROM item with these `columns` (name -> type) of the rows, and its parameters."""
        ...

    def spelled(self, kind: str) -> str:
        """A type of our tables' descriptions as the database spells it."""
        ...

    def described(self, kind: str) -> str:
        """A type as our tables' descriptions spell it, from the way the database reports it."""
        ...

    def columns_of(self, table: str) -> str:
        """A query for the columns of a table of ours, in order: their names, types, and 'YES' where null is allowed."""
        ...


class DuckDBDialect:
    """DuckDB's spelling.

    A statement per row costs about a millisecond; one JSON parameter that DuckDB unpacks itself costs some microseconds
    a row, and keeps every value a parameter. A single row, which may hold a document of megabytes, is not packed.
    """

    missing_table: type[Exception] = duckdb.CatalogException
    foreign_table: tuple[type[Exception], ...] = (duckdb.CatalogException, duckdb.BinderException)
    primary_keys = False
    unless_known = ""

    def unpacked(self, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> tuple[str, list[object]]:
        """See `Dialect`."""
        listed = list(rows)
        if len(listed) == 1:
            cells = ", ".join(f"CAST(? AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
            return f"(SELECT {cells})", [cell(listed[0].get(name), kind) for name, kind in columns.items()]
        structure = json.dumps(dict(columns), ensure_ascii=False).replace("'", "''")
        # Row by row: the whole list read at once and unnested takes up to four times as long and twice the memory.
        return f"(SELECT unnest(from_json(value, '{structure}')) FROM json_each(CAST(? AS JSON)))", [as_json(listed)]

    def spelled(self, kind: str) -> str:
        """See `Dialect`."""
        return kind

    def described(self, kind: str) -> str:
        """See `Dialect`."""
        return kind

    def columns_of(self, table: str) -> str:
        """See `Dialect`. The view information_schema.columns takes twenty times as long."""
        return f'SELECT column_name, column_type, "null" FROM (DESCRIBE {table})'


def quoted(identifier: str) -> str:
    """An identifier as SQL takes it, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def cell(value: Any, kind: str) -> object:
    """A value as a column of this type takes it."""
    if value is None:
        return None
    if kind == "JSON":
        return as_json(value)
    if kind == "VARCHAR":
        return as_text(value) if isinstance(value, str) else as_json(value)
    return float(value) if kind == "DOUBLE" else value


def as_json(value: object) -> str:
    """JSON of what JSON can hold, and times.

    Half of a surrogate pair, which is no text and which databases refuse, becomes a question mark.
    """
    try:
        return encode(value).decode()
    except UnicodeEncodeError:
        return as_text(json.dumps(to_builtins(value), ensure_ascii=False))


def as_text(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair."""
    return text.encode(errors="replace").decode()
