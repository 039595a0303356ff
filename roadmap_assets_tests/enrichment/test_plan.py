"""A plan makes no call, and its numbers are those of the run that follows."""

from __future__ import annotations

import pytest

from roadmap_assets.enrichment.limiter.base import Limits
from roadmap_assets_tests.enrichment.engine.runs import Start, ask, on_both, questions

pytestmark = on_both


def test_a_plan_agrees_with_the_run_that_follows(start: Start) -> None:
    runs = start()
    runs.run(questions(50))
    calls = runs.calls
    rows = [*questions(134), *questions(10, start=120), ask("Long", "Words and more words. " * 300)]
    engine = runs.engine()
    plan = engine.plan(rows)
    assert runs.calls == calls, "no call is made"
    report = runs.run(rows)
    assert (plan.rows, plan.hits, plan.misses, plan.given_up) == (145, 50, 95, 0)
    assert report.rows == {"hit": plan.hits, "enriched": plan.misses}
    assert plan.calls == report.calls == report.least_calls == 5
    schema_tokens = plan.calls * len(str(runs.profile.reply_schema)) // 4  # which the simulator does not count
    assert plan.input_tokens == pytest.approx(report.input_tokens + schema_tokens, rel=0.05)
    assert report.output_tokens <= plan.output_tokens
    assert plan.cost_usd == 0.0
    assert (plan.seconds, plan.days) == (2.0, 1)
    after = engine.plan(rows)
    assert (after.hits, after.calls, after.input_tokens, after.seconds, after.days) == (145, 0, 0, 0.0, 0)


@pytest.mark.parametrize(
    ("limits", "seconds", "days", "why"),
    [
        (Limits(rpm=15, tpm=0, rpd=0), 62.0, 1, "the 16th call waits for the second window"),
        (Limits(rpm=15, tpm=0, rpd=8), 62.0, 3, "20 calls at 8 a day"),
        (Limits(rpm=0, tpm=0, rpd=0), 2.0, 1, "without limits, all at once"),
        (Limits(rpm=15, tpm=0, rpd=0, pacing="even"), 78.0, 1, "4 s from one call to the next"),
    ],
)
def test_the_shortest_time_follows_from_the_quota(
    start: Start, limits: Limits, seconds: float, days: int, why: str
) -> None:
    plan = start(limits=limits).engine().plan(questions(400))
    assert (plan.calls, plan.seconds, plan.days) == (20, seconds, days), why


def test_an_unknown_price_is_not_zero(start: Start) -> None:
    engine = start(model="nobodys-model").engine()
    assert engine.plan(questions(1)).cost_usd is None
