"""`kill -9` at random moments: what is stored stays, and only what is missing is asked again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from pathlib import Path

import pytest

from roadmap_assets.enrichment.events import BatchEnriched
from roadmap_assets.enrichment.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets_tests.processes import EngineProcess

KILLS = 50
TOPICS = [f"Topic {number}" for number in range(100)]
LEAST_CALLS = ceil(len(TOPICS) / 20)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(SimulatorOptions(latency_s=0.05)) as running:
        yield running


@dataclass
class Life:
    """A database from its making until all is answered, over as many runs as it takes."""

    path: Path
    simulator: Simulator
    runs: int = 0
    kills: int = 0
    stored: dict[str, tuple[object, ...]] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return len(self.stored) == len(TOPICS)

    def run(self, *, killed_by: random.Random | None) -> None:
        """One run, killed at a random moment unless it ends before that; then everything is looked at."""
        seen_before = len(self.simulator.requests)
        stored_before = self.stored
        with EngineProcess(TOPICS, db=self.path, url=self.simulator.url, concurrency=2) as process:
            self.runs += 1
            if killed_by is None:
                process.end()
            elif process.wait_for(BatchEnriched, times=killed_by.randrange(LEAST_CALLS)) and not process.ends_within(
                killed_by.uniform(0, 0.3)
            ):
                self.kills += 1
                process.kill()
        self.stored = self._read()
        assert self.stored.items() >= stored_before.items(), "no stored answer is lost or changed"
        asked = {topic for request in self.simulator.requests[seen_before:] for topic in request.topics}
        assert not asked & stored_before.keys(), "what is stored is not asked again"

    def check_calls(self) -> None:
        """All runs together: the least number, those in flight at the kills, and one a run that was not full."""
        in_ledger = self._count("SELECT count(*) FROM api_calls")
        in_flight = len(self.simulator.requests) - in_ledger
        assert len(self.simulator.requests) <= LEAST_CALLS + in_flight + self.runs

    def _read(self) -> dict[str, tuple[object, ...]]:
        with Warehouse(self.path).transaction() as connection:
            rows = connection.execute("SELECT topic, key, answer, call_id, answered_at FROM enrichments").fetchall()
            calls = connection.execute("SELECT call_id, answered FROM api_calls").fetchall()
        by_call = dict(calls)
        assert sum(by_call.values()) == len(rows), "an answer and its call are stored together"
        assert {row[3] for row in rows} <= by_call.keys()
        stored = {row[0]: row[1:] for row in rows}
        assert len(stored) == len(rows), "no answer is stored twice"
        return stored

    def _count(self, sql: str) -> int:
        with Warehouse(self.path).transaction() as connection:
            found = connection.execute(sql).fetchone()
        assert found is not None
        return int(found[0])


def test_that_killing_runs_loses_nothing_and_costs_only_what_was_in_flight(
    tmp_path: Path, simulator: Simulator
) -> None:
    moments = random.Random(20_261_101)
    kills = 0
    for number in count():
        simulator.reset()
        life = Life(tmp_path / f"{number}.duckdb", simulator)
        while not life.finished:
            life.run(killed_by=moments if kills + life.kills < KILLS else None)
        life.check_calls()
        assert set(life.stored) == set(TOPICS)
        kills += life.kills
        if kills == KILLS:
            break
