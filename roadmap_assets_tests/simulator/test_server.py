from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors

from roadmap_assets.simulator.faults import FaultPlan, Hang, Rule
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.simulator.asking import (
    MODEL,
    SCHEMA,
    TOPICS,
    ask,
    generate,
    post,
    raw_request,
    rows,
    with_client,
)


def test_a_reply_answers_every_topic_and_counts_tokens() -> None:
    with Simulator() as simulator:
        response = ask(simulator.url)

        assert [(row["id"], row["topic"]) for row in rows(response)] == [(t["id"], t["topic"]) for t in TOPICS]
        assert response.model_version == "simulator", "whichever model was asked: it says who answers"
        assert response.response_id
        sent = json.dumps({"topics": TOPICS}) + "Answer for each topic."
        usage = response.usage_metadata
        assert usage
        assert usage.prompt_token_count == -(-len(sent.encode()) // 4)
        assert usage.candidates_token_count == -(-len((response.text or "").encode()) // 4)
        assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count


def test_the_log_has_what_was_asked_and_when() -> None:
    with Simulator(SimulatorOptions(latency_s=0.05)) as simulator:
        before = time.time()
        response = ask(simulator.url)
        [seen] = simulator.requests

        assert (seen.method, seen.model, seen.status, seen.outcome) == ("POST", MODEL, 200, "answered")
        assert seen.path.endswith(f"/models/{MODEL}:generateContent")
        assert seen.topics == ("Partitions", "Sensors", "Backfills")
        assert seen.ids == ("0", "1", "2")
        assert seen.finished_at is not None
        assert before <= seen.at <= seen.finished_at - 0.05
        assert response.usage_metadata
        assert seen.input_tokens == response.usage_metadata.prompt_token_count
        assert seen.output_tokens == response.usage_metadata.candidates_token_count


def test_count_tokens_and_models_through_the_sdk() -> None:
    with Simulator(SimulatorOptions(models=("one", "two"))) as simulator:

        async def use(client: genai.Client) -> tuple[int | None, list[str | None], str | None]:
            counted = await client.aio.models.count_tokens(model="one", contents="nine byte")
            listed = [model.name async for model in await client.aio.models.list()]
            return counted.total_tokens, listed, (await client.aio.models.get(model="two")).name

        assert with_client(simulator.url, use) == (3, ["models/one", "models/two"], "models/two")
        assert [seen.method for seen in simulator.requests] == ["POST", "GET", "GET"]


def test_requests_are_answered_side_by_side() -> None:
    with Simulator(SimulatorOptions(latency_s=0.2)) as simulator:

        async def use(client: genai.Client) -> None:
            await asyncio.gather(*(generate(client) for _ in range(8)))

        with_client(simulator.url, use)
        last_to_arrive = max(seen.at for seen in simulator.requests)
        assert len(simulator.requests) == 8
        assert all(seen.finished_at and seen.finished_at > last_to_arrive for seen in simulator.requests)


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_or_missing_key_is_refused(key: str) -> None:
    with Simulator(SimulatorOptions(key="right")) as simulator:
        refused = httpx2.post(
            f"{simulator.url}/v1/models/{MODEL}:generateContent", headers={"x-goog-api-key": key} if key else {}
        )
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert error["status"] == "INVALID_ARGUMENT"
        assert [detail.get("reason") for detail in error["details"]] == ["API_KEY_INVALID"]
        assert rows(ask(simulator.url, key="right"))


def test_the_sdk_raises_a_client_error_for_a_wrong_key() -> None:
    with Simulator(SimulatorOptions(key="right")) as simulator, pytest.raises(errors.ClientError) as caught:
        ask(simulator.url, key="wrong")
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


def test_a_model_that_there_is_not_is_refused() -> None:
    with Simulator(SimulatorOptions(models=(MODEL,))) as simulator:
        assert rows(ask(simulator.url))
        with pytest.raises(errors.ClientError) as caught:
            ask(simulator.url, model="gemini-0")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    assert "models/gemini-0 is not found" in (caught.value.message or "")


def content(*texts: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "parts": [{"text": text} for text in texts]}]


CONFIG = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "not JSON"),
        ([], "not an object"),
        (raw_request(contents=None), "no contents"),
        (raw_request(contents=[]), "empty contents"),
        (raw_request(contents=content(role="assistant")), "a role of another API"),
        (raw_request(contents=content()), "no parts"),
        (raw_request(contents=content(1)), "a part that is no text"),
        (raw_request(contents=content("hello")), "no JSON in it"),
        (raw_request(contents=content('{"topics": []}')), "no topic"),
        (raw_request(contents=content('{"topics": [{"topic": "x"}]}')), "no id"),
        (raw_request(contents=content('{"topics": [{"id": 1, "topic": "x"}]}')), "an id that is no string"),
        (raw_request(generationConfig=None), "no schema"),
        (raw_request(generationConfig={"responseJsonSchema": SCHEMA}), "a schema without the media type"),
        (raw_request(generationConfig={**CONFIG, "maxOutputTokens": 0}), "no token to answer with"),
        (raw_request(generationConfig={**CONFIG, "temperature": 2.5}), "a temperature out of range"),
        (raw_request(systemInstruction={"parts": []}), "an empty instruction"),
    ],
)
def test_a_request_that_is_not_right_is_refused(body: Any, why: str) -> None:
    with Simulator() as simulator:
        assert post(simulator.url, raw_request()).status_code == 200
        refused = post(simulator.url, body)
        assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT"), why
        assert [seen.outcome for seen in simulator.requests] == ["answered", "refused"]


def test_a_deadline_under_ten_seconds_is_refused_as_by_the_real_server() -> None:
    with Simulator() as simulator:
        assert rows(with_client(simulator.url, generate, timeout_ms=10_000))
        with pytest.raises(errors.ClientError, match="too short"):
            with_client(simulator.url, generate, timeout_ms=9_000)


def test_a_server_that_is_down_refuses_and_comes_back_on_the_same_port() -> None:
    with Simulator() as simulator:

        async def use(client: genai.Client) -> None:
            await generate(client)  # leaves an open connection behind
            simulator.refuse()
            for _ in range(2):
                with pytest.raises((httpx2.ConnectError, httpx2.RemoteProtocolError, httpx2.ReadError)):
                    await generate(client)
            with pytest.raises(httpx2.ConnectError):
                httpx2.get(simulator.url)
            simulator.refuse()  # twice is once
            simulator.accept()
            simulator.accept()
            await generate(client)

        with_client(simulator.url, use)
        assert [seen.outcome for seen in simulator.requests] == ["answered", "answered"]


def test_leaving_breaks_off_what_still_hangs() -> None:
    caught: list[BaseException] = []

    def hang(url: str) -> None:
        try:
            ask(url)
        except httpx2.TransportError as error:
            caught.append(error)

    with Simulator(SimulatorOptions(faults=FaultPlan((Rule(Hang()),)))) as simulator:
        thread = threading.Thread(target=hang, args=(simulator.url,))
        thread.start()
        while not any(seen.ids for seen in simulator.requests):
            time.sleep(0.01)
    thread.join()

    assert len(caught) == 1
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(simulator.url)


def test_a_client_that_leaves_before_its_request_is_whole_is_not_in_the_log() -> None:
    with Simulator() as simulator:
        host, port = simulator.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(b"POST /v1/models/m:generateContent HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        ask(simulator.url)
        assert [seen.outcome for seen in simulator.requests] == ["answered"]


SERVE = """
from roadmap_assets.simulator.server import SimulatorOptions, serve
serve(SimulatorOptions(rpm=1), ready=lambda url: print(url, flush=True))
"""


def test_served_by_itself_it_shows_its_log_and_ends_with_the_interrupt() -> None:
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert post(url, raw_request()).status_code == 200
        assert post(url, raw_request()).status_code == 429

        seen = httpx2.get(f"{url}/simulator/requests").json()
        assert [(one["status"], one["outcome"]) for one in seen] == [(200, "answered"), (429, "over quota (minute)")]
        assert seen[0]["topics"] == ["Partitions", "Sensors", "Backfills"]

        httpx2.post(f"{url}/simulator/reset").raise_for_status()
        assert httpx2.get(f"{url}/simulator/requests").json() == []
        assert post(url, raw_request()).status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in said
    assert "Exception in ASGI" not in said
