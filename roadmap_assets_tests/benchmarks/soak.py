"""Four processes on one database and one quota, with faults in nearly half of the replies, killed at random."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path
from random import Random

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.simulator.faults import BlockPrompt, Cut, Drop, Edit, Fault, FaultPlan, Finish, Garble, Rule, Status
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.base import one_row
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, at_least, exactly
from roadmap_assets_tests.processes import EngineProcess

PROCESSES = 4
RPM = 60
WINDOW_S = 3.0
"""The server's window, which stands for its minute; requests may travel for the half second that ours is longer."""
FAULTS: tuple[tuple[Fault, float], ...] = (
    (Status(503), 0.08),
    (Status(500), 0.04),
    (Status(429, retry_delay_s=0.3), 0.03),
    (Drop("before"), 0.04),
    (Drop("middle", reset=True), 0.04),
    (Edit("omit"), 0.06),
    (Edit("double"), 0.04),
    (Edit("swap"), 0.04),
    (Edit("unknown"), 0.03),
    (Edit("long_text"), 0.05),
    (Edit("bad_level"), 0.03),
    (Garble("not_json"), 0.02),
    (Garble("html"), 0.02),
    (Cut(0.6), 0.05),
    (Finish("SAFETY"), 0.02),
    (BlockPrompt(), 0.02),
)
"""Faults, each with its share of the replies that met none before it."""


def soak(conditions: Conditions) -> Iterator[Figure]:
    """Benchmark `soak`."""
    yield from soak_on(conditions.folder / "soak.duckdb", conditions)


def soak_on(database: Path | PostgresUrl, conditions: Conditions) -> Iterator[Figure]:
    """Four processes that share nothing but this database, and the quota that belongs to it."""
    topics = [f"Topic {number}" for number in range(400 if conditions.quick else 2400)]
    kills = 6 if conditions.quick else 60
    plan = FaultPlan(tuple(Rule(fault, probability=share) for fault, share in FAULTS), seed=12)
    with Simulator(SimulatorOptions(rpm=RPM, window_s=WINDOW_S, latency_s=0.1, faults=plan)) as simulator:
        run = _Run(topics, database, simulator, kills=kills, chance=Random(12))
        began = time.monotonic()
        run.until_all_is_answered()
        seconds = time.monotonic() - began
        requests = [request for request in simulator.requests if request.topics]
    faulty = sum(request.outcome != "answered" for request in requests) / len(requests)
    yield Figure("processes killed", run.kills, "", at_least(kills), f"{run.started} started, {seconds:.0f} s in all")
    yield Figure("requests that met a fault", 100 * faulty, "%", at_least(30), f"of {len(requests)}")
    yield Figure("topics without an answer", len(topics) - len(run.answered()), "", exactly(0), f"of {len(topics)}")
    yield Figure("topics answered twice", run.count(TWICE), "", NONE)
    yield Figure("answers whose call is not in the ledger", run.count(WITHOUT_CALL), "", NONE)
    yield Figure("calls that say another number of answers", run.count(DISAGREEING), "", NONE)
    answered = run.answered()
    again = sum(request.at > answered[topic] for request in requests for topic in request.topics)
    yield Figure("topics asked after their stored answer", again, "", NONE)
    beyond = sum(request.outcome.startswith("over quota") for request in requests)
    yield Figure("requests beyond the quota", beyond, "", NONE)


NONE = exactly(0)
TWICE = "SELECT count(*) - count(DISTINCT topic) FROM enrichments"
WITHOUT_CALL = "SELECT count(*) FROM enrichments WHERE call_id NOT IN (SELECT call_id FROM api_calls)"
DISAGREEING = """
SELECT count(*) FROM api_calls
WHERE answered <> (SELECT count(*) FROM enrichments WHERE enrichments.call_id = api_calls.call_id)
"""


class _Run:
    """Processes that are replaced as they end or are killed, until every topic is answered."""

    def __init__(
        self, topics: list[str], database: Path | PostgresUrl, simulator: Simulator, *, kills: int, chance: Random
    ) -> None:
        self.kills = 0
        self.started = 0
        self._topics = topics
        self._database = database
        self._simulator = simulator
        self._kills_wanted = kills
        self._chance = chance

    def until_all_is_answered(self) -> None:
        with ExitStack() as stack:
            living: list[EngineProcess] = []
            while (answered := len(self.answered())) < len(self._topics):
                while len(living) < PROCESSES:
                    living.append(stack.enter_context(self._start()))
                time.sleep(self._chance.uniform(0, 0.2))
                for process in living:
                    process.skim()
                living = [process for process in living if not process.ends_within(0)]
                # As the answers come in, however fast the machine is; the last kill at nine tenths of them.
                if living and self.kills < min(1, answered / len(self._topics) / 0.9) * self._kills_wanted:
                    living.pop(self._chance.randrange(len(living))).kill()
                    self.kills += 1
            for process in living:
                process.end()

    def answered(self) -> dict[str, float]:
        """When each topic's answer was stored, in seconds since the epoch."""
        with open_warehouse(self._database).transaction() as connection:
            rows = connection.execute("SELECT topic, answered_at FROM enrichments").fetchall()
        return {topic: answered_at.replace(tzinfo=UTC).timestamp() for topic, answered_at in rows}

    def count(self, sql: str) -> int:
        with open_warehouse(self._database).transaction() as connection:
            return int(one_row(connection.execute(sql))[0])

    def _start(self) -> EngineProcess:
        """A run over all topics, in an order of its own."""
        self.started += 1
        topics = self._chance.sample(self._topics, len(self._topics))
        settings = {"rpm": RPM, "quota_window_s": WINDOW_S + 0.5, "concurrency": 4}
        return EngineProcess(topics, db=self._database, url=self._simulator.url, **settings)
