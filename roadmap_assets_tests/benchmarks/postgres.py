"""PostgreSQL in the place of the DuckDB file and of the limiter's: speed, and what servers and machines do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.engine.events import BatchEnriched
from roadmap_assets.settings import load_settings
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.base import Warehouse, one_row
from roadmap_assets.warehouse.enrichments import load_answers, store_answers
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.ledger import record_calls
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.benchmarks import measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, at_least, at_most, exactly
from roadmap_assets_tests.benchmarks.processes import speed
from roadmap_assets_tests.benchmarks.soak import soak_on
from roadmap_assets_tests.benchmarks.store import a_call, an_answer
from roadmap_assets_tests.postgres import PostgresServer, fresh_schema
from roadmap_assets_tests.processes import EngineProcess, Program

PROCESSES = 4
BATCH = 20
KEYS = 2_000
TOPICS = [f"Topic {number}" for number in range(200)]


def postgres(conditions: Conditions) -> Iterator[Figure]:
    """Benchmark `postgres`."""
    with PostgresServer(fsync="on") as server:
        for part in (transactions, look_up, permits, machines, killed_holder):
            with fresh_schema(server.url()) as url:
                yield from part(url, conditions)
        with fresh_schema(server.url()) as url:
            yield from restart(server, url)


def transactions(url: PostgresUrl, conditions: Conditions) -> Iterator[Figure]:
    """Four processes that each store a call with its 20 answers and read those of the one before."""
    rates = {"the file": 0.0, "PostgreSQL": 0.0}
    count = 20 if conditions.quick else 200
    for name, database in (("the file", str(conditions.folder / "file.duckdb")), ("PostgreSQL", url.secret)):
        with open_warehouse(load_settings(db=database).db).transaction():
            pass  # the tables are there
        runs = measuring.together([(store_and_read, (database, number, count)) for number in range(PROCESSES)])
        took_s = max(end for _, end in _results(runs)) - min(begin for begin, _ in _results(runs))
        rates[name] = PROCESSES * count / took_s
        yield Figure(f"4 processes store and read, {name}: transactions", rates[name], "/s")
    yield Figure("4 processes store and read: PostgreSQL ÷ the file", rates["PostgreSQL"] / rates["the file"], "", MANY)


MANY = at_least(10)


def store_and_read(database: str, writer: int, count: int) -> tuple[float, float]:
    """So many transactions; the times of start and end (unix seconds)."""
    warehouse = open_warehouse(load_settings(db=database).db, wait_s=120)
    began = time.time()
    for number in range(count):
        answers = [an_answer(f"{writer}-{number}", row) for row in range(BATCH)]
        with warehouse.transaction() as connection:
            record_calls(connection, [a_call(f"{writer}-{number}")])
            store_answers(connection, answers)
            assert len(load_answers(connection, [answer.key for answer in answers])) == BATCH
    return began, time.time()


def _results(runs: list[measuring.Apart]) -> list[tuple[float, float]]:
    return [(run.result[0], run.result[1]) for run in runs]


def look_up(url: PostgresUrl, conditions: Conditions) -> Iterator[Figure]:
    """Keys of which half are answered, anywhere in a large cache."""
    size = 50_000 if conditions.quick else 1_000_000
    warehouse = open_warehouse(url)
    with warehouse.transaction() as connection:
        connection.execute(
            """INSERT INTO enrichments (key, topic, answer, profile, fingerprint, model, model_version, call_id,
                base_url, answered_at)
            SELECT md5(CAST(n AS VARCHAR)), 'Topic ' || n, CAST('{"tldr": "' || md5(CAST(n * 7 AS VARCHAR)) || '"}'
                AS JSON), 'summary', 'f', 'simulator', 'simulator', 'c', '', CAST(now() AS TIMESTAMP)
            FROM generate_series(1, ?) AS numbers (n)""",
            [size],
        )
        connection.execute("ANALYZE enrichments")
        asked = "SELECT md5(CAST(n * 997 % (2 * ?) + 1 AS VARCHAR)) FROM generate_series(1, ?) AS numbers (n)"
        keys = [key for (key,) in connection.execute(asked, [size, KEYS]).fetchall()]

    def find() -> None:
        with warehouse.transaction() as connection:
            assert load_answers(connection, keys)

    find()
    took_s = measuring.median_seconds(find, repeats=11)
    yield Figure(f"{KEYS:,} keys looked up in {size:,} answers", 1000 * took_s, "ms", at_most(50), "median of 11")


def permits(url: PostgresUrl, conditions: Conditions) -> Iterator[Figure]:
    """As in the benchmark `processes`."""
    yield from speed(url.secret, permits=500 if conditions.quick else 3_000, wanted=at_least(1_000))


def machines(url: PostgresUrl, conditions: Conditions) -> Iterator[Figure]:
    """As in the benchmark `soak`."""
    yield from soak_on(url, conditions)


HOLD = """
import sys
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.registry import open_warehouse

warehouse = open_warehouse(load_settings(db=sys.argv[1]).db)
with LeaseHolder(warehouse, ttl_s=3600) as holder:
    with warehouse.transaction() as connection:
        holder.claim(connection, ["a"])
    print("leased", flush=True)
    sys.stdin.readline()
"""


def killed_holder(url: PostgresUrl, conditions: Conditions) -> Iterator[Figure]:
    """From `kill -9` until another holder gets the lease, claiming all the time."""
    warehouse = open_warehouse(url)
    waits = []
    for _ in range(3 if conditions.quick else 11):
        with Program(HOLD, url.secret) as program, LeaseHolder(warehouse) as holder:
            program.line()
            assert not _claims(holder, warehouse)
            killed_at = time.perf_counter()
            program.kill()
            while not _claims(holder, warehouse):
                pass
            waits.append(time.perf_counter() - killed_at)
    yield Figure(
        "a killed holder's lease is free after", 1000 * statistics.median(waits), "ms", at_most(1_000), "median"
    )


def _claims(holder: LeaseHolder, warehouse: Warehouse) -> bool:
    with warehouse.transaction() as connection:
        return bool(holder.claim(connection, ["a"]).leased)


def restart(server: PostgresServer, url: PostgresUrl) -> Iterator[Figure]:
    """A run of 10 calls whose server is away for a second after the third."""
    with Simulator(SimulatorOptions(latency_s=0.3)) as simulator:
        with EngineProcess(TOPICS, db=url, url=simulator.url, concurrency=1, rpm=1000) as process:
            assert process.wait_for(BatchEnriched, times=3)
            server.restart(down_s=1.0)
            process.end()
        asked = sum(len(request.topics) for request in simulator.requests)
    with open_warehouse(url).transaction() as connection:
        stored = int(one_row(connection.execute("SELECT count(*) FROM enrichments"))[0])
    yield Figure("the server restarts in a run: topics lost", len(TOPICS) - stored, "", exactly(0))
    yield Figure("the server restarts in a run: topics asked again", asked - len(TOPICS), "", exactly(0))
