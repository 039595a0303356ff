"""Processes that are killed while they submit and collect jobs, and processes that collect the same job."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.engine.events import CacheChecked
from roadmap_assets.simulator.answers import phrases_of
from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.simulator.wire import AskedTopic
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.killed_runs import files_in, schemas_in
from roadmap_assets_tests.processes import BatchProcess

pytestmark = pytest.mark.long

TOPICS = [f"Topic {number}" for number in range(100)]
KILLS = {"duckdb": 20, "postgresql": 10}
LIFE_S = 0.5
"""About what a run takes after its look-up."""


def simulator() -> Simulator:
    """A server that takes a moment for everything, so that a kill may find it at work."""
    behaviour = BatchBehaviour(pending_s=0.1, running_s=0.1, shuffle=True)
    return Simulator(SimulatorOptions(latency_s=0.1, batches=behaviour))


def asked_about(server: Simulator) -> Counter[str]:
    """How often each topic was in a job that the server created, or in a call."""
    return Counter(topic for request in server.requests for topic in request.topics)


def check_everything_is_there_once(path: Path | PostgresUrl, server: Simulator) -> None:
    """Assert that each topic was asked once, and that its answer and its request are stored once."""
    assert asked_about(server) == Counter(TOPICS)
    with open_warehouse(path).transaction() as connection:
        answers = connection.execute("SELECT topic, answer->>'tldr', call_id FROM enrichments").fetchall()
        calls = connection.execute("SELECT call_id, rows, answered, service FROM api_calls").fetchall()
        jobs = connection.execute("SELECT state, count(*) FROM batch_jobs GROUP BY state").fetchall()
    assert sorted(topic for topic, _, _ in answers) == sorted(TOPICS)
    for topic, tldr, _ in answers:
        assert tldr == next(phrases_of(AskedTopic("0", topic, f"{topic} is a topic.", "A Roadmap"))), topic
    assert [call[1:] for call in calls] == [(20, 20, "batch")] * 5
    assert {call_id for _, _, call_id in answers} == {call[0] for call in calls}
    assert [state for state, _ in jobs] == ["collected"]


@pytest.fixture(params=["duckdb", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | PostgresUrl]:
    """Databases of one kind, as many as are taken."""
    if request.param == "duckdb":
        return files_in(tmp_path)
    return schemas_in(request.getfixturevalue("postgres_url"))


def test_runs_that_are_killed_at_any_moment_lose_nothing_and_ask_nothing_twice(
    databases: Iterator[Path | PostgresUrl],
) -> None:
    moments = random.Random(17)
    kills = 0
    with simulator() as server:
        for database in databases:
            wanted = KILLS["duckdb" if isinstance(database, Path) else "postgresql"]
            server.reset()
            ended = False
            while not ended:
                with BatchProcess(TOPICS, db=database, url=server.url) as process:
                    if kills == wanted:
                        process.end()
                        ended = True
                    elif not process.wait_for(CacheChecked) or process.ends_within(moments.uniform(0, LIFE_S)):
                        ended = True
                    else:
                        process.kill()
                        kills += 1
            check_everything_is_there_once(database, server)
            if kills == wanted:
                break


def test_of_processes_that_collect_the_same_job_each_answer_is_stored_once(database: Path | PostgresUrl) -> None:
    with simulator() as server, ExitStack() as stack:
        processes = [stack.enter_context(BatchProcess(TOPICS, db=database, url=server.url)) for _ in range(3)]
        for process in processes:
            process.end()
        check_everything_is_there_once(database, server)
