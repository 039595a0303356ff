"""The flex tier: half the price, minutes of latency, refusals at any time. Its minutes are seconds here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roadmap_assets.enrichment.cost import Prices
from roadmap_assets.enrichment.engine.events import FellBack, Stopped
from roadmap_assets.simulator.faults import Edit, Rule
from roadmap_assets_tests.enrichment.engine.runs import Runs, Start, agree, on_both, questions, rightly_answered

pytestmark = on_both

FLEX: dict[str, Any] = {"service": "flex"}


def cost_of(runs: Runs, service: str) -> float:
    """What the calls that this service served have cost, by the ledger."""
    [(cost,)] = runs.rows(f"SELECT coalesce(sum(cost_usd), 0) FROM api_calls WHERE service = '{service}'")
    return float(cost)


def test_flex_answers_every_row_for_half_the_price_although_it_refuses_a_third(start: Start, priced: Prices) -> None:
    runs = start(options={"flex_latency_s": 0.3, "flex_refused": 0.3, "seed": 5}, prices=priced)
    report = runs.run(questions(400), **FLEX)
    assert report.rows == {"enriched": 400}
    assert rightly_answered(runs) == 400
    agree(runs, report)
    assert runs.outcomes() == {"answered": 20, "shed": report.calls - 20}, "a refused batch is neither split nor lost"
    assert report.calls > 24
    assert report.calls_by_service == {"flex": report.calls}
    used = report.input_tokens + report.output_tokens
    assert report.cost_usd == pytest.approx(0.5 * used * 10e-6)
    assert {request.tier for request in runs.simulator.requests if request.status == 200} == {"flex"}


def test_the_deadline_of_flex_is_its_own_and_is_sent_to_the_server(start: Start) -> None:
    runs = start(options={"flex_latency_s": 0.6}, timeout_s=0.2)
    assert runs.run(questions(20), **FLEX).rows == {"enriched": 20}, "the deadline of the standard tier does not hold"
    [request] = runs.simulator.requests
    assert request.deadline_s == 900
    runs = start(options={"latency_s": 0.6}, timeout_s=0.2)
    assert runs.run(questions(20, start=20), attempts=1).rows == {"deferred": 20}


def test_what_flex_refuses_for_longer_than_the_patience_is_deferred(start: Start) -> None:
    runs = start(options={"flex_refused": 1})
    report = runs.run(questions(100), **FLEX, flex_patience_s=300.0)
    assert report.rows == {"deferred": 100}
    assert "the flex tier has refused every call for 300 s (503 UNAVAILABLE" in report.stop_reason
    assert "ROADMAP_FLEX_FALLBACK=standard" in report.stop_reason
    assert set(runs.outcomes()) == {"shed"}
    assert not runs.failed(), "to be refused is no failure of a topic"
    assert any(isinstance(event, Stopped) for event in runs.events)
    assert runs.clock.time() - 1_790_000_000 >= 300


def test_by_choice_the_rest_is_asked_at_the_full_price(start: Start, priced: Prices) -> None:
    runs = start(options={"flex_refused": 1}, prices=priced)
    report = runs.run(questions(100), **FLEX, flex_patience_s=300.0, flex_fallback="standard")
    assert report.rows == {"enriched": 100}
    assert rightly_answered(runs) == 100
    assert report.calls_by_service["standard"] == 5
    assert cost_of(runs, "flex") == 0
    assert cost_of(runs, "standard") == report.cost_usd
    assert report.cost_usd
    assert sum(isinstance(event, FellBack) for event in runs.events) == 1


def test_the_full_price_is_only_paid_within_the_budget(start: Start, priced: Prices) -> None:
    runs = start(options={"flex_refused": 1}, prices=priced)
    one_call = start(prices=priced).run(questions(20, start=500)).cost_usd
    assert one_call
    budget = 3.5 * one_call
    report = runs.run(
        questions(100), **FLEX, flex_patience_s=60.0, flex_fallback="standard", budget_usd=budget, concurrency=1
    )
    assert report.cost_usd is not None
    assert 0 < report.cost_usd <= budget
    assert report.rows["deferred"] >= 40
    assert "budget" in report.stop_reason


def test_a_call_is_billed_by_the_tier_that_served_it(start: Start, priced: Prices) -> None:
    runs = start(options={"flex_serves": "standard"}, prices=priced)
    report = runs.run(questions(20), **FLEX)
    assert report.calls_by_service == {"standard": 1}
    assert report.cost_usd == pytest.approx((report.input_tokens + report.output_tokens) * 10e-6)


def test_replies_of_flex_are_recovered_as_any_other(start: Start) -> None:
    runs = start(Rule(Edit("omit"), first=2), options={"flex_refused": 0.3, "seed": 1})
    report = asyncio.run(runs.engine(**FLEX).run(questions(60)))
    assert report.rows == {"enriched": 60}
    assert rightly_answered(runs) == 60
