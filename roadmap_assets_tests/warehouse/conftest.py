from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets.warehouse.duckdb import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "enrichment.duckdb")
