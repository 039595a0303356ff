"""Rows that a table takes, alone and among others."""

from __future__ import annotations

from datetime import datetime

import pytest

from roadmap_assets.warehouse.base import Column, Table, Warehouse
from roadmap_assets.warehouse.rows import create, insert_rows

TABLE = Table(
    "some_values",
    "",
    ("number",),
    (
        Column("number", "INTEGER", ""),
        Column("text", "VARCHAR", "", nullable=True),
        Column('a "list"', "JSON", "", nullable=True),
        Column("share", "DOUBLE", "", nullable=True),
        Column("count", "BIGINT", "", nullable=True),
        Column("is_so", "BOOLEAN", "", nullable=True),
        Column("at", "TIMESTAMP", "", nullable=True),
    ),
)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"text": ""},
        {"text": 'it\'s "so"\n\\n \u2028 😀 {"a": [1]} NULL'},
        {"text": "half a pair: \ud83d, and a NUL: \0"},
        {"text": "x" * 5_000_000},
        {"text": ["no", "text"]},
        {'a "list"': ["a", {"b": None, "ö": 1.5}]},
        {'a "list"': {}},
        {'a "list"': "a text"},
        {"share": 0.1},
        {"share": 1},
        {"count": 2**62, "is_so": False},
        {"is_so": True},
        {"at": datetime.fromisoformat("2026-11-29T23:59:59.123456")},
    ],
    ids=lambda values: str(values)[:40],
)
def test_a_row_alone_is_stored_as_among_others(warehouse: Warehouse, values: dict[str, object]) -> None:
    with warehouse.transaction() as connection:
        create(connection, TABLE)
        insert_rows(connection, TABLE, [{"number": 0, **values}])
        insert_rows(connection, TABLE, [{"number": 1, **values}, {"number": 2, **values}])
        alone, *others = connection.execute("SELECT * FROM some_values ORDER BY number").fetchall()
    assert {row[1:] for row in others} == {alone[1:]}
