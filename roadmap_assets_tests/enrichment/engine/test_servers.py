"""Runs on a PostgreSQL server that is restarted, and of two machines that share nothing but its address."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.engine.events import BatchEnriched, CacheChecked, Event
from roadmap_assets.errors import WarehouseUnavailable
from roadmap_assets.simulator.faults import Edit, FaultPlan, Rule, Status
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.enrichment.engine.runs import Start, questions
from roadmap_assets_tests.enrichment.engine.test_sharing import TOPICS, asked, stored
from roadmap_assets_tests.postgres import PASSWORD, PostgresServer
from roadmap_assets_tests.processes import EngineProcess

pytestmark = pytest.mark.long


def test_a_run_goes_on_by_itself_when_the_server_is_restarted_in_its_middle(
    own_server: PostgresServer, own_url: PostgresUrl
) -> None:
    """Leases, answers and the quota are all on the server; it is away for a second."""
    with Simulator(SimulatorOptions(latency_s=0.3)) as simulator:
        with EngineProcess(TOPICS, db=own_url, url=simulator.url, concurrency=1, rpm=1000) as process:
            assert process.wait_for(BatchEnriched, times=2)
            own_server.restart(down_s=1.0)
            process.end()
        assert asked(simulator) == Counter(TOPICS), "nothing is asked again"
    assert stored(own_url) == Counter(TOPICS)


def test_answers_that_a_server_which_stays_away_cannot_take_are_kept_for_the_next_run(
    own_server: PostgresServer, own_url: PostgresUrl, start: Start
) -> None:
    runs = start(options={"latency_s": 0.2}, database=own_url, wait_s=0.5)

    def stop_server(event: Event) -> None:
        if isinstance(event, BatchEnriched):
            with suppress(ProcessLookupError):
                own_server.stop()

    with pytest.raises(WarehouseUnavailable, match=r"Connection refused.*answers are kept in") as caught:
        asyncio.run(runs.engine(concurrency=1, lease_s=2.0).run(questions(60), on_event=stop_server))
    assert PASSWORD not in str(caught.value)
    own_server.start()
    answered = runs.calls
    assert runs.run(questions(60)).complete
    assert runs.calls == 3, f"{answered} calls were paid for, and none again"
    assert len(runs.answers()) == 60


def test_runs_whose_connections_are_cut_go_on_and_store_each_topic_once(
    own_server: PostgresServer, own_url: PostgresUrl
) -> None:
    """As by a network that fails and comes back: every session of both machines is ended, again and again."""
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roadmap-assets'"
    with Simulator(SimulatorOptions(latency_s=0.3)) as simulator, ExitStack() as stack:
        processes = [
            stack.enter_context(EngineProcess(topics, db=own_url, url=simulator.url, concurrency=2))
            for topics in (TOPICS, TOPICS[::-1])
        ]
        for process in processes:
            assert process.wait_for(CacheChecked)
        for _ in range(3):
            own_server.execute(cut)
            time.sleep(0.4)
        for process in processes:
            process.end()
    assert stored(own_url) == Counter(TOPICS)


def test_machines_with_faults_and_kills_at_random_answer_each_topic_once_within_one_quota(
    postgres_database: PostgresUrl,
) -> None:
    """Four processes that share nothing but the address; the strict server refuses a request beyond the quota."""
    topics = [f"Topic {number}" for number in range(400)]
    moments = random.Random(20_261_124)
    faults = FaultPlan((Rule(Status(503), probability=0.1), Rule(Edit("omit"), probability=0.2)))
    options = SimulatorOptions(rpm=60, window_s=6, latency_s=0.2, faults=faults)
    with Simulator(options) as simulator, ExitStack() as stack:

        def start() -> EngineProcess:
            shuffled = moments.sample(topics, len(topics))
            limits = {"rpm": 60, "quota_window_s": 6.5, "concurrency": 3, "attempts": 10}
            return stack.enter_context(EngineProcess(shuffled, db=postgres_database, url=simulator.url, **limits))

        running = [start() for _ in range(4)]
        for _ in range(4):
            place = moments.randrange(4)
            running[place].wait_for(BatchEnriched)
            time.sleep(moments.uniform(0, 0.3))
            running[place].kill()
            running[place] = start()
        for process in running:
            process.end()
        assert not [request for request in simulator.requests if request.status == 429], "no permit beyond the quota"
        requests = simulator.requests
    assert stored(postgres_database) == Counter(topics)
    with open_warehouse(postgres_database).transaction() as connection:
        rows = connection.execute("SELECT topic, answered_at FROM enrichments").fetchall()
    stored_at = {topic: answered_at.replace(tzinfo=UTC).timestamp() for topic, answered_at in rows}
    again = [topic for request in requests for topic in request.topics if request.at > stored_at[topic]]
    assert again == [], "nothing that is stored is asked again"
