"""How a database of any earlier version becomes one of today's.

A new database is created from the tables' descriptions; an older one has the migrations run that it has not had. Both
come out the same, which a test checks from every version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from roadmap_assets.errors import WarehouseUnreadable
from roadmap_assets.warehouse.base import Column, Connection, Table
from roadmap_assets.warehouse.dialect import quoted
from roadmap_assets.warehouse.rows import columns_of, create, insert_rows, utc_now
from roadmap_assets.warehouse.schema import SCHEMA_MIGRATIONS, TABLES

Migration = tuple[str, Callable[[Connection], None]]


def _create_tables(connection: Connection) -> None:
    for table in TABLES:
        if table != SCHEMA_MIGRATIONS:
            create(connection, table)


def _add_tree(connection: Connection) -> None:
    _add_columns(connection, "raw_roadmaps", {"tree": ("VARCHAR", "''")}, after="vanished_at")


def _add_placement(connection: Connection) -> None:
    """What placed a topic, so far always the drawing, and whether the site calls it optional."""
    columns = {"placed_by": ("VARCHAR", "'drawing'"), "optional": ("BOOLEAN", "FALSE")}
    for table in ("topics", "enriched_roadmaps"):
        _add_columns(connection, table, columns, after="resources")


def _lists_to_json(connection: Connection) -> None:
    """Keep lists as JSON, which every database has."""
    for table in ("topics", "enriched_roadmaps"):
        for column in ("path", "resources"):
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE JSON USING to_json({column})")


def _add_updated_at(connection: Connection) -> None:
    """When a document was last edited upstream; and the live source, which was called github."""
    _add_columns(connection, "raw_roadmaps", {"updated_at": ("VARCHAR", "''")}, after="tree")
    connection.execute("UPDATE raw_roadmaps SET source = 'live' WHERE source = 'github'")


def _add_unreadable_roadmaps(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE unreadable_roadmaps (roadmap VARCHAR NOT NULL, version VARCHAR NOT NULL, "
        "reason VARCHAR NOT NULL, recorded_at TIMESTAMP NOT NULL, run_id VARCHAR NOT NULL)"
    )


def _let_token_counts_be_unknown(connection: Connection) -> None:
    for column in ("input_tokens", "cached_tokens", "output_tokens", "thought_tokens"):
        connection.execute(f"ALTER TABLE api_calls ALTER COLUMN {column} DROP NOT NULL")


def _add_base_url(connection: Connection) -> None:
    _add_columns(connection, "enrichments", {"base_url": ("VARCHAR", "''")}, after="call_id")


def _publish_simulated_apart(connection: Connection) -> None:
    """Move rows with simulated answers to a table of their own, and note when each answer was stored."""
    connection.execute("ALTER TABLE enriched_roadmaps RENAME TO replaced")
    columns = [Column(name, kind, "", nullable=nullable) for name, kind, nullable in columns_of(connection, "replaced")]
    at = [column.name for column in columns].index("published_at") + 1
    wider = (*columns[:at], Column("answered_at", "TIMESTAMP", "", nullable=True), *columns[at:])
    answered_at = "(SELECT min(answered_at) FROM enrichments WHERE key = enrichment_key AND status = 'enriched')"
    values = ", ".join(quoted(column.name) if column in columns else answered_at for column in wider)
    for table, operator in (("enriched_roadmaps", "<>"), ("simulated_roadmaps", "=")):
        create(connection, Table(table, "", (), wider))
        connection.execute(f"INSERT INTO {table} SELECT {values} FROM replaced WHERE model {operator} 'simulator'")
    connection.execute("DROP TABLE replaced")


def _add_evaluations(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE evaluations (evaluation_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, profile VARCHAR NOT NULL, "
        "fingerprint VARCHAR NOT NULL, model VARCHAR NOT NULL, rows INTEGER NOT NULL, "
        "started_at TIMESTAMP NOT NULL, finished_at TIMESTAMP, verdict VARCHAR NOT NULL, report JSON)"
    )
    connection.execute(
        "CREATE TABLE evaluation_answers (evaluation_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, "
        "arm VARCHAR NOT NULL, row_id VARCHAR NOT NULL, topic VARCHAR NOT NULL, round INTEGER NOT NULL, "
        "position INTEGER NOT NULL, batch_rows INTEGER NOT NULL, call_id VARCHAR NOT NULL, outcome VARCHAR NOT NULL, "
        "reason VARCHAR NOT NULL, answer JSON)"
    )


def _add_service(connection: Connection) -> None:
    """Which service a call was served by, so far always the standard one."""
    _add_columns(connection, "api_calls", {"service": ("VARCHAR", "'standard'")}, after="model_version")


def _add_batch_jobs(connection: Connection) -> None:
    texts = ("name", "scope", "model", "profile", "fingerprint", "run_id", "state", "reason")
    jobs = {
        "job_id": "VARCHAR",
        **dict.fromkeys(texts, "VARCHAR"),
        "requests": "INTEGER",
        "rows": "INTEGER",
        "input_tokens": "BIGINT",
        "estimated_usd": "DOUBLE",
        **dict.fromkeys(("created_at", "posted_at", "expires_at", "ended_at"), "TIMESTAMP"),
    }
    nullable = {"estimated_usd", "posted_at", "ended_at"}
    columns = tuple(Column(name, kind, "", nullable=name in nullable) for name, kind in jobs.items())
    create(connection, Table("batch_jobs", "", ("job_id",), columns))
    rows = {
        "job_id": "VARCHAR",
        "request": "INTEGER",
        "position": "INTEGER",
        **dict.fromkeys(("key", "topic", "description", "context", "rejected"), "VARCHAR"),
        "asked": "INTEGER",
        "breaches": "INTEGER",
        **dict.fromkeys(("state", "apart", "last_error"), "VARCHAR"),
    }
    columns = tuple(Column(name, kind, "") for name, kind in rows.items())
    create(connection, Table("batch_rows", "", ("job_id", "position"), columns))


def _add_columns(connection: Connection, table: str, added: Mapping[str, tuple[str, str]], *, after: str) -> None:
    """Rebuild the table with columns (name -> type, value of existing rows) that are NOT NULL, `after` another one."""
    columns: list[Column] = []
    values: list[str] = []
    for name, kind, nullable in columns_of(connection, table):
        columns.append(Column(name, kind, "", nullable=nullable))
        values.append(quoted(name))
        if name == after:
            columns += [Column(new, kind, "") for new, (kind, _) in added.items()]
            values += [value for _, value in added.values()]
    connection.execute(f"ALTER TABLE {table} RENAME TO replaced")
    create(connection, Table(table, "", (), tuple(columns)))
    connection.execute(f"INSERT INTO {table} SELECT {', '.join(values)} FROM replaced")
    connection.execute("DROP TABLE replaced")


FIRST = "create_tables"

MIGRATIONS: tuple[Migration, ...] = (
    (FIRST, _create_tables),
    ("add_tree", _add_tree),
    ("add_placement", _add_placement),
    ("lists_to_json", _lists_to_json),
    ("add_updated_at", _add_updated_at),
    ("add_unreadable_roadmaps", _add_unreadable_roadmaps),
    ("let_token_counts_be_unknown", _let_token_counts_be_unknown),
    ("add_base_url", _add_base_url),
    ("publish_simulated_apart", _publish_simulated_apart),
    ("add_evaluations", _add_evaluations),
    ("add_service", _add_service),
    ("add_batch_jobs", _add_batch_jobs),
)
"""In the order in which they run. The first creates what the descriptions say today and stands for all others.

One that has landed is never edited, and never uses the descriptions, which go on changing: append a new one.
"""


def migrate(connection: Connection, database: Path | str, *, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Run, inside the open transaction, the migrations that this database has not had.

    Raises:
        WarehouseUnreadable: the database has had a migration that this version does not know, or holds a table of
            another program under one of our names. Nothing was changed.
    """
    try:
        ran = _migrations_that_ran(connection)
        unknown = ran - {name for name, _ in migrations}
        if unknown:
            raise WarehouseUnreadable(
                f"the database {database} was written by a newer version of roadmap-assets "
                f"({', '.join(sorted(unknown))}); it was left untouched. "
                "Upgrade with: pip install --upgrade roadmap-assets"
            )
        waiting = [(name, run) for name, run in migrations if name not in ran]
        for name, run in waiting:
            if FIRST in ran or name == FIRST:
                run(connection)
        if waiting:
            now = utc_now()
            insert_rows(connection, SCHEMA_MIGRATIONS, ({"name": name, "ran_at": now} for name, _ in waiting))
    except connection.dialect.foreign_table as error:
        raise WarehouseUnreadable(
            f"the database {database} holds a table of another program under one of our names "
            f"({str(error).splitlines()[0]}); it was left untouched. Set ROADMAP_DB to another database"
        ) from None


def _migrations_that_ran(connection: Connection) -> set[str]:
    try:
        return {name for (name,) in connection.execute("SELECT name FROM schema_migrations").fetchall()}
    except connection.dialect.missing_table:
        connection.restart()
        create(connection, SCHEMA_MIGRATIONS)
        return set()
