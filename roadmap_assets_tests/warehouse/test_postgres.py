"""The PostgreSQL database among several processes, with servers that fail, and behind wrong addresses."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import (
    MissingExtra,
    WarehouseBusy,
    WarehouseError,
    WarehouseInterrupted,
    WarehouseUnavailable,
    WarehouseUnreadable,
    WarehouseUnwritable,
)
from roadmap_assets.warehouse.base import Connection, in_transaction
from roadmap_assets.warehouse.enrichments import load_answers, store_answers
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.migrations import MIGRATIONS, migrate
from roadmap_assets.warehouse.postgres import Warehouse
from roadmap_assets.warehouse.rows import columns_of
from roadmap_assets.warehouse.schema import TABLES
from roadmap_assets.warehouse.topics import load_topics, save_topics
from roadmap_assets_tests.postgres import PASSWORD, PostgresServer
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse import records
from roadmap_assets_tests.warehouse.test_enrichments import answer
from roadmap_assets_tests.warehouse.test_leases import claim, parts
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


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server to restart."""
    with PostgresServer() as server:
        yield server


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


def test_a_restarted_server_is_waited_for_and_the_step_repeated(server: PostgresServer) -> None:
    notices: list[str] = []
    with closing(Warehouse(PostgresUrl(server.url()), on_wait=notices.append)) as warehouse:
        store(warehouse, "before")
        tries = []

        def step(connection: Connection) -> int:
            tries.append(1)
            store_answers(connection, [answer("during")])
            if len(tries) == 1:
                server.stop()
                threading.Timer(1.5, server.start).start()
            return len(load_answers(connection, ["before", "during"]))

        assert in_transaction(warehouse, step) == 2
        assert len(tries) == 2
        assert count(warehouse) == 2
        assert notices == [f"Waiting for the database {warehouse.name} to come back …"]
        server.restart()
        assert count(warehouse) == 2, "a connection that went stale while idle is not used"


def test_leases_outlive_a_restart_of_the_server(server: PostgresServer) -> None:
    with (
        closing(Warehouse(PostgresUrl(server.url()))) as warehouse,
        LeaseHolder(warehouse) as one,
        LeaseHolder(warehouse) as other,
    ):
        claim(one, warehouse, "ab")
        server.restart()
        assert claim(other, warehouse, "ab") == parts(held="ab"), "the lock is gone, but its holder may live"
        with warehouse.transaction() as connection:
            one.renew(connection)
        assert claim(other, warehouse, "ab") == parts(held="ab"), "and has taken it again"


def test_the_server_is_not_waited_for_before_it_was_ever_reached(server: PostgresServer) -> None:
    server.stop()
    try:
        with pytest.raises(WarehouseUnavailable, match="Connection refused") as caught:
            count(Warehouse(PostgresUrl(server.url())))
        assert PASSWORD not in str(caught.value)
    finally:
        server.start()


Case = tuple[Callable[[PostgresServer], str], type[WarehouseError], str]

OUTSIDE: dict[str, Case] = {
    "unreachable": (lambda server: "postgresql://u:secret@127.0.0.1:1/db", WarehouseUnavailable, "Connection refused"),
    "unknown host": (
        lambda server: "postgresql://u:secret@no.invalid",
        WarehouseUnavailable,
        "no.invalid",
    ),
    "wrong password": (
        lambda server: server.url(password="secret"),
        WarehouseUnavailable,
        "password authentication failed",
    ),
    "no such database": (lambda server: server.url(database="none"), WarehouseUnavailable, '"none" does not exist'),
    "wrong parameter": (lambda server: server.url() + "?secret=secret", WarehouseUnavailable, "does not know"),
    "read-only": (
        lambda server: server.url() + "?options=-cdefault_transaction_read_only%3Don",
        WarehouseUnwritable,
        "is read-only",
    ),
    "no rights": (
        lambda server: server.url(user="reader", password="secret"),
        WarehouseUnwritable,
        "permission denied",
    ),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_what_is_wrong_outside_is_one_line_that_says_what_to_do_without_the_password(
    server_with_roles: PostgresServer, case: str
) -> None:
    url, kind, reason = OUTSIDE[case]
    with pytest.raises(kind, match=reason) as caught:
        store(Warehouse(PostgresUrl(url(server_with_roles))), "a")
    message = str(caught.value)
    assert "\n" not in message
    assert "secret" not in message
    assert PASSWORD not in message
    assert "ROADMAP_DB" in message or "owner" in message


@pytest.fixture(scope="module")
def server_with_roles() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        server.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
        yield server


def test_a_table_that_somebody_removed_is_named(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute("DROP TABLE enrichments")
    with pytest.raises(WarehouseUnreadable, match=r'relation "enrichments" does not exist.*ROADMAP_DB'):
        count(warehouse)


def test_a_full_disk_loses_nothing_and_is_named(server_with_roles: PostgresServer) -> None:
    """A limit on a temporary file is the one disk that a test can fill without being root."""
    url = PostgresUrl(server_with_roles.url() + "?options=-ctemp_file_limit%3D64kB%20-cwork_mem%3D64kB")

    def fill(connection: Connection) -> None:
        store_answers(connection, [answer("lost")])
        connection.execute("SELECT count(*) FROM (SELECT * FROM generate_series(1, 1000000) ORDER BY 1 DESC)")

    with closing(Warehouse(url)) as warehouse:
        with pytest.raises(WarehouseUnwritable, match=r"could not be written.*Make room"):
            in_transaction(warehouse, fill)
        assert count(warehouse) == 0


def test_a_lock_of_another_program_is_waited_for_and_then_named(postgres_database: PostgresUrl) -> None:
    impatient = Warehouse(postgres_database, wait_s=0.3)
    store(impatient, "a")
    with psycopg.connect(postgres_database.secret) as stranger:
        stranger.execute("LOCK TABLE enrichments")
        with pytest.raises(WarehouseBusy, match="held by another program"):
            store(impatient, "b")
    impatient.close()


def test_a_database_of_a_newer_version_is_left_untouched(warehouse: Warehouse, postgres_database: PostgresUrl) -> None:
    with warehouse.transaction() as connection:
        connection.execute("INSERT INTO schema_migrations VALUES ('of_the_future', CAST(now() AS TIMESTAMP))")
    read = "from roadmap_assets.settings import load_settings as s; from roadmap_assets.warehouse.registry import *; "
    program = read + "import sys; open_warehouse(s(db=sys.argv[1]).db).transaction().__enter__()"
    ended = subprocess.run([sys.executable, "-c", program, postgres_database.secret], capture_output=True, text=True)
    assert "newer version of roadmap-assets (of_the_future)" in ended.stderr


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
