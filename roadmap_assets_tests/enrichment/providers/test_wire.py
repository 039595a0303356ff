"""The body of a request, and what errors mean."""

from __future__ import annotations

import json

import pytest

from roadmap_assets.enrichment.providers.wire import classify_error, encoded, read_error, request_text
from roadmap_assets_tests.enrichment.engine.runs import ask


def test_the_request_names_topics_by_their_places() -> None:
    sent = json.loads(request_text([ask("Größe", "A text."), ask("Two", "")]))
    assert sent == {
        "topics": [
            {"id": "0", "topic": "Größe", "description": "A text.", "context": "A Roadmap > A Category"},
            {"id": "1", "topic": "Two", "description": "", "context": "A Roadmap > A Category"},
        ]
    }


RETRY = "type.googleapis.com/google.rpc.RetryInfo"
QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"


@pytest.mark.parametrize(
    ("status", "body", "kind", "delay", "why"),
    [
        (429, None, "busy", None, "no body"),
        (429, "text", "busy", None, "no JSON"),
        (429, {"error": "text"}, "busy", None, "another shape"),
        (429, {"error": {"details": "text"}}, "busy", None, "another shape"),
        (429, {"error": {"details": [1, {"@type": RETRY, "retryDelay": "3s"}]}}, "busy", 3.0, "RetryInfo"),
        (429, {"error": {"details": [{"@type": RETRY, "retryDelay": "soon"}]}}, "busy", None, "no duration"),
        (429, {"error": {"details": [{"@type": RETRY, "retryDelay": "-3s"}]}}, "busy", None, "no time machine"),
        (
            429,
            {"error": {"details": [{"@type": RETRY, "retryDelay": "9" * 400 + "s"}]}},
            "busy",
            31_536_000.0,
            "bounded",
        ),
        (
            429,
            {
                "error": {
                    "details": [{"@type": QUOTA, "violations": [{"quotaId": "PerMinute"}, {"quotaId": "XPerDayY"}]}]
                }
            },
            "day_exhausted",
            None,
            "one of two quotas is the day's",
        ),
        (503, {"error": {"details": [{"@type": RETRY, "retryDelay": "1.5s"}]}}, "unavailable", 1.5, "5xx may say when"),
        (599, None, "unavailable", None, "never seen before"),
        (408, None, "unavailable", None, "a proxy's time-out"),
        (418, None, "failed", None, "never seen before"),
        (401, None, "refused", None, "the key"),
    ],
)
def test_errors_are_told_apart(status: int, body: object, kind: str, delay: float | None, why: str) -> None:
    assert classify_error(status, body) == (kind, delay), why


def test_an_error_in_a_proxys_own_words_is_quoted_with_the_status() -> None:
    outcome = read_error(502, "Bad Gateway", b"<h1>upstream is away</h1>")
    assert (outcome.kind, outcome.detail) == ("unavailable", "502 Bad Gateway: <h1>upstream is away</h1>")


def test_half_of_a_surrogate_pair_does_not_keep_a_request_from_being_sent() -> None:
    assert encoded({"text": "a \ud800 b"}) == b'{"text":"a ? b"}'
