"""Databases of every version, ours and others'."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from roadmap_assets import warehouse
from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import WarehouseUnreadable
from roadmap_assets.warehouse import dialect
from roadmap_assets.warehouse.attached import DuckDBConnection
from roadmap_assets.warehouse.base import Connection
from roadmap_assets.warehouse.dialect import quoted
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.migrations import MIGRATIONS, migrate
from roadmap_assets.warehouse.postgres_connection import PostgresConnection, connect
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets.warehouse.schema import TABLES
from roadmap_assets.warehouse.topics import Resource, Topic, load_topics

FIRST_VERSION = Path(__file__).parent / "version_1.sql"
PROFILE_COLUMN = 'a "profile"\'s'


def read(database: Path | PostgresUrl, query: str) -> list[tuple[Any, ...]]:
    """As another program reads it."""
    if isinstance(database, PostgresUrl):
        with psycopg.connect(database.secret) as server:
            return server.execute(query.encode()).fetchall()
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def columns(database: Path | PostgresUrl) -> list[tuple[Any, ...]]:
    return read(
        database,
        "SELECT table_name, column_name, data_type, is_nullable = 'YES' FROM information_schema.columns "
        "WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position",
    )


def contents(database: Path | PostgresUrl) -> object:
    """Whatever must not change: each byte of a file, each table on a server."""
    return database.read_bytes() if isinstance(database, Path) else columns(database)


def migrations_that_ran(database: Path | PostgresUrl) -> list[str]:
    return [name for (name,) in read(database, "SELECT name FROM schema_migrations ORDER BY ran_at")]


@contextmanager
def opened(database: Path | PostgresUrl) -> Iterator[Connection]:
    """A transaction in which no migration has run by itself."""
    if isinstance(database, PostgresUrl):
        with closing(connect(database)) as server:
            server.execute("BEGIN")
            yield PostgresConnection(server)
            server.execute("COMMIT")
        return
    with duckdb.connect(str(database)) as raw:
        raw.begin()
        yield DuckDBConnection(raw)
        raw.commit()


def make_version(path: Path, version: int) -> None:
    """A database as left by the release with the first `version` migrations."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(FIRST_VERSION.read_text("utf-8") if version else "CHECKPOINT")
    with opened(path) as connection:
        migrate(connection, path, migrations=MIGRATIONS[:version])


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_that_a_database_of_any_version_becomes_one_of_today(tmp_path: Path, version: int) -> None:
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    make_version(old, version)
    assert migrations_that_ran(old) == [name for name, _ in MIGRATIONS[:version]]
    for path in (old, new):
        with Warehouse(path).transaction():
            pass
    assert [column for column in columns(old) if column[1] != PROFILE_COLUMN] == columns(new)
    assert migrations_that_ran(old) == [name for name, _ in MIGRATIONS]


def test_that_the_tables_are_as_described(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).transaction():
        pass
    assert columns(path) == [
        (table.name, column.name, column.type, column.nullable)
        for table in sorted(TABLES, key=lambda table: table.name)
        for column in table.columns
    ]
    for table in TABLES:
        assert table.meaning.startswith("One row per "), table.name
        assert set(table.key) <= table.types.keys(), table.name
        assert all(column.meaning for column in table.columns), table.name


def test_that_rows_of_the_first_version_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    make_version(path, 1)
    with Warehouse(path).transaction() as connection:
        raw = connection.execute("SELECT roadmap, source, tree, updated_at FROM raw_roadmaps").fetchall()
        assert raw == [("r", "live", "", "")], "the source live was called github"
        first, second = load_topics(connection, ["r"])
        assert first == Topic(
            roadmap="r",
            topic_id="a",
            position=0,
            topic='A "quoted"',
            category="C",
            subcategory="",
            parent="B",
            parent_topic="",
            path=("C", "B, really"),
            description="Text.",
            resources=(Resource('It\'s "one"', "https://example.org/", "article"),),
            placed_by="drawing",
            optional=False,
        )
        assert (second.path, second.resources) == ((), ())
        published = connection.execute(
            f"SELECT topic_id, path->>1, resources->0->>'title', optional, status, tldr, {quoted(PROFILE_COLUMN)} "
            "FROM enriched_roadmaps ORDER BY position"
        ).fetchall()
    assert published == [
        ("a", "B, really", 'It\'s "one"', False, "enriched", "TLDR", 7),
        ("b", None, None, False, "enriched", "TLDR", 7),
    ]
    assert [column[1] for column in columns(path) if column[0] == "enriched_roadmaps"][-3:] == [
        "tldr",
        "challenge",
        PROFILE_COLUMN,
    ]


SHARED_SQL = sorted({*Path(warehouse.__file__).parent.glob("*.py")} - {Path(dialect.__file__)})


@pytest.mark.parametrize("module", SHARED_SQL, ids=lambda path: path.stem)
def test_that_no_sql_means_something_else_in_another_database(module: Path) -> None:
    """PostgreSQL reads SEMI and ANTI as names of tables and returns the rows of an inner join; the rest it refuses."""
    only_in_duckdb = r"\b(SEMI|ANTI) JOIN|GROUP BY ALL|\bEXCLUDE\b|\bDESCRIBE\b|list_contains|OR REPLACE TEMP"
    assert re.findall(only_in_duckdb, module.read_text("utf-8")) == []


def test_that_a_migration_runs_once_and_after_those_before_it(database: Path | PostgresUrl) -> None:
    with open_warehouse(database).transaction() as connection:
        connection.execute("INSERT INTO lease_holders VALUES ('a', now()::TIMESTAMP)")

    def add_host(connection: Connection) -> None:
        connection.execute("ALTER TABLE lease_holders ADD COLUMN host VARCHAR DEFAULT 'here'")

    for _ in range(2):
        with opened(database) as connection:
            migrate(connection, str(database), migrations=(*MIGRATIONS, ("add_host", add_host)))
            assert connection.execute("SELECT holder, host FROM lease_holders").fetchall() == [("a", "here")]
    assert migrations_that_ran(database) == [*(name for name, _ in MIGRATIONS), "add_host"]


def test_that_a_migration_that_fails_changes_nothing(database: Path | PostgresUrl) -> None:
    with open_warehouse(database).transaction():
        pass
    before = columns(database)

    def fail_in_the_middle(connection: Connection) -> None:
        connection.execute("DROP TABLE lease_holders")
        raise RuntimeError

    with pytest.raises(RuntimeError), opened(database) as connection:
        migrate(connection, str(database), migrations=(*MIGRATIONS, ("fail", fail_in_the_middle)))
    assert columns(database) == before


def test_that_a_database_of_a_newer_version_is_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).transaction() as connection:
        connection.execute("INSERT INTO schema_migrations VALUES ('of_the_future', now()::TIMESTAMP)")
    before = path.read_bytes()
    with pytest.raises(WarehouseUnreadable, match=r"newer version.*of_the_future"), Warehouse(path).transaction():
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "theirs",
    [
        "CREATE TABLE topics AS SELECT 7 AS x",
        "CREATE VIEW topics AS SELECT 7 AS x",
        "CREATE TABLE api_calls AS SELECT 7 AS x",  # which is found out after other tables were made
        "CREATE TABLE schema_migrations (version INTEGER)",
    ],
)
def test_that_the_table_of_another_program_is_left_untouched(database: Path | PostgresUrl, theirs: str) -> None:
    with opened(database) as connection:
        connection.execute(theirs)
    before = contents(database)
    with (
        pytest.raises(WarehouseUnreadable, match=r"another program.*ROADMAP_DB"),
        open_warehouse(database).transaction(),
    ):
        pass
    assert contents(database) == before


def test_that_we_live_beside_other_tables(database: Path | PostgresUrl) -> None:
    with opened(database) as connection:
        connection.execute("CREATE TABLE recipes AS SELECT 'bread' AS name")
    with open_warehouse(database).transaction() as connection:
        assert connection.execute("SELECT name FROM recipes").fetchall() == [("bread",)]
        assert connection.execute("SELECT * FROM topics").fetchall() == []
