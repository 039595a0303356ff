"""What databases spell differently; all other SQL is the same text for each of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

import duckdb


class Dialect(Protocol):
    """How a database spells what has no common spelling, and which of its errors mean what."""

    missing_table: type[Exception]
    """Raised for a table that does not exist."""

    foreign_table: tuple[type[Exception], ...]
    """Raised for a table that exists already or lacks a column: it belongs to another program."""

    def unpacked(self, columns: Mapping[str, str]) -> str:
        """A FROM item: the rows in a `?`, a JSON array of objects, as `columns` (name -> type)."""
        ...


class DuckDBDialect:
    """DuckDB's spelling."""

    missing_table: type[Exception] = duckdb.CatalogException
    foreign_table: tuple[type[Exception], ...] = (duckdb.CatalogException, duckdb.BinderException)

    def unpacked(self, columns: Mapping[str, str]) -> str:
        """See `Dialect`."""
        structure = json.dumps([dict(columns)], ensure_ascii=False).replace("'", "''")
        return f"(SELECT unnest(from_json(CAST(? AS JSON), '{structure}'), max_depth := 2))"
