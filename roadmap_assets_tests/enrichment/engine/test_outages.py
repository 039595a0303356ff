"""When the provider cannot be reached, is busy, or refuses: what waits, what stops, and what that costs.

100 topics in 5 batches, unless said.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.cost import Prices
from roadmap_assets.enrichment.engine.events import BatchEnriched, BatchFailed, Event, Stopped
from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE, Permit
from roadmap_assets.errors import GeminiRefused
from roadmap_assets.simulator.faults import Fault, Rule, Status
from roadmap_assets_tests.enrichment.engine.runs import (
    KEY,
    MODEL,
    Runs,
    Start,
    agree,
    on_both,
    questions,
    rightly_answered,
)
from roadmap_assets_tests.fake_clock import FakeClock

pytestmark = on_both


def down_until(runs: Runs, tries: int) -> Callable[[Event], None]:
    """Takes the events of a run, and has the server refused until this many calls were lost."""
    lost = 0

    def accept_in_time(event: Event) -> None:
        nonlocal lost
        lost += isinstance(event, BatchFailed)
        if lost == tries:
            runs.simulator.accept()

    return accept_in_time


@pytest.mark.parametrize("tries", [1, 3])
def test_of_a_server_that_is_down_one_batch_finds_out_when_it_is_back(start: Start, tries: int) -> None:
    runs = start()
    runs.simulator.refuse()
    report = asyncio.run(runs.engine().run(questions(100), on_event=down_until(runs, tries)))
    assert report.rows == {"enriched": 100}
    assert runs.calls == 5
    assert report.calls == 5 + tries <= 8, "a call that was refused is in the ledger, though the server has not seen it"
    assert runs.outcomes() == {"answered": 5, "dropped": tries}
    assert any("ConnectError" in detail for _, detail, _, _ in runs.ledger())


def test_a_server_that_goes_down_in_the_middle_costs_what_was_in_flight(start: Start) -> None:
    runs = start(options={"latency_s": 0.05})
    back = down_until(runs, 1)

    def break_off(event: Event) -> None:
        if isinstance(event, BatchEnriched) and event.batch == 1:
            runs.simulator.refuse()
        back(event)

    report = asyncio.run(runs.engine(concurrency=2).run(questions(200), on_event=break_off))
    assert report.rows == {"enriched": 200}
    assert 10 < report.calls <= 13
    assert runs.outcomes() == {"answered": 10, "dropped": report.calls - 10}


def test_a_batch_that_waits_for_a_connection_holds_no_budget(start: Start, priced: Prices) -> None:
    runs = start(prices=priced)
    one_call = runs.engine().plan(questions(20)).cost_usd
    assert one_call is not None
    runs.simulator.refuse()
    engine = runs.engine(budget_usd=2.9 * one_call)
    report = asyncio.run(engine.run(questions(40), on_event=down_until(runs, 1)))
    assert report.rows["enriched"] >= 20
    assert runs.outcomes()["dropped"] == 1


def test_a_server_that_is_never_there_costs_one_batchs_attempts(start: Start) -> None:
    runs = start()
    runs.simulator.refuse()
    report = runs.run(questions(100))
    assert report.rows == {"deferred": 100}
    assert (report.calls, runs.outcomes()) == (4, {"dropped": 4})
    assert report.stop_reason.startswith("Gemini cannot be reached (ConnectError")
    assert runs.failed() == {}, "the topics are not to blame"
    runs.simulator.accept()
    assert runs.run(questions(100)).complete


def test_nothing_is_sent_before_the_pause_of_a_429_is_over(start: Start) -> None:
    # An answer takes longer than an error, so that nothing is on its way to the server when the pause begins.
    runs = start(Rule(Status(429, retry_delay_s=1), calls=(2,)), clock=SystemClock(), options={"latency_s": 0.2})
    pauses: list[tuple[float, float]] = []
    permits: list[Permit] = []
    over = threading.Event()

    def note_pause(event: Event) -> None:
        if isinstance(event, BatchFailed):
            with closing(runs.limiter()) as other:
                until = other.state().paused_until
            assert until is not None, "the pause is shared before it is reported"
            pauses.append((time.time(), until.timestamp()))

    def send_always() -> None:  # as another process would
        with closing(runs.limiter()) as other:
            while not over.is_set():
                permits.append(asyncio.run(other.acquire(input_tokens=1)))
                time.sleep(0.01)

    another = threading.Thread(target=send_always)
    another.start()
    report = asyncio.run(runs.engine(concurrency=2).run(questions(100), on_event=note_pause))
    time.sleep(0.05)
    over.set()
    another.join()
    ((since, until),) = pauses
    assert until - since > 0.8
    assert report.rows == {"enriched": 100}
    assert (runs.calls, runs.outcomes()) == (6, {"answered": 5, "busy": 1})
    assert [r.at for r in runs.simulator.requests if since <= r.at < until] == []
    assert [p.granted_at for p in permits if since <= p.granted_at < until] == []
    assert any(p.granted_at < since for p in permits)
    assert any(p.granted_at >= until for p in permits)


def test_of_a_day_whose_quota_is_gone_the_rest_is_deferred(start: Start) -> None:
    runs = start(Rule(Status(429, quota="day", retry_delay_s=2), calls=(3,)), clock=FakeClock(NOON, quiet_s=0.03))
    report = runs.run(questions(100), concurrency=2)
    assert runs.calls <= 4, "the two answered before, the refused one and the one in flight"
    agree(runs, report)
    assert report.rows["enriched"] + report.rows["deferred"] == 100
    assert 40 <= report.rows["enriched"] <= 60
    assert runs.outcomes()["day_exhausted"] == 1
    midnight = datetime(2026, 11, 24, tzinfo=PROVIDER_ZONE)
    assert report.deferred_until == midnight
    assert "2026-11-24 00:00 PST" in report.stop_reason
    assert runs.failed() == {}

    before = runs.calls
    second = runs.run(questions(100))
    assert (second.calls, runs.calls) == (0, before), "the day is known to be over: nothing is sent"
    assert second.deferred_until == midnight
    runs.clock = FakeClock(midnight.timestamp() + 1, quiet_s=0.03)
    assert runs.run(questions(100)).complete


NOON = datetime(2026, 11, 23, 12, tzinfo=PROVIDER_ZONE).timestamp()
NEVER_S = 60.0
"""Of real time, until the clock ends a wait: for tests in which something else ends all of them."""


@pytest.mark.parametrize(
    ("told_s", "waited", "why"),
    [(20.0, True, "some seconds are waited for"), (301.0, False, "more than five minutes are for another run")],
)
def test_an_absurd_wait_is_left_to_a_later_run(start: Start, told_s: float, waited: bool, why: str) -> None:
    clock = FakeClock(NOON, quiet_s=0.03)
    runs = start(Rule(Status(429, retry_delay_s=told_s), calls=(1,)), clock=clock)
    report = runs.run(questions(20))
    assert report.complete == waited, why
    if not waited:
        assert (report.rows, report.calls) == ({"deferred": 20}, 1)
        assert report.deferred_until == datetime.fromtimestamp(NOON + told_s, PROVIDER_ZONE)
        assert clock.time() < NOON + 60
        assert runs.run(questions(20)).complete, "and nobody else is held up by it"


@pytest.mark.parametrize("attempts", [1, 4])
def test_503_on_every_call_ends(start: Start, attempts: int) -> None:
    runs = start(Rule(Status(503)))
    report = runs.run(questions(100), attempts=attempts)
    assert runs.calls <= 5 * attempts
    agree(runs, report)
    assert report.rows == {"deferred": 100}
    assert "503 UNAVAILABLE" in report.stop_reason
    assert runs.outcomes() == {"unavailable": report.calls}
    assert runs.failed() == {}, "the topics are not to blame"
    assert [event for event in runs.events if isinstance(event, Stopped)] == [Stopped(report.stop_reason)]


def test_backoff_grows_and_is_not_waited_for_in_vain(start: Start) -> None:
    clock = FakeClock(NOON, quiet_s=0.03)
    runs = start(Rule(Status(503)), clock=clock)
    report = runs.run(questions(1))
    assert runs.calls == 4
    assert (report.rows, runs.failed()) == ({"deferred": 1}, {}), "nobody got through: the topic is not to blame"
    waits = [event.remedy for event in runs.events if isinstance(event, BatchFailed) and "again in" in event.remedy]
    seconds = [float(wait.split()[3]) for wait in waits]
    assert len(seconds) == 3
    assert all(0.5 * 2**turn <= wait <= 2**turn for turn, wait in enumerate(seconds))
    assert abs(clock.time() - NOON - sum(seconds)) < 0.5, "nothing is waited for after the last attempt"


def test_429_on_every_call_ends(start: Start) -> None:
    runs = start(Rule(Status(429, retry_delay_s=2)))
    report = runs.run(questions(100))
    assert runs.calls <= 20
    agree(runs, report)
    assert report.rows == {"deferred": 100}
    assert runs.outcomes() == {"busy": report.calls}


@pytest.mark.parametrize(
    ("fault", "options", "message"),
    [
        (None, {"key": "another key"}, "API key not valid"),
        (Status(401), {}, "401 UNAUTHENTICATED"),
        (Status(403), {}, "403 PERMISSION_DENIED"),
        (None, {"models": ("another-model",)}, f"models/{MODEL} is not found"),
        (Status(400), {}, "400 INVALID_ARGUMENT"),
        (Status(403, body=json.dumps({"error": {"code": 403, "message": f"Key {KEY} is blocked"}})), {}, "is blocked"),
    ],
)
def test_a_refusal_stops_at_once(start: Start, fault: Fault | None, options: dict[str, Any], message: str) -> None:
    runs = start(*([Rule(fault)] if fault else []), options=options)
    with pytest.raises(GeminiRefused) as refused:
        runs.run(questions(400), concurrency=5)
    assert message in str(refused.value)
    assert "GEMINI_API_KEY" in str(refused.value)
    assert runs.calls <= 5, "those in flight"
    assert runs.outcomes() == {"refused": runs.calls}
    assert KEY not in str(refused.value)
    assert not any(KEY in str(row) for row in [*runs.ledger(), *runs.events])
    assert runs.rows("SELECT * FROM enrichment_leases") == []


def test_after_a_refusal_no_waiting_batch_is_sent(start: Start) -> None:
    runs = start(Rule(Status(503), first=4), Rule(Status(403), calls=(5,)), clock=FakeClock(quiet_s=NEVER_S))
    with pytest.raises(GeminiRefused):
        runs.run(questions(400), concurrency=5)
    assert runs.calls == 5, "four were waiting to send again"
    assert runs.outcomes() == {"refused": 1, "unavailable": 4}


def test_a_refusal_ends_every_wait(start: Start) -> None:
    clock = FakeClock(NOON, quiet_s=NEVER_S)
    refused = Rule(Status(403, after_s=3.0), calls=(1,))
    runs = start(refused, Rule(Status(429, retry_delay_s=200), calls=(2,)), clock=clock)
    with pytest.raises(GeminiRefused):
        runs.run(questions(40))
    assert clock.time() < NOON + 100
    assert runs.outcomes() == {"refused": 1, "busy": 1}


def test_what_was_answered_before_a_refusal_is_stored(start: Start) -> None:
    runs = start(Rule(Status(403), calls=(3,)))
    with pytest.raises(GeminiRefused):
        runs.run(questions(100), concurrency=1)
    assert rightly_answered(runs) == 40
    assert runs.calls == 3
