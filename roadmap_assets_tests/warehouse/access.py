"""The smallest accesses to a database, and programs that hold one until they read a line."""

from __future__ import annotations

from roadmap_assets.warehouse.duckdb import Warehouse

HOLD_AS_A_STRANGER = """
import duckdb, sys

connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
connection.close()
"""

HOLD_AS_ONE_OF_US = """
import sys
from pathlib import Path
from roadmap_assets.warehouse.duckdb import Warehouse

with Warehouse(Path(sys.argv[1])).transaction() as connection:
    connection.execute("INSERT INTO source_listings VALUES ('theirs', '', '', now()::TIMESTAMP)")
    print("open", flush=True)
    sys.stdin.readline()
"""


HOLD_A_TABLE = """
import psycopg, sys

with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("LOCK TABLE enrichments")
    print("open", flush=True)
    sys.stdin.readline()
"""


def insert(warehouse: Warehouse, source: str) -> None:
    with warehouse.transaction() as connection:
        connection.execute("INSERT INTO source_listings VALUES (?, '', '', now()::TIMESTAMP)", [source])


def count(warehouse: Warehouse) -> int:
    with warehouse.transaction() as connection:
        found = connection.execute("SELECT count(*) FROM source_listings").fetchone()
    assert found is not None
    return int(found[0])
