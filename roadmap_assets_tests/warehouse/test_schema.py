"""Databases of every version, ours and others'."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from roadmap_assets.errors import WarehouseUnreadable
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.schema import MIGRATIONS, migrate

TABLES = {
    "raw_roadmaps",
    "raw_contents",
    "topics",
    "enrichments",
    "enrichment_failures",
    "api_calls",
    "enriched_roadmaps",
}
"""Those that everybody may query; there are some more for our own use."""


def columns(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() ORDER BY 1, column_index"
        ).fetchall()


def migrations_that_ran(path: Path) -> list[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM schema_migrations ORDER BY ran_at").fetchall()]


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_that_a_database_of_any_version_becomes_one_of_today(tmp_path: Path, version: int) -> None:
    old = tmp_path / "old.duckdb"
    with duckdb.connect(str(old)) as connection:
        connection.begin()
        migrate(connection, old, migrations=MIGRATIONS[:version])
        connection.commit()
    assert migrations_that_ran(old) == [name for name, _ in MIGRATIONS[:version]]
    for path in (old, tmp_path / "new.duckdb"):
        with Warehouse(path).transaction():
            pass
    assert columns(old) == columns(tmp_path / "new.duckdb")
    assert {str(table) for table, *_ in columns(old)} >= TABLES
    assert migrations_that_ran(old) == [name for name, _ in MIGRATIONS]


def test_rows_of_the_first_version_get_the_columns_about_placement(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.begin()
        migrate(connection, path, migrations=MIGRATIONS[:1])
        connection.execute("""
            ALTER TABLE enriched_roadmaps ADD COLUMN "a ""profile""'s" BIGINT;
            INSERT INTO raw_roadmaps VALUES ('r', '{}', 'v', 'here', 'test', now()::TIMESTAMP, NULL);
            INSERT INTO topics VALUES ('r', 'a', 0, 'A', '', '', '', '', [], '', []);
            INSERT INTO enriched_roadmaps VALUES (
                'r', 'a', 0, 'A', '', '', '', '', [], '', [], 'enriched', 'p', 'm', 'key', now()::TIMESTAMP,
                'TLDR', 'expert', 7);
        """)
        connection.commit()
    with Warehouse(path).transaction() as connection:
        assert connection.execute("SELECT tree FROM raw_roadmaps").fetchall() == [("",)]
        assert connection.execute("SELECT topic, placed_by, optional FROM topics").fetchall() == [
            ("A", "drawing", False)
        ]
        published = connection.execute("SELECT * EXCLUDE (roadmap, published_at) FROM enriched_roadmaps")
        assert [name for name, *_ in published.description or ()][-3:] == ["tldr", "challenge", 'a "profile"\'s']
        [row] = published.fetchall()
        assert row[9:] == ([], "drawing", False, "enriched", "p", "m", "key", "TLDR", "expert", 7)


def test_that_a_migration_runs_once_and_after_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).transaction() as connection:
        connection.execute("INSERT INTO lease_holders VALUES ('a', now()::TIMESTAMP)")

    def add_host(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("ALTER TABLE lease_holders ADD COLUMN host VARCHAR DEFAULT 'here'")

    for _ in range(2):
        with duckdb.connect(str(path)) as connection:
            connection.begin()
            migrate(connection, path, migrations=(*MIGRATIONS, ("add_host", add_host)))
            connection.commit()
            assert connection.execute("SELECT holder, host FROM lease_holders").fetchall() == [("a", "here")]
    assert migrations_that_ran(path) == [*(name for name, _ in MIGRATIONS), "add_host"]


def test_that_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with Warehouse(path).transaction():
        pass
    before = columns(path)

    def fail_in_the_middle(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("DROP TABLE lease_holders")
        raise RuntimeError

    with duckdb.connect(str(path)) as connection:
        connection.begin()
        with pytest.raises(RuntimeError):
            migrate(connection, path, migrations=(*MIGRATIONS, ("fail", fail_in_the_middle)))
        connection.rollback()
    assert columns(path) == before


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
def test_that_the_table_of_another_program_is_left_untouched(tmp_path: Path, theirs: str) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(theirs)
    before = path.read_bytes()
    with pytest.raises(WarehouseUnreadable, match=r"another program.*ROADMAP_DB"), Warehouse(path).transaction():
        pass
    assert path.read_bytes() == before


def test_that_we_live_beside_other_tables(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE recipes AS SELECT 'bread' AS name")
    with Warehouse(path).transaction() as connection:
        assert connection.execute("SELECT name FROM recipes").fetchall() == [("bread",)]
        assert connection.execute("SELECT * FROM topics").fetchall() == []
