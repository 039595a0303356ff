"""Faults as a client meets them: through the SDK, and on the wire."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from roadmap_assets.simulator.faults import Drip, Drop, Fault, FaultPlan, Hang, Rule, Status
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.simulator.asking import (
    MODEL,
    ask,
    generate,
    post,
    raw_request,
    rows,
    with_client,
)


def simulator_with(*faults: Fault) -> Simulator:
    """A simulator whose first calls meet these faults, one each."""
    return Simulator(SimulatorOptions(faults=FaultPlan(tuple(Rule(fault, times=1) for fault in faults))))


@pytest.mark.parametrize(
    ("fault", "error", "status", "why"),
    [
        (Status(400, reason="API_KEY_INVALID"), errors.ClientError, "INVALID_ARGUMENT", "a wrong key"),
        (Status(403), errors.ClientError, "PERMISSION_DENIED", "no access"),
        (Status(404), errors.ClientError, "NOT_FOUND", "no such model"),
        (Status(418), errors.ClientError, "UNKNOWN", "one never heard of"),
        (Status(429, retry_delay_s=3), errors.ClientError, "RESOURCE_EXHAUSTED", "a minute's quota"),
        (Status(429, quota="day"), errors.ClientError, "RESOURCE_EXHAUSTED", "a day's quota"),
        (Status(500), errors.ServerError, "INTERNAL", "broken"),
        (Status(503), errors.ServerError, "UNAVAILABLE", "busy"),
        (Status(504), errors.ServerError, "DEADLINE_EXCEEDED", "late"),
        (Status(502, body="<html>Bad gateway</html>"), errors.ServerError, "Bad Gateway", "not from Gemini at all"),
    ],
)
def test_statuses_raise_the_sdk_s_errors(fault: Status, error: type[errors.APIError], status: str, why: str) -> None:
    with simulator_with(fault) as simulator:
        with pytest.raises(error) as caught:
            ask(simulator.url)
        assert (caught.value.code, caught.value.status) == (fault.code, status), why
        assert rows(ask(simulator.url)), "the next call is answered"
        assert [(seen.status, seen.outcome) for seen in simulator.requests] == [
            (fault.code, "status"),
            (200, "answered"),
        ]


@pytest.mark.parametrize(
    ("fault", "details", "why"),
    [
        (Status(429, retry_delay_s=3), ["PerMinute", "3s"], "with a retry delay"),
        (Status(429, quota="tokens", retry_delay_s=57.3591), ["InputTokens", "57.36s"], "tokens a minute"),
        (Status(429, quota="day", retry_delay_s=9), ["PerDay", "9s"], "a delay that is not the day's end"),
        (Status(429, quota="day"), ["PerDay"], "without a retry delay"),
    ],
)
def test_a_429_names_its_quota_and_delay(fault: Status, details: list[str], why: str) -> None:
    with simulator_with(fault) as simulator, pytest.raises(errors.ClientError) as caught:
        ask(simulator.url)
    violation, *retry = caught.value.details["error"]["details"]
    found = [violation["violations"][0]["quotaId"], *(detail["retryDelay"] for detail in retry)]
    assert len(found) == len(details), why
    assert all(part in text for part, text in zip(details, found, strict=True)), why


@pytest.mark.parametrize(
    ("fault", "error", "status", "why"),
    [
        (Drop(), httpx2.RemoteProtocolError, None, "closed before any byte"),
        (Drop(reset=True), httpx2.ReadError, None, "broken off before any byte"),
        (Drop("middle"), httpx2.RemoteProtocolError, 200, "closed in the middle of the body"),
        (Drop("middle", reset=True), httpx2.TransportError, 200, "broken off in the middle of the body"),
    ],
)
def test_dropped_connections(fault: Drop, error: type[Exception], status: int | None, why: str) -> None:
    with simulator_with(fault) as simulator:
        with pytest.raises(error):
            ask(simulator.url)
        assert rows(ask(simulator.url)), "the next call is answered"
        dropped = simulator.requests[0]
        assert (dropped.outcome, dropped.status) == ("drop", status), why
        assert dropped.finished_at is not None


def test_a_hanging_reply_is_ended_by_the_client() -> None:
    with simulator_with(Hang()) as simulator:

        async def use(client: genai.Client) -> types.GenerateContentResponse:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await generate(client)
            return await generate(client)

        assert rows(with_client(simulator.url, use))
        hung, answered = simulator.requests
        assert (hung.outcome, hung.status, hung.client_left) == ("hang", None, True)
        assert (answered.outcome, answered.client_left) == ("answered", False)


def test_a_hang_of_some_seconds_is_answered_after_them() -> None:
    with simulator_with(Hang(0.1)) as simulator:
        assert rows(ask(simulator.url))
        [seen] = simulator.requests
        assert seen.finished_at is not None
        assert seen.finished_at - seen.at >= 0.1


def test_a_dripping_reply_outlives_a_timeout_of_each_wait() -> None:
    with simulator_with(Drip(pause_s=0.05, chunk_bytes=64)) as simulator:
        body = json.dumps(raw_request()).encode()
        path = f"{simulator.url}/v1beta/models/{MODEL}:generateContent"
        reply = httpx2.post(path, content=body, timeout=0.2)

        assert json.loads(reply.json()["candidates"][0]["content"]["parts"][0]["text"])
        [seen] = simulator.requests
        assert seen.finished_at is not None
        assert seen.finished_at - seen.at > 0.2
        assert seen.outcome == "drip"


def test_reset_restarts_the_fault_plan() -> None:
    with simulator_with(Status(503)) as simulator:
        statuses = []
        for _ in range(2):
            statuses += [post(simulator.url, raw_request()).status_code for _ in range(2)]
            simulator.reset()
        assert statuses == [503, 200, 503, 200]
