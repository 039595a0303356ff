"""One request over real HTTP: what is sent, and how the outcome is reported."""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from roadmap_assets.enrichment.providers.base import Outcome, Usage
from roadmap_assets.enrichment.providers.gemini import Gemini
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.simulator.app import SimulatorOptions
from roadmap_assets.simulator.faults import (
    BlockPrompt,
    Cut,
    Drip,
    Drop,
    Fault,
    FaultPlan,
    Finish,
    Garble,
    Hang,
    Rule,
    Status,
)
from roadmap_assets.simulator.server import Simulator
from roadmap_assets_tests.enrichment.engine.runs import KEY, MODEL, SUMMARY, questions


@pytest.fixture
def started() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def outcome_of(started: ExitStack, fault: Fault | None, *, times: int = 1, **given: Any) -> list[Outcome]:
    """The results of this many simultaneous calls."""
    rules = (Rule(fault),) if fault else ()
    simulator = started.enter_context(Simulator(SimulatorOptions(faults=FaultPlan(rules))))

    async def ask_all() -> list[Outcome]:
        gemini = Gemini(
            **{"api_key": KEY, "model": MODEL, "profile": SUMMARY, "base_url": simulator.url, "timeout_s": 5.0, **given}
        )
        try:
            return await asyncio.gather(*(gemini.ask(questions(3)) for _ in range(times)))
        finally:
            await gemini.close()

    return asyncio.run(ask_all())


@pytest.mark.parametrize(
    ("fault", "kind", "detail", "why"),
    [
        (None, "replied", "STOP", "a reply in order"),
        (Cut(), "replied", "MAX_TOKENS", "a cut reply holds objects that count"),
        (Finish("SAFETY", content=True), "replied", "SAFETY", "what was written before is judged by itself"),
        (Finish("SAFETY"), "blocked", "SAFETY", "no text"),
        (Finish("SPII"), "blocked", "SPII", "no text"),
        (BlockPrompt("BLOCKLIST"), "blocked", "BLOCKLIST", "before anything was written"),
        (BlockPrompt("new_Reason"), "blocked", "new_Reason", "never seen before, and verbatim"),
        (Finish("new_Reason"), "failed", "new_Reason", "never seen before, and verbatim"),
        (Finish("MAX_TOKENS"), "failed", "MAX_TOKENS", "all spent on thoughts"),
        (Garble("no_candidates"), "failed", "no candidate", "nothing at all"),
        (Garble("empty"), "failed", "STOP", "an empty text"),
        (Garble("html"), "failed", "the reply was not JSON", "a login page"),
        (Status(500), "unavailable", "500 INTERNAL", "5xx"),
        (Status(503), "unavailable", "503 UNAVAILABLE", "5xx"),
        (Status(429), "busy", "429 RESOURCE_EXHAUSTED", "a minute's quota"),
        (Status(429, quota="tokens"), "busy", "429", "a minute's quota of tokens"),
        (Status(429, quota="day", retry_delay_s=1), "day_exhausted", "429", "by the quotaId, whatever RetryInfo says"),
        (Status(429, body="Slow down"), "busy", "429 Too Many Requests: Slow down", "a proxy's"),
        (Status(400, reason="API_KEY_INVALID"), "refused", "400 INVALID_ARGUMENT", "the key"),
        (Status(404), "refused", "404 NOT_FOUND", "the model"),
        (Status(413, body="too\nlong"), "failed", "too long", "a smaller batch may do"),
        (Status(503, body="x" * 5000), "unavailable", "x" * 100, "a long body is cut"),
        (Status(500, body="[1, 2]"), "unavailable", "500", "JSON of another shape"),
        (Drop(), "dropped", "RemoteProtocolError", "before a byte"),
        (Drop("middle"), "dropped", "RemoteProtocolError", "in the middle"),
        (Drop(reset=True), "dropped", "", "reset"),
        (Hang(), "timeout", "no whole reply within 0.5 s", "nothing comes"),
        (Drip(pause_s=0.05, chunk_bytes=2), "timeout", "no whole reply within 0.5 s", "in total, not for each wait"),
    ],
)
def test_what_comes_back_in_one_word(started: ExitStack, fault: Fault | None, kind: str, detail: str, why: str) -> None:
    (outcome,) = outcome_of(started, fault, timeout_s=0.5)
    assert outcome.kind == kind, why
    assert detail in outcome.detail, why
    assert len(outcome.detail) <= 500
    assert "\n" not in outcome.detail
    assert bool(outcome.text) == (kind == "replied")
    assert outcome.cut == (
        detail in ("MAX_TOKENS", "SAFETY", "SPII", "new_Reason") and not isinstance(fault, BlockPrompt)
    )


def test_usage_and_version_come_with_the_reply(started: ExitStack) -> None:
    (outcome,) = outcome_of(started, None)
    assert outcome.model_version == MODEL
    assert outcome.usage is not None
    assert outcome.usage.input_tokens > 0
    assert outcome.usage.output_tokens > 0
    assert outcome.usage == Usage(input_tokens=outcome.usage.input_tokens, output_tokens=outcome.usage.output_tokens)
    assert outcome.latency_s > 0


def test_the_wait_that_the_server_asks_for(started: ExitStack) -> None:
    (outcome,) = outcome_of(started, Status(429, retry_delay_s=57.359))
    assert outcome.retry_after_s == 57.359


async def ask_at(url: str) -> Outcome:
    """The result of one call there."""
    gemini = Gemini(api_key=KEY, model=MODEL, profile=SUMMARY, base_url=url)
    try:
        return await gemini.ask(questions(1))
    finally:
        await gemini.close()


def test_nobody_listens() -> None:
    with Simulator() as simulator:
        simulator.refuse()
        outcome = asyncio.run(ask_at(simulator.url))
    assert (outcome.kind, outcome.detail.partition(":")[0]) == ("dropped", "ConnectError")
    assert not outcome.sent


@pytest.mark.parametrize("fault", [None, Drop(), Status(503), Hang()])
def test_a_call_is_reported_when_it_is_sent(started: ExitStack, fault: Fault | None) -> None:
    outcomes = outcome_of(started, fault, times=2, timeout_s=0.5)
    assert [outcome.sent for outcome in outcomes] == [True, True]


def test_the_key_does_not_follow_a_redirect() -> None:
    with Simulator() as elsewhere:

        class Redirect(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(307)
                self.send_header("Location", f"{elsewhere.url}{self.path}")
                self.end_headers()

        with HTTPServer(("127.0.0.1", 0), Redirect) as server:
            threading.Thread(target=server.serve_forever).start()
            outcome = asyncio.run(ask_at(f"http://127.0.0.1:{server.server_port}"))
            server.shutdown()
        assert elsewhere.requests == []
    assert outcome.kind == "failed"
    assert "307" in outcome.detail


def test_the_key_is_never_shown(started: ExitStack) -> None:
    body = json.dumps({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": f"The key {KEY} is no good"}})
    (outcome,) = outcome_of(started, Status(400, body=body))
    assert outcome.detail == "400 INVALID_ARGUMENT: The key … is no good"


@pytest.mark.parametrize("key", ["with\nline break", "with\n", "with space", "with…dots", "tab\t"])
def test_a_key_that_cannot_be_sent_is_refused_unseen(key: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Gemini(api_key=key, model=MODEL, profile=SUMMARY)
    assert "with" not in str(refused.value).replace("without", "")
    assert "GEMINI_API_KEY" in str(refused.value)


def test_a_finish_reason_never_seen_before_is_kept_without_a_warning(started: ExitStack) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcomes = outcome_of(started, Finish("another_Reason"), times=4)
        warnings.warn("of something else", stacklevel=1)
    assert {outcome.detail for outcome in outcomes} == {"another_Reason"}
    assert [str(warning.message) for warning in caught] == ["of something else"]


def test_closing_closes_what_was_opened_for_it() -> None:
    closed = []

    async def open_and_close() -> None:
        await Gemini(api_key=KEY, model=MODEL, profile=SUMMARY, on_close=lambda: closed.append(True)).close()

    asyncio.run(open_and_close())
    assert closed == [True]


@pytest.mark.parametrize("reason", ["CONTINUATION", "MAX_TOKENS"])
def test_a_reply_that_was_cut_is_not_continued_behind_the_back_of_the_quota(started: ExitStack, reason: str) -> None:
    simulator = started.enter_context(
        Simulator(SimulatorOptions(faults=FaultPlan((Rule(Finish(reason, content=True)),))))
    )
    outcome = asyncio.run(ask_at(simulator.url))
    assert (outcome.kind, outcome.cut) == ("replied", True)
    assert len(simulator.requests) == 1
