"""Which database an address names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import MissingExtra
from roadmap_assets.warehouse.base import Warehouse


def open_warehouse(
    address: Path | PostgresUrl, *, wait_s: float = 30.0, on_wait: Callable[[str], None] = lambda _: None
) -> Warehouse:
    """The database at a path (DuckDB) or URL (PostgreSQL); see the two classes `Warehouse` for `wait_s` and `on_wait`.

    Raises MissingExtra for a URL when psycopg is not installed, which is imported for nothing else.
    """
    if isinstance(address, PostgresUrl):
        require_psycopg()
        from roadmap_assets.warehouse import postgres

        return postgres.Warehouse(address, wait_s=wait_s, on_wait=on_wait)
    from roadmap_assets.warehouse import duckdb

    return duckdb.Warehouse(address.absolute(), wait_s=wait_s, on_wait=on_wait)


def require_psycopg() -> None:
    """Raise MissingExtra unless psycopg can be used."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "a PostgreSQL database needs psycopg, which is not installed: pip install 'roadmap-assets[postgres]'"
        ) from None
