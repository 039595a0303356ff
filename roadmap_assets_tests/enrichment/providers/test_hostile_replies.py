"""Replies that no server should send: each is one failed reply, whatever it holds, and nothing of the key is kept."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import resource
import time
import zlib
from typing import Any

import pytest

from roadmap_assets.enrichment.providers.base import Outcome, Usage
from roadmap_assets.enrichment.providers.cleaning import Cleaner
from roadmap_assets.enrichment.providers.gemini import Gemini
from roadmap_assets.enrichment.providers.reply import match_reply
from roadmap_assets_tests.enrichment.engine.runs import KEY, MODEL, SUMMARY, questions
from roadmap_assets_tests.enrichment.providers.raw_server import answering, http


def ask_at(url: str, *, timeout_s: float = 20.0, key: str = KEY) -> Outcome:
    async def ask() -> Outcome:
        gemini = Gemini(api_key=key, model=MODEL, profile=SUMMARY, base_url=url, timeout_s=timeout_s)
        try:
            return await gemini.ask(questions(1))
        finally:
            await gemini.close()

    return asyncio.run(ask())


def outcome_of(body: bytes, *headers: str, **given: Any) -> Outcome:
    with answering(http(body, *headers), **given) as url:
        return ask_at(url)


def envelope(text: str = "[]", **changes: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 5}, "modelVersion": "m", **changes}


ORDINARY = json.dumps(envelope()).encode()
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (DEEP, "nested around the reply"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested objects"),
        (json.dumps(envelope()).replace('"STOP"', DEEP), "nested in a field"),
        ("[" * 980, "a model that repeats itself"),
        ("[]", "an array"),
        ("null", "nothing"),
        ("3", "a number"),
        ('"text"', "a text"),
        (json.dumps(envelope(candidates=5)), "no candidates but a number"),
        (json.dumps(envelope(candidates=[None])), "a candidate that is null"),
        (json.dumps(envelope(candidates=[{"content": "text"}])), "content of another type"),
        (json.dumps(envelope(candidates=[{"content": {"parts": {"text": "x"}}}])), "parts of another type"),
        (json.dumps(envelope(candidates=[{"content": {"parts": [{"text": ["x"]}]}}])), "a text that is an array"),
        (json.dumps(envelope(candidates=[{"finishReason": {"a": 1}}])), "a finish reason that is an object"),
        (json.dumps(envelope(promptFeedback=[])), "feedback of another type"),
        (json.dumps(envelope(modelVersion={"a": []})), "a version of another type"),
        (json.dumps(envelope(usageMetadata=[1])), "usage of another type"),
        (json.dumps(envelope(usageMetadata={"promptTokenCount": "many"})), "a count that is a word"),
    ],
)
def test_whatever_a_reply_holds_it_is_one_outcome(body: str, why: str) -> None:
    outcome = outcome_of(body.encode())
    assert outcome.kind in ("failed", "replied"), why
    assert outcome.kind == "failed" or not match_reply(outcome.text, asked={"0": "Topic 0"}, profile=SUMMARY).answers


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Internal Server Error", "418 I'm a teapot"])
def test_an_error_that_is_nested_too_deeply_is_one_outcome(status: str) -> None:
    for body in (DEEP, '{"error":{"message":' + "[" * 900 + "]" * 900 + "}}", '{"error": {"details": [[{}], 7]}}'):
        with answering(http(body.encode(), status=status)) as url:
            assert ask_at(url).kind in ("failed", "refused", "unavailable")


@pytest.mark.parametrize("text", [DEEP, '[{"id":"0","topic":"Topic 0","tldr":' + DEEP + "}]", "[" * 980, '{"a":' * 900])
def test_a_text_that_is_nested_too_deeply_answers_nothing(text: str) -> None:
    assert outcome_of(json.dumps(envelope(text)).encode()).kind in ("replied", "failed")
    matched = match_reply(text, asked={"0": "Topic 0"}, profile=SUMMARY)
    assert (matched.answers, set(matched.rejected)) == ({}, {"0"})


@pytest.mark.parametrize(
    ("count", "usage"),
    [
        (5, Usage(input_tokens=5)),
        (2**31, None),
        (2**63, None),
        (10**400, None),
        (-1, None),
    ],
)
def test_a_token_count_that_no_call_can_have_is_unknown(count: int, usage: Usage | None) -> None:
    body = json.dumps(envelope(usageMetadata={"promptTokenCount": 0})).replace('Count": 0', f'Count": {count}')
    outcome = outcome_of(body.encode())
    assert (outcome.kind, outcome.usage) == ("replied", usage) or (outcome.kind, usage) == ("failed", None)


# --------------------------------------------------------------------------------------------------------------- size


def bomb() -> bytes:
    packed = zlib.compressobj(9, wbits=31)
    return b"".join([packed.compress(b"[" * 2**20) for _ in range(1024)]) + packed.flush()


@pytest.mark.long
def test_a_body_that_expands_to_a_gigabyte_is_given_up_early() -> None:
    compressed = bomb()
    assert len(compressed) < 2 * 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = outcome_of(compressed, "Content-Encoding: gzip")
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert (outcome.kind, outcome.detail) == ("failed", "the reply is larger than 8 MB")
    assert grown_mb < 100


def test_a_body_that_never_ends_is_given_up() -> None:
    outcome = outcome_of(b"", endless=b" " * 65536)
    assert (outcome.kind, outcome.detail) == ("failed", "the reply is larger than 8 MB")


def test_an_error_body_that_never_ends_is_given_up() -> None:
    with answering(http(b"", status="503 Service Unavailable"), endless=b" " * 65536) as url:
        assert ask_at(url).detail == "the reply is larger than 8 MB"


def test_headers_that_never_end_are_given_up() -> None:
    began = time.monotonic()
    with answering(b"HTTP/1.1 200 OK\r\n", endless=b"X-More: " + b"x" * 1000 + b"\r\n") as url:
        assert ask_at(url, timeout_s=5.0).kind in ("dropped", "timeout")
    assert time.monotonic() - began < 30


def test_a_compressed_reply_is_read_and_another_compression_is_not() -> None:
    body = gzip.compress(json.dumps(envelope("[1]")).encode())
    assert outcome_of(body, "Content-Encoding: gzip").text == "[1]"
    assert outcome_of(b"whatever", "Content-Encoding: br").kind == "failed"
    assert outcome_of(b"no gzip at all", "Content-Encoding: gzip").kind == "dropped"


# ------------------------------------------------------------------------------------------- statuses, and not HTTP


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        (http(b"{}", status="409 Conflict"), "failed", "may lie in the batch"),
        (http(b"{}", status="413 Content Too Large"), "failed", "a smaller batch may do"),
        (http(b"{}", status="418 I'm a teapot"), "failed", "never seen before"),
        (http(b"", "Location: /v1beta/models/x", status="302 Found"), "failed", "a redirect is not followed"),
        (http(b"{}", "Content-Length: 4000"), "dropped", "fewer bytes than promised"),
        (http(b"{}", "Content-Length: minus one"), "dropped", "no number"),
        (http(ORDINARY * 2, f"Content-Length: {len(ORDINARY)}"), "replied", "more bytes than promised"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "dropped", "not HTTP"),
        (b"\x00\xff\x00\xff" * 100, "dropped", "not even text"),
        (b"", "dropped", "nothing"),
    ],
)
def test_statuses_and_protocols(reply: bytes, kind: str, why: str) -> None:
    with answering(reply) as url:
        assert ask_at(url).kind == kind, why


def test_a_redirect_in_a_loop_is_not_followed() -> None:
    with answering(http(b"", "Location: /", status="307 Temporary Redirect")) as url:
        outcome = ask_at(url)
    assert (outcome.kind, outcome.detail[:3]) == ("failed", "307")


# ------------------------------------------------------------------------------------- what is kept of a server's text

SECRET = "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"


def shown_of(body: dict[str, Any] | str, *, status: str = "200 OK") -> str:
    """Everything that is kept of a reply."""
    with answering(http((body if isinstance(body, str) else json.dumps(body)).encode(), status=status)) as url:
        outcome = ask_at(url, key=SECRET)
    return f"{outcome.detail}|{outcome.model_version}|{outcome.text}"


FORMS = {
    "plain": SECRET,
    "in part": SECRET[7:30],
    "Base64": base64.b64encode(SECRET.encode()).decode(),
    "Base64, inside a longer text": base64.b64encode(b"key=" + SECRET.encode() + b"&x").decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_key_is_removed_from_wherever_a_server_quotes_it(form: str) -> None:
    value = FORMS[form]
    candidate = {"finishReason": value, "content": {"parts": [{"text": json.dumps([{"tldr": value}])}]}}
    shown = [
        shown_of(envelope(candidates=[candidate])),
        shown_of(envelope(promptFeedback={"blockReason": value}, candidates=[])),
        shown_of(envelope(modelVersion=value)),
        shown_of({"error": {"code": 400, "status": value, "message": f"Bad key '{value}'"}}, status="400 Bad Request"),
        shown_of(f"<html>{value}</html>", status="503 Service Unavailable"),
    ]
    for text in shown:
        assert not any(value[start : start + 10] in text for start in range(len(value) - 10)), form


def test_the_key_is_removed_from_an_answer_that_hides_it_in_escapes() -> None:
    hidden = "".join(f"\\u{ord(mark):04x}" for mark in SECRET)
    text = '[{"id": "0", "topic": "Topic 0", "tldr": "%s", "challenge": "practice"}]' % hidden  # noqa: UP031
    shown = shown_of(envelope(text))
    assert SECRET not in json.loads(shown.partition("|")[2].partition("|")[2])[0]["tldr"]


def test_escape_sequences_and_control_characters_are_removed() -> None:
    value = "a\x1b[31mred\x1b]0;title\x07\x1b[2J\x00\x08\u202e\u200bend"
    with answering(
        http(json.dumps(envelope(candidates=[{"finishReason": value}], modelVersion=value)).encode())
    ) as url:
        outcome = ask_at(url)
    assert outcome.detail == outcome.model_version == "aredend"
    assert outcome.detail.isprintable()
    assert Cleaner([]).line("half a pair \ud800 of\nsurrogates") == "half a pair of surrogates"


def test_an_answer_with_the_words_of_a_key_that_is_no_secret_stays() -> None:
    body = json.dumps(envelope('[{"tldr": "Runs offline too"}]')).encode()
    with answering(http(body)) as url:
        assert ask_at(url, key="offline").text == '[{"tldr": "Runs offline too"}]'
