"""A network that falls silent, with its connections open, ends no wait by itself: we do."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.engine.events import BatchEnriched, Event
from roadmap_assets.errors import RoadmapAssetsError, WarehouseError, WarehouseUnavailable
from roadmap_assets.warehouse import postgres_connection, watched_connection
from roadmap_assets.warehouse.base import Connection, in_transaction
from roadmap_assets.warehouse.enrichments import store_answers
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.postgres import Warehouse
from roadmap_assets.warehouse.postgres_connection import connect
from roadmap_assets_tests.enrichment.engine.runs import Start, questions
from roadmap_assets_tests.postgres import PASSWORD, PostgresServer
from roadmap_assets_tests.silent_network import SilentNetwork
from roadmap_assets_tests.warehouse.test_enrichments import answer
from roadmap_assets_tests.warehouse.test_leases import claim, parts

pytestmark = pytest.mark.long

SILENT_S = 0.5
CONNECT_S = 2  # libpq's least
WAIT_S = 1.0
BOUND_S = 2 * (SILENT_S + CONNECT_S) + WAIT_S + CONNECT_S
"""A statement that is awaited: two looks at it, each over a new connection; then the wait for the server's return."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes some ten seconds takes a second."""
    monkeypatch.setattr(watched_connection, "SILENT_S", SILENT_S)
    monkeypatch.setitem(postgres_connection._OF_CLIENT, "connect_timeout", CONNECT_S)
    monkeypatch.setitem(postgres_connection._OF_SERVER, "idle_in_transaction_session_timeout", "1s")


@pytest.fixture
def network(postgres_database: PostgresUrl) -> Iterator[SilentNetwork]:
    with SilentNetwork(urlsplit(postgres_database.secret).port or 5432) as network:
        yield network


@pytest.fixture
def behind(postgres_database: PostgresUrl, network: SilentNetwork) -> PostgresUrl:
    """The database's address behind the network."""
    port = urlsplit(postgres_database.secret).port
    return PostgresUrl(postgres_database.secret.replace(f":{port}/", f":{network.port}/"))


def store(warehouse: Warehouse, key: str) -> None:
    in_transaction(warehouse, lambda connection: store_answers(connection, [answer(key)]))


def test_a_statement_that_is_never_answered_ends_in_a_bounded_time_with_one_line(
    behind: PostgresUrl, network: SilentNetwork
) -> None:
    with closing(Warehouse(behind, wait_s=WAIT_S)) as warehouse:
        store(warehouse, "a")
        network.fall_silent()
        began = time.monotonic()
        with pytest.raises(WarehouseUnavailable, match="cannot connect to the database") as caught:
            store(warehouse, "b")
        assert time.monotonic() - began < 2 * BOUND_S
        assert "\n" not in str(caught.value)
        assert PASSWORD not in str(caught.value)


def test_the_work_goes_on_when_the_network_comes_back(behind: PostgresUrl, network: SilentNetwork) -> None:
    with closing(Warehouse(behind, wait_s=30)) as warehouse:
        store(warehouse, "a")
        network.fall_silent()
        threading.Timer(3.0, network.speak).start()
        store(warehouse, "b")
        with warehouse.transaction() as connection:
            assert connection.execute("SELECT count(*) FROM enrichments").fetchall() == [(2,)]


def test_a_single_connection_that_is_dropped_on_the_way_is_replaced(
    behind: PostgresUrl, network: SilentNetwork
) -> None:
    """As firewalls do with one that was idle for long; nobody is bothered."""
    with closing(Warehouse(behind, wait_s=WAIT_S)) as warehouse:
        store(warehouse, "a")
        network.fall_silent(for_new_connections=False)
        began = time.monotonic()
        store(warehouse, "b")
        assert SILENT_S < time.monotonic() - began < BOUND_S


def test_a_statement_that_takes_long_is_waited_for(behind: PostgresUrl) -> None:
    with closing(Warehouse(behind)) as warehouse, warehouse.transaction() as connection:
        slept = connection.execute("SELECT pg_sleep(?) IS NULL, 7", [6 * SILENT_S]).fetchall()
    assert [seven for _, seven in slept] == [7]


def test_a_statement_that_takes_long_is_waited_for_though_the_server_has_no_connection_left(
    own_server: PostgresServer,
) -> None:
    role = f"lonely_{uuid.uuid4().hex}"
    own_server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'lonely' CONNECTION LIMIT 1")
    with closing(connect(PostgresUrl(own_server.url(user=role, password="lonely")))) as only:
        assert only.execute("SELECT pg_sleep($1) IS NULL, 7", [6 * SILENT_S]).fetchall()[0][1] == 7


def test_a_statement_that_waits_for_a_lock_is_waited_for(behind: PostgresUrl, postgres_database: PostgresUrl) -> None:
    with closing(Warehouse(behind)) as warehouse, psycopg.connect(postgres_database.secret) as stranger:
        store(warehouse, "a")
        stranger.execute("LOCK TABLE enrichments")
        threading.Timer(4 * SILENT_S, stranger.commit).start()
        store(warehouse, "b")


def test_what_a_silent_machine_has_locked_is_free_before_others_give_up(
    behind: PostgresUrl, postgres_database: PostgresUrl, network: SilentNetwork
) -> None:
    def lease_and_fall_silent(connection: Connection) -> None:
        assert holder.claim(connection, "ab") == parts(leased="ab")
        network.fall_silent()

    def be_cut_off() -> None:
        with pytest.raises(WarehouseError):
            in_transaction(cut_off, lease_and_fall_silent)

    with (
        closing(Warehouse(behind, wait_s=WAIT_S)) as cut_off,
        closing(Warehouse(postgres_database)) as other,
        LeaseHolder(cut_off, ttl_s=2.0) as holder,
        LeaseHolder(other) as living,
    ):
        silent = threading.Thread(target=be_cut_off)
        silent.start()
        while not network.is_silent:
            time.sleep(0.01)
        assert claim(living, other, "ab") == parts(leased="ab"), "what was leased is rolled back"
        silent.join()


def test_the_others_wait_longer_for_a_lock_than_a_silent_machine_may_hold_it(
    postgres_database: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    limits = "SELECT name, CAST(setting AS BIGINT) FROM pg_settings WHERE name LIKE '%_timeout'"
    with closing(Warehouse(postgres_database)) as warehouse, warehouse.transaction() as connection:
        found = dict(connection.execute(limits).fetchall())
    assert 0 < found["idle_in_transaction_session_timeout"] < found["lock_timeout"]


def test_a_run_on_a_silent_network_stops_and_another_machine_asks_its_topics_when_the_leases_end(
    start: Start, behind: PostgresUrl, postgres_database: PostgresUrl, network: SilentNetwork
) -> None:
    cut_off = start(clock=SystemClock(), database=behind, wait_s=WAIT_S, options={"latency_s": 0.3})

    def fall_silent(event: Event) -> None:
        if isinstance(event, BatchEnriched):
            network.fall_silent()

    silent_at = time.monotonic()
    with pytest.raises(RoadmapAssetsError) as caught:
        asyncio.run(cut_off.engine(concurrency=1, lease_s=3.0).run(questions(100), on_event=fall_silent))
    assert time.monotonic() - silent_at < 4 * BOUND_S
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    answered = cut_off.calls
    assert 1 <= answered <= 2, "nothing more is asked"

    living = start(clock=SystemClock(), database=postgres_database, options={"latency_s": 0.3})
    assert living.run(questions(100)).complete
    topics = Counter(topic for request in living.simulator.requests for topic in request.topics)
    assert set(topics.values()) == {1}

    network.speak()
    assert cut_off.run(questions(100)).rows == {"hit": 100}
    assert len(cut_off.ledger()) == answered + living.calls, "what was paid for is known, also what was in its journal"
    assert cut_off.warehouse.journal.files() == []
