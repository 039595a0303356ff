"""Every fault that a provider shows, over real HTTP: what the rows, the calls and the ledger come to.

100 topics in 5 batches, unless said.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.events import BatchFailed, Event, Stopped
from roadmap_assets.enrichment.quota import PROVIDER_ZONE, Permit
from roadmap_assets.enrichment.report import Report
from roadmap_assets.enrichment.simulator.answers import phrases_of
from roadmap_assets.enrichment.simulator.app import SimulatorOptions
from roadmap_assets.enrichment.simulator.faults import (
    BlockPrompt,
    Cut,
    Drip,
    Drop,
    Edit,
    Fault,
    FaultPlan,
    Finish,
    Garble,
    Hang,
    Rule,
    Status,
)
from roadmap_assets.enrichment.simulator.server import Simulator
from roadmap_assets.enrichment.simulator.wire import AskedTopic
from roadmap_assets.errors import GeminiRefused
from roadmap_assets_tests.enrichment.runs import KEY, MODEL, Runs, questions
from roadmap_assets_tests.fake_clock import FakeClock

Start = Callable[..., Runs]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a simulator with these rules, and runs against it."""
    with ExitStack() as stack:

        def start(*rules: Rule, options: dict[str, Any] | None = None, **runs: Any) -> Runs:
            given = SimulatorOptions(faults=FaultPlan(rules), **(options or {}))
            return Runs(tmp_path, stack.enter_context(Simulator(given)), **runs)

        yield start


def rightly_answered(runs: Runs) -> int:
    """How many topics have an answer; each of them its own."""
    answers = runs.answers()
    for topic, answer in answers.items():
        asked = AskedTopic("0", topic, f"{topic} has a text of its own. It goes on.")
        assert answer["tldr"] == next(phrases_of(asked)), topic
        assert answer["challenge"] in ("practice", "expert")
    return len(answers)


def agree(runs: Runs, report: Report) -> None:
    """The report, the ledger and the server have counted the same calls."""
    assert runs.calls == report.calls == len(runs.ledger())


@dataclass(frozen=True)
class Case:
    """A fault that costs calls and no row."""

    fault: str
    rules: tuple[Rule, ...]
    most_calls: int
    outcomes: dict[str, int]
    detail: str = ""
    timeout_s: float = 20.0


CASES = [
    Case("nothing goes wrong", (), 5, {"answered": 5}, "STOP"),
    Case("429 on one call", (Rule(Status(429, retry_delay_s=3), calls=(2,)),), 6, {"answered": 5, "busy": 1}, "429"),
    Case("429 without RetryInfo", (Rule(Status(429), calls=(2,)),), 6, {"answered": 5, "busy": 1}, "429"),
    Case("429 for tokens", (Rule(Status(429, quota="tokens"), calls=(2,)),), 6, {"answered": 5, "busy": 1}, "Quota"),
    Case(
        "500, 503, 504 once each",
        (Rule(Status(500), calls=(1,)), Rule(Status(503), calls=(3,)), Rule(Status(504), calls=(4,))),
        8,
        {"answered": 5, "unavailable": 3},
        "503 UNAVAILABLE",
    ),
    Case(
        "an error page of a proxy",
        (Rule(Status(502, body="<html>\n<body>Bad gateway</body></html>"), calls=(1,)),),
        6,
        {"answered": 5, "unavailable": 1},
        "<html> <body>Bad gateway",
    ),
    Case(
        "dropped before, in the middle, and reset",
        (Rule(Drop(), calls=(1,)), Rule(Drop("middle"), calls=(2,)), Rule(Drop(reset=True), calls=(3,))),
        8,
        {"answered": 5, "dropped": 3},
        "RemoteProtocolError",
    ),
    Case("no answer in time", (Rule(Hang(), calls=(2,)),), 6, {"answered": 5, "timeout": 1}, "0.6 s", timeout_s=0.6),
    Case(
        "a reply that drips: no single wait is long",
        (Rule(Drip(pause_s=0.05, chunk_bytes=4), calls=(2,)),),
        6,
        {"answered": 5, "timeout": 1},
        "0.6 s",
        timeout_s=0.6,
    ),
    Case("1 of 20 missing in each reply", (Rule(Edit("omit"), first=5),), 6, {"partly_answered": 5, "answered": 1}),
    Case("an unknown id", (Rule(Edit("unknown"), first=5),), 5, {"answered": 5}),
    Case("a doubled id", (Rule(Edit("double"), first=5),), 6, {"partly_answered": 5, "answered": 1}),
    Case("another order", (Rule(Edit("reverse")),), 5, {"answered": 5}),
    Case("two answers swapped", (Rule(Edit("swap"), first=5),), 6, {"partly_answered": 5, "answered": 1}),
    Case("a full stop", (Rule(Edit("full_stop", topic="*")),), 5, {"answered": 5}),
    Case("white space and capitals", (Rule(Edit("sloppy", topic="*")),), 5, {"answered": 5}),
    Case("a tldr too long, once", (Rule(Edit("long_text"), first=5),), 6, {"partly_answered": 5, "answered": 1}),
    Case(
        "a level that is not in the list, once",
        (Rule(Edit("bad_level"), first=5),),
        6,
        {"partly_answered": 5, "answered": 1},
    ),
    Case("a string in the array", (Rule(Edit("string")),), 5, {"answered": 5}),
    Case("fenced JSON", (Rule(Garble("fenced")),), 5, {"answered": 5}),
    Case("one reply cut", (Rule(Cut(), calls=(2,)),), 6, {"partly_answered": 1, "answered": 5}, "MAX_TOKENS"),
    Case(
        "one reply cut near its beginning",
        (Rule(Cut(keep=0.1), calls=(2,)),),
        7,
        {"partly_answered": 1, "answered": 6},
        "MAX_TOKENS",
    ),
    Case("one reply no JSON", (Rule(Garble("not_json"), calls=(2,)),), 7, {"unusable": 1, "answered": 6}, "not JSON"),
    Case("one reply HTML", (Rule(Garble("html"), calls=(2,)),), 7, {"failed": 1, "answered": 6}, "not JSON"),
    Case("one reply empty", (Rule(Garble("empty"), calls=(2,)),), 7, {"failed": 1, "answered": 6}, "STOP"),
    Case(
        "one reply without a candidate",
        (Rule(Garble("no_candidates"), calls=(2,)),),
        7,
        {"failed": 1, "answered": 6},
        "no candidate",
    ),
    Case(
        "an unknown finish reason, without content",
        (Rule(Finish("Moon_phase"), calls=(2,)),),
        7,
        {"failed": 1, "answered": 6},
        "Moon_phase",
    ),
    Case(
        "an unknown finish reason, with content",
        (Rule(Finish("Moon_phase", content=True), calls=(2,)),),
        5,
        {"answered": 5},
        "Moon_phase",
    ),
    Case(
        "an unknown status",
        (Rule(Status(418, body='{"error": {"code": 418, "status": "TEAPOT", "message": "short"}}'), calls=(2,)),),
        7,
        {"failed": 1, "answered": 6},
        "418 TEAPOT: short",
    ),
    Case("one prompt blocked", (Rule(BlockPrompt("OTHER"), calls=(2,)),), 7, {"blocked": 1, "answered": 6}, "OTHER"),
]


@pytest.mark.parametrize("case", CASES, ids=[case.fault for case in CASES])
def test_a_fault_costs_calls_and_no_row(start: Start, case: Case) -> None:
    runs = start(*case.rules, timeout_s=case.timeout_s)
    report = runs.run(questions(100))
    assert report.rows == {"enriched": 100}
    assert rightly_answered(runs) == 100
    assert runs.calls <= case.most_calls
    agree(runs, report)
    assert runs.outcomes() == case.outcomes
    assert any(case.detail in detail for _, detail, _, _ in runs.ledger())
    assert runs.failed() == {}
    assert not report.stop_reason


def test_a_server_that_is_down_for_a_while_costs_no_row(start: Start) -> None:
    runs = start(clock=SystemClock())
    runs.simulator.refuse()

    def accept_soon(event: Event) -> None:
        if isinstance(event, BatchFailed) and event.batch == 5:
            runs.simulator.accept()

    report = asyncio.run(runs.engine().run(questions(100), on_event=accept_soon))
    assert report.rows == {"enriched": 100}
    assert runs.calls == 5
    assert report.calls <= 10  # refused attempts are in the ledger too, but the server has not seen them
    assert runs.outcomes() == {"answered": 5, "dropped": report.calls - 5}
    assert any("ConnectError" in detail for _, detail, _, _ in runs.ledger())


def test_nobody_sends_before_the_pause_of_a_429_is_over(start: Start) -> None:
    runs = start(Rule(Status(429, retry_delay_s=1), calls=(2,)), clock=SystemClock())
    pauses: list[tuple[float, float]] = []
    permits: list[Permit] = []
    over = threading.Event()

    def note_pause(event: Event) -> None:
        if isinstance(event, BatchFailed):
            with closing(runs.limiter()) as other:
                until = other.state().paused_until
            assert until is not None, "the pause is shared before anybody is told of it"
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


def test_a_topic_that_is_never_answered_costs_its_attempts(start: Start) -> None:
    runs = start(Rule(Edit("omit", topic="Topic 7"), topic="Topic 7"))
    report = runs.run(questions(100))
    assert report.rows == {"enriched": 99, "failed": 1}
    assert rightly_answered(runs) == 99
    assert runs.calls <= 5 + 4
    agree(runs, report)
    assert runs.failed() == {"Topic 7": ("unusable", "the reply holds no answers", 1)}
    assert list(report.failures.values()) == ["unusable: the reply holds no answers"]


@pytest.mark.parametrize("what", ["long_text", "bad_level"])
def test_a_rule_that_is_broken_twice_has_failed(start: Start, what: Any) -> None:
    runs = start(Rule(Edit(what, topic="Topic 7"), topic="Topic 7"))
    report = runs.run(questions(100))
    assert report.rows == {"enriched": 99, "failed": 1}
    assert rightly_answered(runs) == 99
    assert runs.calls == 6
    agree(runs, report)
    assert runs.failed()["Topic 7"][0] == "rule"


@pytest.mark.parametrize(
    ("fault", "outcome", "reason"),
    [
        (Finish("SAFETY"), "blocked", "SAFETY"),
        (BlockPrompt("PROHIBITED_CONTENT"), "blocked", "PROHIBITED_CONTENT"),
        (Finish("RECITATION"), "blocked", "RECITATION"),
    ],
)
def test_a_poison_topic_is_cornered(start: Start, fault: Fault, outcome: str, reason: str) -> None:
    runs = start(Rule(fault, topic="Topic 31"))
    report = runs.run(questions(100))
    assert report.rows == {"enriched": 99, "failed": 1}
    assert rightly_answered(runs) == 99
    assert runs.calls <= 15
    agree(runs, report)
    assert runs.failed() == {"Topic 31": (outcome, reason, 1)}
    assert runs.outcomes() == {"answered": 9, outcome: 6}


@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_batch_that_nobody_answers_is_divided_when_others_get_through(start: Start, concurrency: int) -> None:
    runs = start(Rule(Status(500), topic="Topic 3"))
    report = runs.run(questions(100), concurrency=concurrency, attempts=2)
    assert report.rows == {"enriched": 99, "failed": 1}
    assert runs.failed()["Topic 3"][0] == "unavailable"
    assert runs.calls <= 9 + 2 * 6
    agree(runs, report)


@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_batch_of_poison_starves_nobody(start: Start, concurrency: int) -> None:
    poison = tuple(Rule(Finish("SAFETY"), topic=f"Topic {number}") for number in range(20))
    runs = start(*poison)
    report = runs.run(questions(100), concurrency=concurrency)
    assert report.rows == {"enriched": 80, "failed": 20}
    assert runs.calls <= 4 + 39
    agree(runs, report)


@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_batch_that_brings_nothing_starves_nobody(start: Start, concurrency: int) -> None:
    poison = tuple(Rule(Finish("Moon_phase"), topic=f"Topic {number}") for number in range(20))
    runs = start(*poison)
    report = runs.run(questions(100), concurrency=concurrency)
    assert report.rows["enriched"] == 80
    assert report.rows["failed"] + report.rows.get("deferred", 0) == 20
    assert runs.calls <= 5 + 20
    agree(runs, report)


@pytest.mark.parametrize(
    ("fault", "status", "why"),
    [
        (Garble("html"), "deferred", "a login page says nothing about the topics"),
        (Garble("not_json"), "failed", "Gemini itself writes what is of no use"),
    ],
)
def test_replies_of_no_use_are_not_asked_for_ever(start: Start, fault: Fault, status: str, why: str) -> None:
    runs = start(Rule(fault))
    report = runs.run(questions(400))
    assert runs.calls <= 40
    agree(runs, report)
    assert "of no use" in report.stop_reason
    assert bool(runs.failed()) == (status == "failed"), why
    assert report.rows["deferred"] + report.rows.get("failed", 0) == 400


def test_every_reply_cut_ends_with_all_rows(start: Start) -> None:
    runs = start(Rule(Cut(keep=0.7)))
    report = runs.run(questions(19), attempts=4)
    assert report.rows["enriched"] >= 18
    assert rightly_answered(runs) == report.rows["enriched"]
    assert runs.calls <= 10


@pytest.mark.parametrize(
    ("fault", "options", "told"),
    [
        (None, {"key": "another key"}, "API key not valid"),
        (Status(401), {}, "401 UNAUTHENTICATED"),
        (Status(403), {}, "403 PERMISSION_DENIED"),
        (None, {"models": ("another-model",)}, f"models/{MODEL} is not found"),
        (Status(400), {}, "400 INVALID_ARGUMENT"),
        (Status(403, body=json.dumps({"error": {"code": 403, "message": f"Key {KEY} is blocked"}})), {}, "is blocked"),
    ],
)
def test_a_refusal_stops_at_once(start: Start, fault: Fault | None, options: dict[str, Any], told: str) -> None:
    runs = start(*([Rule(fault)] if fault else []), options=options)
    with pytest.raises(GeminiRefused) as refused:
        runs.run(questions(400), concurrency=5)
    assert told in str(refused.value)
    assert "GEMINI_API_KEY" in str(refused.value)
    assert runs.calls <= 5, "those in flight"
    assert runs.outcomes() == {"refused": runs.calls}
    assert KEY not in str(refused.value)
    assert not any(KEY in str(row) for row in [*runs.ledger(), *runs.events])
    assert runs.rows("SELECT * FROM enrichment_leases") == []


def test_after_a_refusal_nobody_who_waits_sends(start: Start) -> None:
    runs = start(Rule(Status(503), first=4), Rule(Status(403), calls=(5,)))
    with pytest.raises(GeminiRefused):
        runs.run(questions(400), concurrency=5)
    assert runs.calls == 5, "four were waiting to send again"
    assert runs.outcomes() == {"refused": 1, "unavailable": 4}


def test_after_a_refusal_nobody_goes_on_waiting(start: Start) -> None:
    clock = FakeClock(NOON, quiet_s=0.1)
    runs = start(Rule(Status(429, retry_delay_s=200), calls=(1,)), Rule(Status(403), calls=(2,)), clock=clock)
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


def test_the_ledger_tells_each_attempt_apart(start: Start) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    runs = start(Rule(Status(503), calls=(1,)))
    report = runs.run(questions(20))
    first, second = runs.rows(
        "SELECT run_id, batch, attempt, rows, answered, model, model_version, input_tokens, output_tokens, cost_usd, "
        "latency_s, started_at FROM api_calls ORDER BY attempt"
    )
    assert first[:10] == (report.run_id, 1, 1, 20, 0, MODEL, "", 0, 0, 0.0)
    assert second[:7] == (report.run_id, 1, 2, 20, 20, MODEL, MODEL)
    (_, seen) = runs.simulator.requests
    assert second[7:9] == (seen.input_tokens, seen.output_tokens) == (report.input_tokens, report.output_tokens)
    assert before <= first[11] <= second[11]
    assert second[10] > 0
