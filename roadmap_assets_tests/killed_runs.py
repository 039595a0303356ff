"""Runs that are killed at random moments, and the damage: for the test, which allows none, and for the benchmark."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from pathlib import Path

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.engine.events import BatchEnriched
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.postgres import fresh_schema
from roadmap_assets_tests.processes import EngineProcess

TOPICS = [f"Topic {number}" for number in range(100)]
LEAST_CALLS = ceil(len(TOPICS) / 20)
LATENCY_S = 0.05


@dataclass
class Damage:
    """The damage done by the kills, over all runs.

    `lost`: answers that were stored and are gone or changed; `asked_though_stored`: topics that were asked all the
    same; `torn`: calls stored without all of their answers, answers without their call, or stored twice; `in_flight`:
    calls that the server saw and the ledger does not have; `calls_beyond`: calls beyond the least, those in flight, and
    one a run for a last batch that is not full.
    """

    kills: int = 0
    runs: int = 0
    databases: int = 0
    lost: int = 0
    asked_though_stored: int = 0
    torn: int = 0
    calls: int = 0
    in_flight: int = 0
    calls_beyond: int = 0


def files_in(folder: Path) -> Iterator[Path]:
    """Databases of their own, as many as are taken."""
    return (folder / f"{number}.duckdb" for number in count())


def schemas_in(url: str) -> Iterator[PostgresUrl]:
    """Schemas of their own on a server, as many as are taken; each is dropped when the next is."""
    while True:
        with fresh_schema(url) as database:
            yield database


def kill_runs(databases: Iterable[Path | PostgresUrl], *, kills: int, moments: random.Random) -> Damage:
    """Kill this many runs, running each of the empty databases until all is answered."""
    damage = Damage()
    with Simulator(SimulatorOptions(latency_s=LATENCY_S)) as simulator:
        for database in databases:
            simulator.reset()
            life = _Life(database, simulator, damage)
            while not life.finished:
                life.run(killed_by=moments if damage.kills < kills else None)
            life.end()
            if damage.kills == kills:
                break
    return damage


@dataclass
class _Life:
    """A database from its creation until all is answered, over as many runs as needed."""

    database: Path | PostgresUrl
    simulator: Simulator
    damage: Damage
    runs: int = 0
    stored: dict[str, tuple[object, ...]] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.stored.keys() >= set(TOPICS)

    def run(self, *, killed_by: random.Random | None) -> None:
        """One run, killed at a random moment unless it ends before that; then the database is inspected."""
        seen_before = len(self.simulator.requests)
        stored_before = self.stored
        with EngineProcess(TOPICS, db=self.database, url=self.simulator.url, concurrency=2) as process:
            self.runs += 1
            if killed_by is None:
                process.end()
            elif process.wait_for(BatchEnriched, times=killed_by.randrange(LEAST_CALLS)) and not process.ends_within(
                killed_by.uniform(0, 0.3)
            ):
                self.damage.kills += 1
                process.kill()
        self.stored = self._read()
        self.damage.lost += sum(self.stored.get(topic) != answer for topic, answer in stored_before.items())
        asked = {topic for request in self.simulator.requests[seen_before:] for topic in request.topics}
        self.damage.asked_though_stored += len(asked & stored_before.keys())

    def end(self) -> None:
        """Count the calls of all its runs together."""
        with open_warehouse(self.database).transaction() as connection:
            [(in_ledger,)] = connection.execute("SELECT count(*) FROM api_calls").fetchall()
        calls = len(self.simulator.requests)
        damage = self.damage
        damage.databases += 1
        damage.runs += self.runs
        damage.calls += calls
        damage.in_flight += calls - in_ledger
        damage.calls_beyond += max(0, in_ledger - LEAST_CALLS - self.runs)

    def _read(self) -> dict[str, tuple[object, ...]]:
        with open_warehouse(self.database).transaction() as connection:
            rows = connection.execute("SELECT topic, key, answer, call_id, answered_at FROM enrichments").fetchall()
            calls = connection.execute("SELECT call_id, answered FROM api_calls").fetchall()
        by_call = dict(calls)
        stored = {row[0]: row[1:] for row in rows}
        self.damage.torn += abs(sum(by_call.values()) - len(rows))
        self.damage.torn += len({row[3] for row in rows} - by_call.keys()) + len(rows) - len(stored)
        return stored
