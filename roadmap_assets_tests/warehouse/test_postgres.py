"""The PostgreSQL database among several processes and threads."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import (
    MissingExtra,
    WarehouseInterrupted,
)
from roadmap_assets.warehouse.base import Connection, in_transaction
from roadmap_assets.warehouse.enrichments import store_answers
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.migrations import MIGRATIONS, migrate
from roadmap_assets.warehouse.postgres import Warehouse
from roadmap_assets.warehouse.rows import columns_of
from roadmap_assets.warehouse.schema import TABLES
from roadmap_assets.warehouse.topics import load_topics, save_topics
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse import records
from roadmap_assets_tests.warehouse.test_enrichments import answer
from roadmap_assets_tests.warehouse.test_steps import PARSE

STORE_30 = """
import sys
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets.warehouse.enrichments import store_answers
from roadmap_assets_tests.warehouse.test_enrichments import answer

warehouse = open_warehouse(load_settings(db=sys.argv[1]).db)
for number in range(30):
    with warehouse.transaction() as connection:
        store_answers(connection, [answer(f"{sys.argv[2]}-{number}"), answer(f"shared-{number}")])
"""


@pytest.fixture
def warehouse(postgres_database: PostgresUrl) -> Warehouse:
    return Warehouse(postgres_database)


def count(warehouse: Warehouse, table: str = "enrichments") -> int:
    with warehouse.transaction() as connection:
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)


def store(warehouse: Warehouse, *keys: str) -> None:
    with warehouse.transaction() as connection:
        store_answers(connection, [answer(key) for key in keys])


def test_four_processes_that_begin_at_once_create_the_tables_once_and_lose_no_row(warehouse: Warehouse) -> None:
    programs = [Program(STORE_30, warehouse.url.secret, name) for name in "abcd"]
    for program in programs:
        with program:
            program.end()
    assert count(warehouse) == 5 * 30, "of the shared ones, the first stays"
    assert count(warehouse, "schema_migrations") == len(MIGRATIONS)


def test_the_tables_are_as_described_with_their_keys(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        for table in TABLES:
            described = [(column.name, column.type, column.nullable) for column in table.columns]
            assert columns_of(connection, table.name) == described
            keys = connection.execute(
                "SELECT column_name FROM information_schema.key_column_usage WHERE table_name = ? "
                "AND table_schema = current_schema() ORDER BY ordinal_position",
                [table.name],
            ).fetchall()
            assert tuple(name for (name,) in keys) == table.key


def test_a_database_that_lacks_the_latest_migrations_gets_them_with_their_keys(warehouse: Warehouse) -> None:
    """As one of an earlier version, in which there were no batch jobs yet."""
    with warehouse.transaction() as connection:
        for table in ("batch_rows", "batch_jobs"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM schema_migrations WHERE name = 'add_batch_jobs'")
    with warehouse.transaction() as connection:
        migrate(connection, warehouse.name)
    test_the_tables_are_as_described_with_their_keys(warehouse)
    assert count(warehouse, "schema_migrations") == len(MIGRATIONS)


def test_two_that_replace_the_same_rows_take_turns(warehouse: Warehouse) -> None:
    def replace(size: int) -> None:
        for _ in range(20):
            with warehouse.transaction() as connection:
                save_topics(connection, "a", PARSE, records.topics("a", size))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(replace, (3, 5, 3, 5)))
    with warehouse.transaction() as connection:
        assert len(load_topics(connection, ["a"])) in (3, 5)


def test_a_run_renews_its_leases_in_several_threads(warehouse: Warehouse) -> None:
    with LeaseHolder(warehouse) as holder:

        def renew(number: int) -> None:
            with warehouse.transaction() as connection:
                holder.renew(connection)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(renew, range(80)))
        assert count(warehouse, "lease_holders") == 1


def test_a_nul_which_no_text_of_postgresql_can_hold_becomes_the_replacement_character(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        save_topics(connection, "a", PARSE, records.topics_of_texts("a", ["nul \0 inside"]))
        [topic] = load_topics(connection, ["a"])
    assert topic.description == "nul \ufffd inside"
    assert topic.path == ("nul \0 inside",) * 2, "JSON can hold it"


def test_an_exception_rolls_back_and_frees_the_connection(warehouse: Warehouse) -> None:
    def break_off(connection: Connection) -> None:
        store_answers(connection, [answer("lost")])
        raise RuntimeError

    store(warehouse, "kept")
    for _ in range(10):
        with pytest.raises(RuntimeError):
            in_transaction(warehouse, break_off)
    assert count(warehouse) == 1


def test_a_failed_statement_whose_error_is_swallowed_is_not_committed_in_silence(warehouse: Warehouse) -> None:
    def go_on(connection: Connection) -> None:
        store_answers(connection, [answer("lost")])
        with suppress(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / 0")

    with pytest.raises(WarehouseInterrupted):
        in_transaction(warehouse, go_on)
    assert count(warehouse) == 0


def test_a_wrong_statement_of_ours_stays_what_it_is(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg.errors.SyntaxError), warehouse.transaction() as connection:
        connection.execute("SELEKT 1")


def test_question_marks_and_percent_signs_in_quotes_are_text(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        [row] = connection.execute("""SELECT '?', ?, 'it''s %s ?', "?" FROM (SELECT 1 AS "?")""", ["a"]).fetchall()
    assert row == ("?", "a", "it's %s ?", 1)


def test_looking_creates_nothing(warehouse: Warehouse) -> None:
    assert not warehouse.exists()
    assert not warehouse.exists()
    count(warehouse)
    assert warehouse.exists()


def test_psycopg_is_imported_for_a_postgresql_url_alone(tmp_path: Path) -> None:
    program = (
        "import sys; import roadmap_assets.cli.main; from roadmap_assets.warehouse.registry import open_warehouse; "
        "from pathlib import Path; open_warehouse(Path(sys.argv[1])).transaction().__enter__(); "
        "print('psycopg' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program, tmp_path / "x.duckdb"], capture_output=True, text=True)
    assert ended.stdout == "False\n", ended.stderr


def test_without_psycopg_the_message_has_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from roadmap_assets.warehouse.registry import open_warehouse

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'roadmap-assets\[postgres\]'"):
        open_warehouse(PostgresUrl("postgresql://host/db"))
