"""The tables, and how a database of any earlier version becomes one of today's.

Times are TIMESTAMP in UTC. There are no primary keys or indexes: every writer is alone behind the lock and replaces
or anti-joins, whole-column scans beat index look-ups for our set-based access, and a DuckDB index can be stale after
a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from roadmap_assets.errors import WarehouseUnreadable
from roadmap_assets.warehouse.rows import quoted, utc_now

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def _create_tables(connection: DuckDBPyConnection) -> None:
    connection.execute("""
        CREATE TABLE raw_roadmaps (
            roadmap VARCHAR NOT NULL, document VARCHAR NOT NULL, version VARCHAR NOT NULL, origin VARCHAR NOT NULL,
            source VARCHAR NOT NULL, fetched_at TIMESTAMP NOT NULL, vanished_at TIMESTAMP);
        CREATE TABLE raw_contents (
            roadmap VARCHAR NOT NULL, topic_id VARCHAR NOT NULL, file VARCHAR NOT NULL, sha VARCHAR NOT NULL,
            markdown VARCHAR NOT NULL);
        CREATE TABLE source_listings (
            source VARCHAR NOT NULL, etag VARCHAR NOT NULL, body VARCHAR NOT NULL, fetched_at TIMESTAMP NOT NULL);
        CREATE TABLE parsed_roadmaps (
            roadmap VARCHAR NOT NULL, title VARCHAR NOT NULL, version VARCHAR NOT NULL, parser VARCHAR NOT NULL,
            counts JSON NOT NULL);
        CREATE TABLE topics (
            roadmap VARCHAR NOT NULL, topic_id VARCHAR NOT NULL, position INTEGER NOT NULL, topic VARCHAR NOT NULL,
            category VARCHAR NOT NULL, subcategory VARCHAR NOT NULL, parent VARCHAR NOT NULL,
            parent_topic VARCHAR NOT NULL, path VARCHAR[] NOT NULL, description VARCHAR NOT NULL,
            resources STRUCT(title VARCHAR, url VARCHAR, type VARCHAR)[] NOT NULL);
        CREATE TABLE enrichments (
            key VARCHAR NOT NULL, topic VARCHAR NOT NULL, answer JSON NOT NULL, profile VARCHAR NOT NULL,
            fingerprint VARCHAR NOT NULL, model VARCHAR NOT NULL, model_version VARCHAR NOT NULL,
            call_id VARCHAR NOT NULL, answered_at TIMESTAMP NOT NULL);
        CREATE TABLE enrichment_failures (
            key VARCHAR NOT NULL, topic VARCHAR NOT NULL, profile VARCHAR NOT NULL, model VARCHAR NOT NULL,
            reason VARCHAR NOT NULL, last_error VARCHAR NOT NULL, attempts INTEGER NOT NULL, runs INTEGER NOT NULL,
            failed_at TIMESTAMP NOT NULL);
        CREATE TABLE enrichment_leases (key VARCHAR NOT NULL, holder VARCHAR NOT NULL);
        CREATE TABLE lease_holders (holder VARCHAR NOT NULL, expires_at TIMESTAMP NOT NULL);
        CREATE TABLE api_calls (
            call_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, batch INTEGER NOT NULL, attempt INTEGER NOT NULL,
            rows INTEGER NOT NULL, answered INTEGER NOT NULL, outcome VARCHAR NOT NULL, detail VARCHAR NOT NULL,
            model VARCHAR NOT NULL, model_version VARCHAR NOT NULL, input_tokens BIGINT NOT NULL,
            cached_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL, thought_tokens BIGINT NOT NULL,
            cost_usd DOUBLE, latency_s DOUBLE NOT NULL, started_at TIMESTAMP NOT NULL);
        CREATE TABLE enriched_roadmaps (
            roadmap VARCHAR NOT NULL, topic_id VARCHAR NOT NULL, position INTEGER NOT NULL, topic VARCHAR NOT NULL,
            category VARCHAR NOT NULL, subcategory VARCHAR NOT NULL, parent VARCHAR NOT NULL,
            parent_topic VARCHAR NOT NULL, path VARCHAR[] NOT NULL, description VARCHAR NOT NULL,
            resources STRUCT(title VARCHAR, url VARCHAR, type VARCHAR)[] NOT NULL,
            status VARCHAR NOT NULL, profile VARCHAR NOT NULL, model VARCHAR NOT NULL, enrichment_key VARCHAR NOT NULL,
            published_at TIMESTAMP NOT NULL, tldr VARCHAR, challenge VARCHAR);
    """)


def _add_tree(connection: DuckDBPyConnection) -> None:
    _add_columns(connection, "raw_roadmaps", {"tree": "VARCHAR NOT NULL DEFAULT ''"}, after="vanished_at")


def _add_placement(connection: DuckDBPyConnection) -> None:
    """What placed a topic, so far always the drawing, and whether the site calls it optional."""
    columns = {"placed_by": "VARCHAR NOT NULL DEFAULT 'drawing'", "optional": "BOOLEAN NOT NULL DEFAULT FALSE"}
    for table in ("topics", "enriched_roadmaps"):
        _add_columns(connection, table, columns, after="resources")


def _add_columns(connection: DuckDBPyConnection, table: str, added: Mapping[str, str], *, after: str) -> None:
    """Rebuild the table: DuckDB adds columns neither in a chosen place nor, where there are rows, as NOT NULL."""
    columns: dict[str, str] = {}
    for name, kind, null, _, default, _ in connection.execute(f"DESCRIBE {table}").fetchall():
        columns[name] = kind + (" NOT NULL" if null == "NO" else "") + (f" DEFAULT {default}" if default else "")
        if name == after:
            columns |= added
    kept = ", ".join(quoted(name) for name in columns if name not in added)
    connection.execute(
        f"CREATE TABLE rebuilt ({', '.join(f'{quoted(name)} {kind}' for name, kind in columns.items())}); "  # noqa: S608 - quoted names
        f"INSERT INTO rebuilt ({kept}) SELECT {kept} FROM {table}; "
        f"DROP TABLE {table}; ALTER TABLE rebuilt RENAME TO {table}"
    )


# In the order in which they run; a migration that has landed is never edited, a new one is appended.
MIGRATIONS: tuple[tuple[str, Callable[[DuckDBPyConnection], None]], ...] = (
    ("create_tables", _create_tables),
    ("add_tree", _add_tree),
    ("add_placement", _add_placement),
)


def migrate(
    connection: DuckDBPyConnection,
    path: Path,
    *,
    migrations: Sequence[tuple[str, Callable[[DuckDBPyConnection], None]]] = MIGRATIONS,
) -> None:
    """Run, inside the open transaction, the migrations that this database has not had.

    Raises:
        WarehouseUnreadable: the database has had a migration that this version does not know, or holds a table of
            somebody else under one of our names. Nothing was changed.
    """
    ran = _migrations_that_ran(connection, path)
    unknown = ran - {name for name, _ in migrations}
    if unknown:
        raise WarehouseUnreadable(
            f"the database {path} was written by a newer version of roadmap-assets ({', '.join(sorted(unknown))}); "
            f"it was left untouched. Upgrade with: pip install --upgrade roadmap-assets"
        )
    try:
        for name, run in migrations:
            if name not in ran:
                run(connection)
                connection.execute("INSERT INTO schema_migrations VALUES (?, ?)", [name, utc_now()])
    except duckdb.CatalogException as error:
        raise _foreign(error, path) from None


def _foreign(error: duckdb.Error, path: Path) -> WarehouseUnreadable:
    return WarehouseUnreadable(
        f"the database {path} holds a table of another program under one of our names "
        f"({str(error).splitlines()[0]}); it was left untouched. Set ROADMAP_DB to another file"
    )


def _migrations_that_ran(connection: DuckDBPyConnection, path: Path) -> set[str]:
    try:
        return {name for (name,) in connection.execute("SELECT name FROM schema_migrations").fetchall()}
    except duckdb.BinderException as error:
        raise _foreign(error, path) from None
    except duckdb.CatalogException:
        connection.rollback()  # DuckDB aborts the transaction in which a statement failed
        connection.begin()
        connection.execute("CREATE TABLE schema_migrations (name VARCHAR NOT NULL, ran_at TIMESTAMP NOT NULL)")
        return set()
