"""Every fault that a provider shows, over real HTTP: the resulting rows, calls and ledger.

100 topics in 5 batches, unless said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from roadmap_assets.simulator.faults import (
    BlockPrompt,
    Cut,
    Drip,
    Drop,
    Edit,
    Fault,
    Finish,
    Garble,
    Hang,
    Rule,
    Status,
)
from roadmap_assets_tests.enrichment.engine.runs import MODEL, Start, agree, on_both, questions, rightly_answered

pytestmark = on_both


@dataclass(frozen=True)
class Case:
    """A fault that costs calls and no row."""

    fault: str
    rules: tuple[Rule, ...]
    most_calls: int
    outcomes: dict[str, int]
    detail: str = ""
    timeout_s: float = 20.0

    def __str__(self) -> str:
        return self.fault


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


@pytest.mark.parametrize("case", CASES, ids=str)
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
