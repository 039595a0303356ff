"""Several processes at once: each topic is asked once, and the quota is one."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from roadmap_assets.enrichment.engine.events import CacheChecked
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets_tests.processes import EngineProcess

TOPICS = [f"Topic {number}" for number in range(134)]


def stored(path: Path) -> Counter[str]:
    with Warehouse(path).transaction() as connection:
        return Counter(topic for (topic,) in connection.execute("SELECT topic FROM enrichments").fetchall())


def asked(simulator: Simulator) -> Counter[str]:
    return Counter(topic for request in simulator.requests for topic in request.topics)


def test_that_two_runs_over_the_same_topics_ask_once(tmp_path: Path) -> None:
    path = tmp_path / "cache.duckdb"
    with Simulator(SimulatorOptions(latency_s=0.5)) as simulator, ExitStack() as stack:
        for process in [
            stack.enter_context(EngineProcess(TOPICS, db=path, url=simulator.url)),
            stack.enter_context(EngineProcess(TOPICS[::-1], db=path, url=simulator.url)),
        ]:
            process.end()
        assert len(simulator.requests) == 7
        assert asked(simulator) == Counter(TOPICS)
    assert stored(path) == Counter(TOPICS)


def test_that_runs_over_topics_in_part_the_same_share_those(tmp_path: Path) -> None:
    path = tmp_path / "cache.duckdb"
    with Simulator(SimulatorOptions(latency_s=0.5)) as simulator, ExitStack() as stack:
        for process in [
            stack.enter_context(EngineProcess(TOPICS[:100], db=path, url=simulator.url)),
            stack.enter_context(EngineProcess(TOPICS[60:], db=path, url=simulator.url)),
        ]:
            process.end()
        assert asked(simulator) == Counter(TOPICS)
        assert len(simulator.requests) <= 8
    assert stored(path) == Counter(TOPICS)


def test_that_a_living_run_asks_what_a_killed_one_had_leased(tmp_path: Path) -> None:
    path = tmp_path / "cache.duckdb"
    with Simulator(SimulatorOptions(latency_s=3)) as simulator:
        with EngineProcess(TOPICS, db=path, url=simulator.url) as killed:
            assert killed.wait_for(CacheChecked)
            while len(simulator.requests) < 7:
                time.sleep(0.01)
            with EngineProcess(TOPICS, db=path, url=simulator.url) as living:
                assert living.wait_for(CacheChecked)
                assert len(simulator.requests) == 7, "what is leased is not asked"
                killed.kill()
                living.end()
        assert asked(simulator) == Counter(TOPICS * 2)
    assert stored(path) == Counter(TOPICS)


def test_that_four_processes_keep_to_one_quota(tmp_path: Path) -> None:
    """Strictly: the server refuses the first request too many in any window, here of 15 s instead of 60."""
    path = tmp_path / "cache.duckdb"
    parts = [[f"Topic {part}.{number}" for number in range(100)] for part in range(4)]
    with Simulator(SimulatorOptions(rpm=15, window_s=15, latency_s=0.2)) as simulator, ExitStack() as stack:
        for process in [
            stack.enter_context(EngineProcess(part, db=path, url=simulator.url, rpm=15, quota_window_s=15))
            for part in parts
        ]:
            process.end()
        assert [request.status for request in simulator.requests] == [200] * 20
    assert stored(path) == Counter(topic for part in parts for topic in part)
