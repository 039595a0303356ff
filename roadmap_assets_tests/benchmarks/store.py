"""Storing answers, alone and with three others on the same database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.enrichments import Answer, cache_size, store_answers
from roadmap_assets.warehouse.ledger import Call, record_calls
from roadmap_assets.warehouse.rows import utc_now
from roadmap_assets_tests.benchmarks import measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, at_least, exactly

CALLS_A_TRANSACTION = (1, 10)
BATCH = 20


def store(conditions: Conditions) -> Iterator[Figure]:
    """Benchmark `store`."""
    calls = 40 if conditions.quick else 500
    for group in CALLS_A_TRANSACTION:
        for processes in (1, 4):
            database = conditions.folder / f"{group}-{processes}.duckdb"
            jobs = [(store_calls, (str(database), writer, calls, group)) for writer in range(processes)]
            spans = [run.result for run in measuring.together(jobs)]
            took_s = max(end for _, end in spans) - min(begin for begin, _ in spans)
            rows = processes * calls * BATCH
            with Warehouse(database).transaction() as connection:
                stored, _ = cache_size(connection)
            name = f"{processes} process{'es' * (processes > 1)}, {group * BATCH} answers a transaction"
            held = group > 1  # the engine stores four times a second, so single calls only come when calls are few
            yield Figure(f"{name}: stored", stored / took_s, "rows/s", at_least(1000) if held else None)
            yield Figure(f"{name}: rows lost", rows - stored, "", exactly(0), f"of {rows:,}")


def store_calls(database: str, writer: int, calls: int, group: int) -> tuple[float, float]:
    """Store this many calls of 20 answers, `group` calls a transaction; the times of start and end (unix seconds)."""
    warehouse = Warehouse(Path(database), wait_s=120)
    began = time.time()
    for first in range(0, calls, group):
        numbers = range(first, min(first + group, calls))
        with warehouse.transaction() as connection:
            record_calls(connection, [a_call(f"{writer}-{number}") for number in numbers])
            store_answers(
                connection, [an_answer(f"{writer}-{number}", row) for number in numbers for row in range(BATCH)]
            )
    return began, time.time()


def a_call(call_id: str) -> Call:
    return Call(
        call_id=call_id,
        run_id="benchmark",
        batch=1,
        attempt=1,
        rows=BATCH,
        answered=BATCH,
        outcome="answered",
        detail="STOP",
        model="simulator",
        model_version="simulator",
        input_tokens=1000,
        cached_tokens=0,
        output_tokens=500,
        thought_tokens=0,
        cost_usd=0.0,
        latency_s=1.0,
        started_at=utc_now(),
    )


def an_answer(call_id: str, row: int) -> Answer:
    return Answer(
        key=f"{call_id}-{row}",
        topic=f"Topic {row}",
        answer={"tldr": "What it is good for, in one line of twelve words at most", "challenge": "practice"},
        profile="summary",
        fingerprint="fingerprint",
        model="simulator",
        model_version="simulator",
        call_id=call_id,
    )
