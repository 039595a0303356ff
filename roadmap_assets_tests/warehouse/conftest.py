from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.warehouse import duckdb
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.registry import open_warehouse


@pytest.fixture
def warehouse(database: Path | PostgresUrl) -> Warehouse:
    """An empty database, of each kind in turn."""
    return open_warehouse(database)


@pytest.fixture
def file(tmp_path: Path) -> duckdb.Warehouse:
    """An empty DuckDB database."""
    return duckdb.Warehouse(tmp_path / "enrichment.duckdb")
