"""A budget is kept to the cent, whatever the calls come to."""

from __future__ import annotations

import pytest

from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.cost import Prices
from roadmap_assets.simulator.faults import Hang, Rule
from roadmap_assets_tests.enrichment.engine.runs import Start, on_both, questions

pytestmark = on_both


@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_budget_is_used_and_never_passed(start: Start, priced: Prices, concurrency: int) -> None:
    runs = start(prices=priced, clock=SystemClock())
    one_call = runs.engine().plan(questions(20)).cost_usd
    assert one_call is not None
    budget = 4 * one_call
    report = runs.run(questions(400), concurrency=concurrency, budget_usd=budget)
    assert report.cost_usd is not None
    assert budget - one_call < report.cost_usd <= budget
    assert set(report.rows) == {"enriched", "deferred"}
    assert "budget" in report.stop_reason
    assert report.deferred_until is None
    assert runs.run(questions(400), concurrency=concurrency, budget_usd=100.0).complete


def test_a_call_that_ended_unseen_counts_against_the_budget(start: Start, priced: Prices) -> None:
    runs = start(Rule(Hang()), prices=priced, timeout_s=0.3)
    one_call = runs.engine().plan(questions(20)).cost_usd
    assert one_call is not None
    report = runs.run(questions(20), budget_usd=2.5 * one_call)
    assert runs.calls == 2, "each may have been charged for"
    assert report.rows == {"deferred": 20}
    assert "budget" in report.stop_reason


def test_a_call_that_was_never_sent_is_not_charged_to_the_budget(start: Start, priced: Prices) -> None:
    runs = start(prices=priced)
    one_call = runs.engine().plan(questions(20)).cost_usd
    assert one_call is not None
    runs.simulator.refuse()
    report = runs.run(questions(20), budget_usd=1.5 * one_call)
    assert report.calls == 4, "all attempts, though the budget has room for one call"
    assert "cannot be reached" in report.stop_reason


def test_with_a_budget_and_no_price_nothing_is_asked(start: Start) -> None:
    runs = start(model="nobodys-model", options={"model_version": "nobodys-model"})
    report = runs.run(questions(20, model="nobodys-model"), budget_usd=1.0)
    assert (runs.calls, report.rows) == (0, {"deferred": 20})
    assert "nobodys-model is unknown" in report.stop_reason
    assert runs.run(questions(20, model="nobodys-model")).cost_usd is None
