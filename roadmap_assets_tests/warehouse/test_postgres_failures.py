"""A PostgreSQL server that fails, is restarted, full or locked, and addresses that are wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import (
    WarehouseBusy,
    WarehouseError,
    WarehouseUnavailable,
    WarehouseUnreadable,
    WarehouseUnwritable,
)
from roadmap_assets.warehouse.base import Connection, in_transaction
from roadmap_assets.warehouse.enrichments import load_answers, store_answers
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.postgres import Warehouse
from roadmap_assets_tests.postgres import PASSWORD, PostgresServer
from roadmap_assets_tests.warehouse.test_enrichments import answer
from roadmap_assets_tests.warehouse.test_leases import claim, parts
from roadmap_assets_tests.warehouse.test_postgres import count, store


@pytest.fixture
def warehouse(postgres_database: PostgresUrl) -> Warehouse:
    return Warehouse(postgres_database)


def test_a_restarted_server_is_waited_for_and_the_step_repeated(
    own_server: PostgresServer, own_url: PostgresUrl
) -> None:
    notices: list[str] = []
    with closing(Warehouse(own_url, on_wait=notices.append)) as warehouse:
        store(warehouse, "before")
        tries = []

        def step(connection: Connection) -> int:
            tries.append(1)
            store_answers(connection, [answer("during")])
            if len(tries) == 1:
                own_server.stop()
                threading.Timer(1.5, own_server.start).start()
            return len(load_answers(connection, ["before", "during"]))

        assert in_transaction(warehouse, step) == 2
        assert len(tries) == 2
        assert count(warehouse) == 2
        assert notices == [f"Waiting for the database {warehouse.name} to come back …"]
        own_server.restart()
        assert count(warehouse) == 2, "a connection that went stale while idle is not used"


def test_leases_outlive_a_restart_of_the_server(own_server: PostgresServer, own_url: PostgresUrl) -> None:
    with (
        closing(Warehouse(own_url)) as warehouse,
        LeaseHolder(warehouse) as one,
        LeaseHolder(warehouse) as other,
    ):
        claim(one, warehouse, "ab")
        own_server.restart()
        assert claim(other, warehouse, "ab") == parts(held="ab"), "the lock is gone, but its holder may live"
        with warehouse.transaction() as connection:
            one.renew(connection)
        assert claim(other, warehouse, "ab") == parts(held="ab"), "and has taken it again"


def test_the_server_is_not_waited_for_before_it_was_ever_reached(
    own_server: PostgresServer, own_url: PostgresUrl
) -> None:
    own_server.stop()
    try:
        with pytest.raises(WarehouseUnavailable, match="Connection refused") as caught:
            count(Warehouse(own_url))
        assert PASSWORD not in str(caught.value)
    finally:
        own_server.start()


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


@pytest.fixture(scope="session")
def server_with_roles(own_server: PostgresServer) -> PostgresServer:
    own_server.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
    return own_server


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
