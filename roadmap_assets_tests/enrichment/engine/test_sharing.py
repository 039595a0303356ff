"""Several processes at once: each topic is asked once, and the quota is one."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.engine.events import BatchFailed, CacheChecked, Event
from roadmap_assets.simulator.faults import Rule, Status
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.enrichments import Answer, store_answers
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.enrichment.engine.runs import Start, on_both, questions
from roadmap_assets_tests.processes import EngineProcess

pytestmark = pytest.mark.long

TOPICS = [f"Topic {number}" for number in range(134)]


def stored(path: Path | PostgresUrl) -> Counter[str]:
    with open_warehouse(path).transaction() as connection:
        return Counter(topic for (topic,) in connection.execute("SELECT topic FROM enrichments").fetchall())


def asked(simulator: Simulator) -> Counter[str]:
    return Counter(topic for request in simulator.requests for topic in request.topics)


def test_that_two_runs_over_the_same_topics_ask_once(database: Path | PostgresUrl) -> None:
    with Simulator(SimulatorOptions(latency_s=0.5)) as simulator, ExitStack() as stack:
        for process in [
            stack.enter_context(EngineProcess(TOPICS, db=database, url=simulator.url)),
            stack.enter_context(EngineProcess(TOPICS[::-1], db=database, url=simulator.url)),
        ]:
            process.end()
        assert len(simulator.requests) == 7
        assert asked(simulator) == Counter(TOPICS)
    assert stored(database) == Counter(TOPICS)


def test_that_runs_over_topics_in_part_the_same_share_those(database: Path | PostgresUrl) -> None:
    with Simulator(SimulatorOptions(latency_s=0.5)) as simulator, ExitStack() as stack:
        for process in [
            stack.enter_context(EngineProcess(TOPICS[:100], db=database, url=simulator.url)),
            stack.enter_context(EngineProcess(TOPICS[60:], db=database, url=simulator.url)),
        ]:
            process.end()
        assert asked(simulator) == Counter(TOPICS)
        assert len(simulator.requests) <= 8
    assert stored(database) == Counter(TOPICS)


def test_that_a_living_run_asks_what_a_killed_one_had_leased(database: Path | PostgresUrl) -> None:
    with Simulator(SimulatorOptions(latency_s=3)) as simulator:
        with EngineProcess(TOPICS, db=database, url=simulator.url) as killed:
            assert killed.wait_for(CacheChecked)
            while len(simulator.requests) < 7:
                time.sleep(0.01)
            with EngineProcess(TOPICS, db=database, url=simulator.url) as living:
                assert living.wait_for(CacheChecked)
                assert len(simulator.requests) == 7, "what is leased is not asked"
                killed.kill()
                living.end()
        assert asked(simulator) == Counter(TOPICS * 2)
    assert stored(database) == Counter(TOPICS)


def test_that_four_processes_keep_to_one_quota(database: Path | PostgresUrl) -> None:
    """Strictly: the server refuses the first request too many in any window, here of 15 s instead of 60.

    The limiter's window is 1 s longer, about what it adds to a real minute: requests may travel for so long.
    """
    parts = [[f"Topic {part}.{number}" for number in range(100)] for part in range(4)]
    with Simulator(SimulatorOptions(rpm=15, window_s=15, latency_s=0.2)) as simulator, ExitStack() as stack:
        for process in [
            stack.enter_context(EngineProcess(part, db=database, url=simulator.url, rpm=15, quota_window_s=16))
            for part in parts
        ]:
            process.end()
        assert [request.status for request in simulator.requests] == [200] * 20
    assert stored(database) == Counter(topic for part in parts for topic in part)


SUSPENDED = """
import sys
from roadmap_assets.enrichment.blocking import run_blocking
from roadmap_assets_tests.enrichment.engine.runs import questions, runs_of

engine = runs_of(sys.argv[1:]).engine(concurrency=1, lease_s=2.0)
report = run_blocking(engine.run(questions(100), on_event=lambda event: print(type(event).__name__, flush=True)))
print(dict(report.rows), flush=True)
"""


@on_both
def test_a_run_that_was_suspended_asks_nothing_that_was_answered_meanwhile(start: Start) -> None:
    runs = start(options={"latency_s": 0.3}, clock=SystemClock())
    arguments = [sys.executable, "-c", SUSPENDED, *runs.arguments]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as suspended:
        assert suspended.stdout is not None
        while suspended.stdout.readline().strip() != "BatchEnriched":
            pass
        time.sleep(0.6)  # for the first answers to be stored
        with runs.held_by_another():  # not while it holds the database
            suspended.send_signal(signal.SIGSTOP)
        before = runs.calls
        assert runs.run(questions(100)).complete
        assert 3 <= runs.calls - before <= 4
        after = runs.calls
        suspended.send_signal(signal.SIGCONT)
        out, _ = suspended.communicate(timeout=60)
    assert runs.calls == after, "all that was left is answered"
    assert "enriched" in out
    assert len(runs.answers()) == 100


@on_both
def test_before_a_retry_the_cache_is_looked_at_again(start: Start) -> None:
    runs = start(Rule(Status(503), first=1))

    given = {"tldr": "From elsewhere", "challenge": "practice"}

    def answer_elsewhere(event: Event) -> None:
        if isinstance(event, BatchFailed):
            answers = [Answer(q.key, q.topic, given, "summary", "f", "m", "m", "c") for q in questions(15)]
            with runs.warehouse.transaction() as connection:
                store_answers(connection, answers)

    report = asyncio.run(runs.engine().run(questions(20), on_event=answer_elsewhere))
    assert report.rows == {"hit": 15, "enriched": 5}
    assert [len(request.topics) for request in runs.simulator.requests] == [20, 5]
