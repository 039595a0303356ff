"""How a run ends before its time, by hand, by a limit or by a fault of ours, and that it keeps what was answered."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.engine.events import BatchEnriched, Event
from roadmap_assets.enrichment.limiter.base import Limits
from roadmap_assets.errors import QuotaUnavailable, WarehouseBusy, WarehouseUnreadable
from roadmap_assets.simulator.faults import Edit, Hang, Rule, Status
from roadmap_assets_tests.enrichment.engine.runs import FREE, Start, on_both, questions, rightly_answered
from roadmap_assets_tests.fake_clock import FakeClock
from roadmap_assets_tests.postgres import as_set
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse.access import HOLD_A_TABLE, HOLD_AS_A_STRANGER, HOLD_AS_ONE_OF_US


@on_both
def test_a_cancelled_run_keeps_what_was_answered(start: Start) -> None:
    runs = start(Rule(Hang(), calls=(3, 4)), clock=SystemClock())

    async def cancel_when_two_are_in() -> None:
        answered = asyncio.Event()
        seen: list[Event] = []

        def on_event(event: Event) -> None:
            seen.append(event)
            if len([e for e in seen if isinstance(e, BatchEnriched)]) == 2:
                answered.set()

        running = asyncio.create_task(runs.engine().run(questions(80), on_event=on_event))
        await answered.wait()
        await asyncio.to_thread(runs.wait_for_calls, 4)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel_when_two_are_in())
    assert len(runs.answers()) == 40
    assert runs.outcomes() == {"answered": 2, "cancelled": 2}
    assert runs.rows("SELECT * FROM enrichment_leases") == []
    assert runs.run(questions(80)).rows == {"hit": 40, "enriched": 40}
    assert runs.calls == 6


ENDED_BY_HAND = """
import asyncio, sys
from roadmap_assets_tests.enrichment.engine.runs import questions, runs_of

engine = runs_of(sys.argv[1:]).engine()
asyncio.run(engine.run(questions(80), on_event=lambda event: print(type(event).__name__, flush=True)))
"""


@on_both
def test_ctrl_c_keeps_what_was_answered(start: Start) -> None:
    runs = start(Rule(Hang(), calls=(3, 4)))
    arguments = [sys.executable, "-c", ENDED_BY_HAND, *runs.arguments]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        enriched = 0
        while enriched < 2:
            enriched += process.stdout.readline().strip() == "BatchEnriched"
        runs.wait_for_calls(4)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert len(runs.answers()) == 40
    assert runs.outcomes() == {"answered": 2, "cancelled": 2}


STOPPED = """
import asyncio, signal, sys
from roadmap_assets.enrichment.blocking import run_blocking
from roadmap_assets_tests.enrichment.engine.runs import questions, runs_of

def work():
    engine = runs_of(sys.argv[2:]).engine()
    run_blocking(engine.run(questions(80), on_event=lambda event: print(type(event).__name__, flush=True)))

async def notebook():
    work()

if sys.argv[1] == "in the background":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
asyncio.run(notebook()) if sys.argv[1] == "in a notebook" else work()
"""


@on_both
@pytest.mark.parametrize("where", ["in the foreground", "in the background", "in a notebook"])
def test_sigterm_keeps_what_was_answered_as_ctrl_c_does(start: Start, where: str) -> None:
    runs = start(Rule(Hang(), calls=(3, 4)))
    arguments = [sys.executable, "-c", STOPPED, where, *runs.arguments]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        enriched = 0
        while enriched < 2:
            enriched += process.stdout.readline().strip() == "BatchEnriched"
        runs.wait_for_calls(4)
        os.kill(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert len(runs.answers()) == 40
    assert runs.outcomes() == {"answered": 2, "cancelled": 2}


@on_both
def test_answers_are_stored_while_others_are_still_awaited(start: Start) -> None:
    runs = start(Rule(Hang(), calls=(5,)), clock=SystemClock())

    async def look_meanwhile() -> int:
        running = asyncio.create_task(runs.engine().run(questions(100)))
        while len(stored := await asyncio.to_thread(runs.answers)) < 80:
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return len(stored)

    assert asyncio.run(look_meanwhile()) == 80


@on_both
def test_a_database_that_stays_locked_ends_the_run(start: Start) -> None:
    runs = start(wait_s=0.3, clock=SystemClock(), options={"latency_s": 0.05})
    with ExitStack() as held:

        def hold(event: Event) -> None:
            if isinstance(event, BatchEnriched) and event.batch == 1:
                held.enter_context(runs.held_by_another())

        with pytest.raises(WarehouseBusy):
            asyncio.run(runs.engine(concurrency=1).run(questions(2000), on_event=hold))
    assert runs.calls < 50, "it does not go on asking for what it cannot store"


@pytest.mark.parametrize(
    ("start", "held_by"),
    [("duckdb", HOLD_AS_ONE_OF_US), ("duckdb", HOLD_AS_A_STRANGER), ("postgresql", HOLD_A_TABLE)],
    ids=["another run", "another program", "another program on postgresql"],
    indirect=["start"],
)
def test_a_frozen_holder_of_the_database_costs_no_answer(start: Start, held_by: str) -> None:
    """Calls in flight are awaited, and what the database cannot take is taken in by the next run."""
    runs = start(wait_s=1.0, clock=SystemClock(), options={"latency_s": 0.3})
    runs.run([])
    with ExitStack() as held:

        def freeze_a_holder(event: Event) -> None:
            if isinstance(event, BatchEnriched) and event.batch == 1:
                holder = held.enter_context(Program(held_by, as_set(runs.address)))
                holder.line()
                holder.freeze()

        with pytest.raises(WarehouseBusy, match="answers are kept in"):
            asyncio.run(runs.engine(concurrency=4).run(questions(2000), on_event=freeze_a_holder))
    assert {request.outcome for request in runs.simulator.requests} == {"answered"}, "no call is broken off"
    assert rightly_answered(runs) == sum(len(request.topics) for request in runs.simulator.requests) < 2000


@on_both
def test_a_damaged_database_ends_the_run(start: Start) -> None:
    runs = start(clock=SystemClock(), options={"latency_s": 0.05})

    def fail(event: Event) -> None:
        if isinstance(event, BatchEnriched) and event.batch == 1:
            if runs.database:
                with psycopg.connect(runs.database.secret) as stranger:
                    stranger.execute("DROP TABLE enrichments")
                return
            Path(runs.warehouse.name).unlink()
            Path(runs.warehouse.name).write_text("Something else is here now. " * 100)

    with pytest.raises(WarehouseUnreadable):
        asyncio.run(runs.engine(concurrency=1).run(questions(2000), on_event=fail))
    assert runs.calls < 50


@on_both
def test_a_fault_of_the_limiter_ends_the_run_and_keeps_the_answers(start: Start) -> None:
    runs = start(limits=FREE, clock=SystemClock(), options={"latency_s": 0.2})

    def spoil(event: Event) -> None:
        if isinstance(event, BatchEnriched) and event.batch == 1:
            if runs.database:
                with psycopg.connect(runs.database.secret) as stranger:
                    stranger.execute("DROP TABLE quota_scopes CASCADE")
            for file in runs.folder.glob("quota.sqlite*"):
                file.write_text("Something else is here now. " * 100)

    with pytest.raises(QuotaUnavailable):
        asyncio.run(runs.engine(concurrency=1).run(questions(100), on_event=spoil))
    assert len(runs.answers()) == 20


@on_both
def test_nothing_to_ask_opens_nothing(start: Start) -> None:
    runs = start()
    runs.run(questions(20))
    runs.key = "a key that\ncannot be sent"
    assert runs.run(questions(20)).rows == {"hit": 20}
    assert runs.run([]).rows == {}


@on_both
def test_a_later_stop_keeps_the_time_of_the_reset(start: Start) -> None:
    limits = Limits(rpm=0, tpm=0, rpd=2)
    runs = start(limits=limits, clock=FakeClock(quiet_s=0.03))
    report = runs.run(questions(100))
    assert (report.rows, runs.calls) == ({"enriched": 40, "deferred": 60}, 2)
    assert report.deferred_until is not None
    assert report.deferred_until.tzinfo is not None
    assert (report.deferred_until.hour, report.deferred_until.minute) == (0, 0)


@on_both
def test_a_run_with_faults_all_over_the_place_loses_nothing(start: Start) -> None:
    runs = start(
        Rule(Status(503), probability=0.15),
        Rule(Edit("omit"), probability=0.2),
        Rule(Edit("swap"), probability=0.1),
        Rule(Status(429, retry_delay_s=1), probability=0.1),
    )
    report = runs.run(questions(400), attempts=10)
    assert report.rows == {"enriched": 400}
    assert runs.calls == report.calls == len(runs.ledger())
