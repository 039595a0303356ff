"""`roadmap-assets db`: the database as a whole."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmap_assets.cli import console
from roadmap_assets.cli.sources import open_warehouse
from roadmap_assets.errors import InvalidSetting, WarehouseUnreadable
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.base import Warehouse

if TYPE_CHECKING:
    from roadmap_assets.warehouse.copying import Copied


@click.group()
def db() -> None:
    """Show, copy or export the database (ROADMAP_DB)."""


@db.command()
def info() -> None:
    """Show where the database is and what it holds.

    Tables, the columns of ROADMAP_PROFILE and the functions of the quota are created where they are missing: in
    PostgreSQL, let the role that owns the tables run this first, and again with another profile or version.
    """
    from roadmap_assets.enrichment.access import Access
    from roadmap_assets.pipeline.publishing import add_profile_columns
    from roadmap_assets.warehouse.copying import count_rows
    from roadmap_assets.warehouse.migrations import MIGRATIONS

    settings = load_settings()
    warehouse, access = open_warehouse(settings), Access(settings, offline=settings.offline)
    add_profile_columns(warehouse=warehouse, access=access)
    with warehouse.transaction() as connection:
        counts = count_rows(connection)
    console.say(f"Database: {settings.db} ({warehouse.describe()})")
    with closing(access.open_limiter(access.model)):
        console.say(f"Quota: {settings.quota_address}")
    console.say(f"Migrations: {len(MIGRATIONS)}, up to date")
    for table, rows in counts.items():
        console.say(f"  {table}: {rows:,} rows")


@db.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(source: str, target: str) -> None:
    """Copy a database to another: FROM and TO are paths of DuckDB files or postgresql:// URLs.

    End all runs before. Both sides are compared afterwards, by the number of rows and a hash over them. A copy that
    was interrupted goes on where it was; any other database has to be empty. The state of the quota is not copied. Keep
    passwords off the command line, in PGPASSWORD or ~/.pgpass.

    roadmap-assets db copy .cache/enrichment.duckdb postgresql://owner@db.example.org/roadmaps
    """
    from roadmap_assets.warehouse.copying import copy_database

    copied_from, copied_to = _opened(source), _opened(target)
    if copied_from.name == copied_to.name:
        raise InvalidSetting("FROM and TO are the same database")
    _require(copied_from)
    copy_database(copied_from, copied_to, on_table=_say_copied)
    console.say(f"Copied: {copied_from.name} to {copied_to.name}, and compared")


@db.command()
@click.option("--parquet", "folder", metavar="DIR", type=click.Path(path_type=Path), required=True, help="The folder.")
def export(folder: Path) -> None:
    """Write each table to a Parquet file in DIR, for pandas, DuckDB, Spark and the like."""
    from roadmap_assets.exports.database import write_parquet_files

    warehouse = open_warehouse(load_settings())
    _require(warehouse)
    write_parquet_files(warehouse, folder, on_table=_say_copied)
    console.say(f"Written: {folder}")


def _opened(address: str) -> Warehouse:
    return open_warehouse(load_settings(db=address))


def _require(warehouse: Warehouse) -> None:
    if not warehouse.exists():
        raise WarehouseUnreadable(f"there is no database {warehouse.name}")


def _say_copied(table: Copied) -> None:
    console.say(f"  {table.table}: {table.rows:,} rows, {table.added:,} of them new, hash {table.digest[:12]}")
